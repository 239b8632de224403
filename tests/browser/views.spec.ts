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

  // Of times, the month: what is made now is in it.
  await app.getByRole("button", { name: "Group", exact: true }).click();
  await app.getByRole("menuitem", { name: "Created, by month" }).click();
  const month = new Intl.DateTimeFormat("en-GB", { year: "numeric", month: "long" }).format(new Date());
  await app.getByRole("group", { name: "By Created" }).getByRole("button", { name: `${month} 4` }).click();
  await expect(app.getByRole("row")).toHaveCount(5);
  await expect(app).toHaveURL(/createTime/);
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
