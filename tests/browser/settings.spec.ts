import { createCustomer, enter, expect, ownTest as test, unique } from "./support";

test("the menu takes every click while others change the list behind it @SYS-16", async ({ app, api }) => {
  let working = true;
  const others = (async () => {
    while (working) await createCustomer(api);
  })();
  const rounds = [
    ["中文", "客户"],
    ["English", "Customers"],
  ] as const;
  for (const [language, heading] of [...rounds, ...rounds, ...rounds]) {
    await app.getByRole("button", { name: /settings and sign-out|设置与退出/ }).click();
    await app.getByRole("menuitem", { name: language }).click();
    await expect(app.getByRole("heading", { level: 1 })).toContainText(heading);
  }
  working = false;
  await others;
});

test("the language changes at once, everywhere, and stays @SYS-16", async ({ app }) => {
  await app.getByRole("button", { name: /settings and sign-out/ }).click();
  await app.getByRole("menuitem", { name: "中文" }).click();
  await expect(app.getByRole("heading", { level: 1 })).toContainText("客户");
  await expect(app.locator("html")).toHaveAttribute("lang", "zh-CN");
  await expect(app.getByRole("columnheader").filter({ hasText: "阶段" }).or(app.getByText("还没有客户"))).toBeVisible();
  await app.reload();
  await expect(app.getByRole("heading", { level: 1 })).toContainText("客户");
});

test("errors of the server follow the language @SYS-16", async ({ app }) => {
  await app.keyboard.press("ControlOrMeta+k");
  await app.getByRole("combobox", { name: "Search and commands" }).fill("yuyan");
  await app.keyboard.press("Enter");
  await expect(app.getByRole("heading", { level: 1 })).toContainText("客户");
  await app.keyboard.press("c");
  const dialog = app.getByRole("dialog");
  await dialog.getByLabel("名称").fill("错误");
  await dialog.getByRole("textbox", { name: "号码" }).fill("+0");
  await dialog.getByRole("button", { name: "保存" }).click();
  await expect(dialog.getByRole("alert")).toHaveText(/\p{Script=Han}/u);
});

test("dark and light follow the system until one is chosen @SYS-09", async ({ app }) => {
  await app.emulateMedia({ colorScheme: "dark" });
  await expect(app.locator("html")).toHaveAttribute("data-theme", "dark");
  await app.emulateMedia({ colorScheme: "light" });
  await expect(app.locator("html")).toHaveAttribute("data-theme", "light");
  await app.getByRole("button", { name: /settings and sign-out/ }).click();
  await app.getByRole("menuitem", { name: "Dark" }).click();
  await expect(app.locator("html")).toHaveAttribute("data-theme", "dark");
  await app.reload();
  await expect(app.locator("html")).toHaveAttribute("data-theme", "dark");
});

test("density changes the height of a row @SYS-09", async ({ app, api }) => {
  const { name } = await createCustomer(api, { name: unique("Dense") });
  await app.goto(`/customers?q=${encodeURIComponent(name)}`);
  const row = app.locator("[data-index='0']");
  const compact = (await row.boundingBox())?.height ?? 0;
  await app.getByRole("button", { name: /settings and sign-out/ }).click();
  await app.getByRole("menuitem", { name: "Comfortable" }).click();
  await expect(async () => expect((await row.boundingBox())?.height).toBeGreaterThan(compact)).toPass();
});

test("the palette finds people by pinyin and goes anywhere @SYS-10", async ({ app, api }) => {
  const { name } = await createCustomer(api, { name: unique("解氏仪器") });
  await app.keyboard.press("ControlOrMeta+k");
  await app.getByRole("combobox", { name: "Search and commands" }).fill(`xsyq ${name.split(" ")[1] ?? ""}`);
  await app.getByRole("option", { name: new RegExp(name) }).click();
  await expect(app.getByRole("heading", { level: 1, name })).toBeVisible();
  await app.keyboard.press("ControlOrMeta+k");
  await app.getByRole("combobox", { name: "Search and commands" }).fill("联系人");
  await app.getByRole("option", { name: "Go to contacts" }).click();
  await expect(app.getByRole("heading", { level: 1 })).toContainText("Contacts");
});

test("? shows the shortcuts and Esc closes them @SYS-10", async ({ app }) => {
  await app.keyboard.press("?");
  await expect(app.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await app.keyboard.press("Escape");
  await expect(app.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeHidden();
});

test("columns are chosen and stay chosen @SYS-09", async ({ app, api }) => {
  const { name } = await createCustomer(api, { name: unique("Columns"), industry: "Optics" });
  await app.goto(`/customers?q=${encodeURIComponent(name)}`);
  await app.getByRole("button", { name: "Columns" }).click();
  await app.getByRole("checkbox", { name: "Industry" }).click();
  await expect(app.getByRole("columnheader", { name: "Industry" })).toBeVisible();
  await app.reload();
  await expect(app.getByRole("cell", { name: "Optics" })).toBeVisible();
});

test("a server that is away is told in words, and work goes on when it is back @SYS-10", async ({ page, system }) => {
  await enter(page, system);
  await page.route("**/api/v1/contacts?*", (route) => route.abort());
  await page.getByRole("navigation").getByRole("link", { name: "Contacts" }).click();
  await expect(page.getByRole("alert")).toContainText("The server cannot be reached");
  await page.unroute("**/api/v1/contacts?*");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("alert")).toHaveCount(0);
});
