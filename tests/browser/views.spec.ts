import { create, createCustomer, expect, expectAccessible, fact, ownTest as test, rowOf, unique } from "./support";

const listOf = (source: string) => `/customers?${new URLSearchParams({ "filter[source][eq]": source }).toString()}`;

test("a list is kept as a view, changed, saved and deleted @NRM-03", async ({ app, api }) => {
  const source = unique("Source");
  const { name } = await createCustomer(api, { source });
  await app.goto(listOf(source));
  await expect(rowOf(app, name)).toBeVisible();
  await app.getByRole("button", { name: "Save as view" }).click();
  const title = unique("View");
  await app.getByRole("textbox", { name: "Name" }).fill(title);
  await expectAccessible(app);
  await app.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  const tabs = app.getByRole("navigation", { name: "Views" });
  await expect(tabs.getByRole("link", { name: title })).toHaveAttribute("aria-current", "page");

  await app.getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  await expect(tabs.getByRole("img", { name: "Changed, not saved" })).toBeVisible();
  await tabs.getByRole("button", { name: "Save", exact: true }).click();
  await expect(tabs.getByRole("img", { name: "Changed, not saved" })).toBeHidden();
  await tabs.getByRole("link", { name: "All", exact: true }).click();
  await tabs.getByRole("link", { name: title }).click();
  await expect(app).toHaveURL(/sort=name/);

  await tabs.getByRole("button", { name: /What can be done/ }).click();
  await app.getByRole("menuitem", { name: "Open the list with it" }).click();
  await expect(async () => {
    await app.goto("/customers");
    await expect(tabs.getByRole("link", { name: title })).toHaveAttribute("aria-current", "page", { timeout: 2000 });
  }).toPass();
  await tabs.getByRole("button", { name: /What can be done/ }).click();
  await app.getByRole("menuitem", { name: "Delete" }).click();
  await expect(tabs.getByRole("link", { name: title })).toHaveCount(0);
});

test("all that match are changed after a preview, and the change is undone @NRM-03", async ({ app, api }) => {
  const source = unique("Bulk");
  for (let at = 0; at < 120; at += 20) await Promise.all(Array.from({ length: 20 }, () => createCustomer(api, { source })));
  await app.goto(listOf(source));
  await app.getByRole("checkbox", { name: "Select all that are loaded" }).check();
  await app.getByRole("button", { name: "Select all 120" }).click();
  await app.getByRole("button", { name: "Change…" }).click();
  const dialog = app.getByRole("dialog");
  await expect(dialog.getByRole("combobox", { name: "Field" })).toBeFocused();
  await app.keyboard.type("Stage");
  await app.keyboard.press("Enter");
  await dialog.getByRole("combobox", { name: "Stage" }).click();
  await app.keyboard.type("Active");
  await app.keyboard.press("Enter");
  await expect(dialog.getByText("120 customers: 120 will change, 0 are so already, 0 are refused.")).toBeVisible();
  await expectAccessible(app);
  await dialog.getByRole("button", { name: "Change 120" }).click();
  await expect(app.getByText(/120 changed\./)).toBeVisible({ timeout: 20_000 });
  await expect(app.getByRole("row").filter({ hasText: "Active" }).first()).toBeVisible();
  await app.getByRole("button", { name: "Undo" }).click();
  await expect(app.getByText(/Undoing.*120 changed\./)).toBeVisible({ timeout: 20_000 });
  await expect(app.getByRole("row").filter({ hasText: "Prospect" }).first()).toBeVisible();
});

test("what a person chooses follows them to another browser while they work there @SYS-09", async ({ app, browser, system }) => {
  const other = await browser.newContext({ baseURL: system.url, locale: "en-GB", storageState: await app.context().storageState() });
  const page = await other.newPage();
  await page.goto("/customers");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await app.getByRole("button", { name: /settings and sign-out/ }).click();
  await app.getByRole("menuitem", { name: "Dark" }).click();
  await expect(app.locator("html")).toHaveAttribute("data-theme", "dark");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await other.close();
});

test("times follow the time zone that a person chose, also in another browser @SYS-09", async ({ app, api, browser, system }) => {
  const customer = await createCustomer(api);
  await create(api, "activities", { kind: "meeting", subject: "Across the sea", customerId: customer.id, occurTime: "2026-01-15T23:30:00Z" });
  await app.goto("/customers");
  await app.getByRole("button", { name: /settings and sign-out/ }).click();
  await app.getByRole("menuitem", { name: "Time zone…" }).click();
  const dialog = app.getByRole("dialog", { name: "Time zone" });
  await dialog.getByRole("combobox").fill("Tokyo");
  await app.locator(".ant-select-item-option", { hasText: "Asia/Tokyo" }).click();
  await expectAccessible(app);
  await app.keyboard.press("Escape");
  await app.goto(`/customers/${customer.id}`);
  await expect(app.getByTitle("16 Jan 2026, 08:30")).toBeVisible();

  const other = await browser.newContext({ baseURL: system.url, locale: "en-GB", timezoneId: "America/New_York", storageState: await app.context().storageState() });
  const page = await other.newPage();
  await page.goto(`/customers/${customer.id}`);
  await expect(page.getByTitle("16 Jan 2026, 08:30")).toBeVisible();
  await page.getByRole("link", { name: "Across the sea" }).click();
  await fact(page, "When").click();
  await expect(page.getByRole("textbox", { name: "When" })).toHaveValue("2026-01-16 08:30");
  await other.close();
});

test("a view keeps its own density, whoever opens it @NRM-03 @SYS-09", async ({ app, api }) => {
  const source = unique("Dense");
  const { name } = await createCustomer(api, { source });
  await app.goto(listOf(source));
  await expect(rowOf(app, name)).toHaveCSS("height", "28px");
  await app.getByRole("button", { name: "Save as view" }).click();
  await app.getByRole("textbox", { name: "Name" }).fill(unique("Wide"));
  await app.getByRole("radio", { name: "Comfortable" }).check();
  await app.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await expect(rowOf(app, name)).toHaveCSS("height", "44px");
  await app.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "All", exact: true }).click();
  await expect(rowOf(app, name)).toHaveCSS("height", "28px");
});

test("a list is counted by groups, and a click shows one of them alone @NRM-03", async ({ app, api }) => {
  const source = unique("Grouped");
  const made = await Promise.all(["active", "active", "active", "lost"].map((stage) => createCustomer(api, { source, stage })));
  await app.goto(listOf(source));
  await app.getByRole("button", { name: "Group", exact: true }).click();
  await app.getByRole("menuitem", { name: "Stage" }).click();
  const groups = app.getByRole("group", { name: "By Stage" });
  await expect(groups.getByRole("button", { name: "Active 3" })).toBeVisible();
  await groups.getByRole("button", { name: "Lost 1" }).click();
  await expect(rowOf(app, made[3]?.name ?? "")).toBeVisible();
  await expect(app.getByRole("row")).toHaveCount(2);
  await expect(app).toHaveURL(/filter\[stage\]\[in\]=lost/);
  await expect(groups.getByRole("button", { name: "Lost 1" })).toHaveAttribute("aria-pressed", "true");
  await expect(groups.getByRole("button", { name: "Active 3" })).toBeVisible();
  await expectAccessible(app);
  await app.reload();
  await groups.getByRole("button", { name: "Lost 1" }).click();
  await expect(app.getByRole("row")).toHaveCount(5);
});

test("times are counted by the span that is chosen, and a click shows what is in it, also where clocks change @NRM-03", async ({ app, api }) => {
  await app.clock.setFixedTime(new Date("2026-10-26T12:00:00Z"));
  await app.getByRole("button", { name: /settings and sign-out/ }).click();
  await app.getByRole("menuitem", { name: "Time zone…" }).click();
  await app.getByRole("dialog", { name: "Time zone" }).getByRole("combobox").fill("London");
  await app.locator(".ant-select-item-option", { hasText: "Europe/London" }).click();
  await app.keyboard.press("Escape");
  const subject = unique("Span");
  const customer = await createCustomer(api);
  // London's clocks go back on 25 October 2026: that day is 25 hours long, from 23:00 to 24:00 in UTC.
  for (const occurTime of ["2026-10-24T22:59:59Z", "2026-10-24T23:00:00Z", "2026-10-25T23:59:59Z", "2026-10-26T00:00:00Z", "2025-12-29T10:00:00Z"])
    await create(api, "activities", { kind: "call", subject: `${subject} ${occurTime}`, customerId: customer.id, occurTime });
  await app.goto(`/activities?filter[customerId][eq]=${customer.id}`);
  await app.getByRole("button", { name: "Group", exact: true }).click();
  await app.getByRole("menuitem", { name: "When", exact: true }).click();
  const groups = app.getByRole("group", { name: "By When" });
  const names = () => groups.getByRole("button", { pressed: false }).filter({ hasText: /\d$/ }).allTextContents();
  const by = async (now: string, next: string, expected: string[]) => {
    await groups.getByRole("button", { name: now }).click();
    await app.getByRole("menuitem", { name: next }).click();
    await expect.poll(names).toEqual(expected);
  };
  await expect.poll(names).toEqual(["October 2026 4", "December 2025 1"]);
  await by("by month", "by year", ["2026 4", "2025 1"]);
  await by("by year", "by quarter", ["Q4 2026 4", "Q4 2025 1"]);
  await by("by quarter", "by week", ["Week 44, 2026 1", "Week 43, 2026 3", "Week 1, 2026 1"]);
  await by("by week", "by day", ["26 Oct 2026 1", "25 Oct 2026 2", "24 Oct 2026 1", "29 Dec 2025 1"]);
  await expectAccessible(app);
  await groups.getByRole("button", { name: "25 Oct 2026 2" }).click();
  await expect(app.getByRole("row")).toHaveCount(3);
  await expect(app).toHaveURL(/gte\]=2026-10-24T23%3A00.*lt\]=2026-10-26T00%3A00/);
  await expect(groups.getByRole("button", { name: "25 Oct 2026 2" })).toHaveAttribute("aria-pressed", "true");
});

test("a view keeps the grouping, and views from before have none @NRM-03", async ({ app, api }) => {
  const source = unique("Kept");
  await createCustomer(api, { source });
  await app.goto(listOf(source));
  await app.getByRole("button", { name: "Save as view" }).click();
  await app.getByRole("textbox", { name: "Name" }).fill(unique("Plain"));
  await app.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  const tabs = app.getByRole("navigation", { name: "Views" });
  const changed = tabs.getByRole("img", { name: "Changed, not saved" });
  const view = tabs.getByRole("link", { name: "Plain" });
  await expect(view).toHaveAttribute("aria-current", "page");
  await expect(changed).toHaveCount(0);
  await app.getByRole("button", { name: "Group", exact: true }).click();
  await app.getByRole("menuitem", { name: "Stage" }).click();
  await expect(changed).toBeVisible();
  await tabs.getByRole("button", { name: "Save", exact: true }).click();
  await expect(changed).toHaveCount(0);
  await tabs.getByRole("link", { name: "All", exact: true }).click();
  const groups = app.getByRole("group", { name: "By Stage" });
  await expect(groups).toHaveCount(0);
  await view.click();
  await expect(groups.getByRole("button", { name: "Prospect 1" })).toBeVisible();
  await groups.getByRole("button", { name: "Stop grouping" }).click();
  await expect(changed).toBeVisible();
  await tabs.getByRole("button", { name: /What can be done/ }).click();
  await app.getByRole("menuitem", { name: "Back to how it was saved" }).click();
  await expect(groups.getByRole("button", { name: "Prospect 1" })).toBeVisible();
});

test("a record is counted in the group of each of its categories, and a click on one or on none shows those alone @CUS-04 @NRM-03", async ({ app, api }) => {
  const source = unique("Sorted");
  const [vip, key] = [await create(api, "categories", { name: unique("VIP"), colour: "gold" }), await create(api, "categories", { name: unique("Key") })];
  const [both] = await Promise.all([
    createCustomer(api, { source, handCategoryIds: [vip.id, key.id], tags: ["sweet"] }),
    createCustomer(api, { source, handCategoryIds: [vip.id] }),
    createCustomer(api, { source }),
  ]);
  await app.goto(listOf(source));
  await app.getByRole("button", { name: "Group", exact: true }).click();
  await app.getByRole("menuitem", { name: "Categories", exact: true }).click();
  const groups = app.getByRole("group", { name: "By Categories" });
  const nameOf = (category: { name: string }, count: number) => groups.getByRole("button", { name: `${category.name} ${count}` });
  await expect(nameOf(vip, 2)).toBeVisible();
  await expect(nameOf(vip, 2).locator("[data-colour=gold]")).toHaveText(vip.name);
  await nameOf(key, 1).click();
  await expect(app.getByRole("row")).toHaveCount(2);
  await expect(rowOf(app, both?.name ?? "")).toBeVisible();
  await expect(nameOf(key, 1)).toHaveAttribute("aria-pressed", "true");
  await expect(nameOf(vip, 2)).toBeVisible();
  await expectAccessible(app);
  await groups.getByRole("button", { name: "Not filled in 1" }).click();
  await expect(app).toHaveURL(/filter\[categoryIds\]\[isNull\]=true/);
  await expect(app.getByRole("row")).toHaveCount(2);
  await expect(rowOf(app, both?.name ?? "")).toBeHidden();
  await app.getByRole("button", { name: "Group", exact: true }).click();
  await app.getByRole("menuitem", { name: "Tags", exact: true }).click();
  await expect(app.getByRole("group", { name: "By Tags" }).getByRole("button", { name: "Not filled in 1" }), "of those without a category").toBeVisible();
});
