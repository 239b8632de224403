import { create, createCustomer, expect, expectAccessible, test, unique, type Customer } from "./support";

// Every screen in both themes: nothing that axe finds. On a phone of 360 px: nothing that sticks out.

const screens: { name: string; open: (customer: Customer) => string }[] = [
  { name: "the list of customers", open: () => "/customers" },
  { name: "a list that is filtered and sorted", open: () => "/customers?filter[stage][in]=active,lost&sort=-employees" },
  { name: "a search without a find", open: () => "/customers?q=qqqqqqqqqqqq" },
  { name: "a customer", open: ({ id }) => `/customers/${id}` },
  { name: "contacts", open: () => "/contacts" },
  { name: "activities", open: () => "/activities" },
  { name: "jobs", open: () => "/jobs" },
  { name: "users", open: () => "/users" },
  { name: "teams", open: () => "/teams" },
  { name: "the import", open: () => "/customers/import" },
  { name: "a record that does not exist", open: () => "/customers/01890000-0000-7000-8000-000000000000" },
];

async function sampleCustomer(api: Parameters<typeof createCustomer>[0]): Promise<Customer> {
  const customer = await createCustomer(api, { name: unique("一家名字特别长的需要测试换行与截断的股份有限公司"), stage: "active", phones: [{ kind: "mobile", number: "+8613800138000" }], website: "https://example.com/a/rather/long/path" });
  await create(api, "contacts", { name: unique("张伟"), customerId: customer.id, jobTitle: "采购总监" });
  for (const kind of ["note", "call", "task"]) await create(api, "activities", { kind, subject: `A ${kind} about it`, body: "Some words", customerId: customer.id });
  return customer;
}

for (const screen of screens) {
  test(`${screen.name} has no accessibility fault, light or dark @SYS-10`, async ({ app, api }) => {
    test.slow(); // axe looks at every cell, twice
    await app.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
    await app.goto(screen.open(await sampleCustomer(api)));
    await expect(app.getByRole("heading").first()).toBeVisible();
    await expect(app.locator("[aria-busy=true]")).toHaveCount(0);
    await expectAccessible(app);
    await app.emulateMedia({ colorScheme: "dark" });
    await expect(app.locator("html")).toHaveAttribute("data-theme", "dark");
    await expectAccessible(app);
  });
}

test("sign-in has no accessibility fault @SYS-10", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await expectAccessible(page);
});

test("palette, help and form have no accessibility fault @SYS-10", async ({ app }) => {
  test.slow();
  await app.emulateMedia({ reducedMotion: "reduce" });
  await app.keyboard.press("ControlOrMeta+k");
  await expect(app.getByRole("option").first()).toBeVisible();
  await expectAccessible(app);
  await app.keyboard.press("Escape");
  await app.keyboard.press("?");
  await expect(app.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await expectAccessible(app);
  await app.keyboard.press("Escape");
  await expect(app.getByRole("dialog")).toBeHidden();
  await app.keyboard.press("c");
  await expect(app.getByRole("dialog").getByLabel("Name")).toBeVisible();
  await expectAccessible(app);
});

test.describe("on a phone of 360 px", () => {
  test.use({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });

  for (const screen of screens) {
    test(`${screen.name} fits @SYS-21`, async ({ app, api }) => {
      await app.goto(screen.open(await sampleCustomer(api)));
      await expect(app.getByRole("heading").first()).toBeVisible();
      expect(await app.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
      await expect(app.getByRole("navigation", { name: "Navigation" })).toBeInViewport();
    });
  }

  test("a visit is logged in four taps @SYS-21 @CUS-07", async ({ app, api }) => {
    const customer = await createCustomer(api);
    await app.goto(`/customers/${customer.id}`);
    await app.getByRole("radiogroup").getByTitle("Visit").tap();
    await app.getByRole("textbox", { name: "Visit: text" }).tap();
    await app.keyboard.type("Met the buyer");
    await app.getByRole("button", { name: "Record", exact: true }).tap();
    await expect(app.getByRole("listitem").getByRole("link", { name: "Met the buyer" })).toBeVisible();
  });
});
