import { createCustomer, expect, expectAccessible, ownTest as test, rowOf, unique } from "./support";

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
