import type { APIRequestContext, Page } from "@playwright/test";
import path from "node:path";
import { create, createCustomer, enter, expect, get, test, unique, type Customer } from "../browser/support";
import { top } from "../system/harness/system";

// `make screenshots`: every screen in both languages and both themes, on a desktop and at 360 px, to be looked at.

const folder = path.join(top, "tests/results/screenshots");
const sizes = { desktop: { width: 1366, height: 850 }, phone: { width: 360, height: 740 } };

interface Sample {
  customer: Customer;
  source: string;
  category: string;
  duplicate: string;
  webhook: string;
}
interface Screen {
  name: string;
  open: (sample: Sample) => string;
  then?: (page: Page) => Promise<void>;
}

const press = (key: string, role: "dialog" | "option") => async (page: Page) => {
  await expect(page.getByRole("row").nth(2)).toBeVisible();
  await page.keyboard.press(key);
  await expect(page.getByRole(role).first()).toBeVisible();
};

const screens: Screen[] = [
  { name: "customers", open: ({ source }) => `/customers?filter[source][eq]=${encodeURIComponent(source)}` },
  { name: "customers-filtered", open: ({ source }) => `/customers?filter[source][eq]=${encodeURIComponent(source)}&filter[stage][in]=active,lost&sort=-employees` },
  { name: "customers-nothing", open: () => "/customers?q=qqqqqqqq" },
  { name: "customer", open: ({ customer }) => `/customers/${customer.id}` },
  { name: "customers-grouped", open: ({ source }) => `/customers?filter[source][eq]=${encodeURIComponent(source)}&group=stage` },
  {
    name: "customer-chart",
    open: ({ customer }) => `/customers/${customer.id}`,
    then: async (page) => {
      const related = page.getByRole("tab", { name: /^(Related|相关)/ }); // on a phone
      if (await related.isVisible()) await related.click();
      await page.getByText(/^(Picture|关系图)$/).click();
      await expect(page.getByRole("dialog")).toBeVisible();
    },
  },
  { name: "contacts", open: () => "/contacts" },
  { name: "categories", open: () => "/categories" },
  { name: "category", open: ({ category }) => `/categories/${category}` },
  { name: "field-policies", open: () => "/fieldPolicies" },
  { name: "duplicates", open: () => "/duplicates" },
  { name: "duplicate", open: ({ duplicate }) => `/duplicates/${duplicate}` },
  { name: "webhooks", open: () => "/webhooks" },
  { name: "webhook", open: ({ webhook }) => `/webhooks/${webhook}` },
  { name: "api-keys", open: () => "/apiKeys" },
  { name: "notifications", open: () => "/notifications" },
  { name: "docs", open: () => "/docs" },
  { name: "reference", open: () => "/docs/reference" },
  { name: "activities", open: () => "/activities" },
  { name: "activities-grouped", open: () => "/activities?group=occurTime:week" },
  { name: "jobs", open: () => "/jobs" },
  { name: "users", open: () => "/users" },
  { name: "import", open: () => "/customers/import" },
  {
    name: "import-mapping",
    open: () => "/customers/import?sample=true",
    then: async (page) => {
      await expect(page.getByRole("table")).toBeVisible();
    },
  },
  { name: "create", open: () => "/customers", then: press("c", "dialog") },
  { name: "palette", open: () => "/customers", then: press("ControlOrMeta+k", "option") },
  { name: "help", open: () => "/customers", then: press("?", "dialog") },
  { name: "not-found", open: () => "/customers/01890000-0000-7000-8000-000000000000" },
];

const names = ["张三有限公司", "长沙曾记食品有限公司", "Harbour Light Instruments", "苏州解氏精密仪器有限公司", "Alder & Finch Bakery", "单晓雯", "杭州云帆科技有限公司", "Northline Freight"];
const stages = ["active", "prospect", "dormant", "lost"];

async function makeSample(api: APIRequestContext): Promise<Sample> {
  const source = unique("展会");
  for (const [at, name] of names.entries())
    await createCustomer(api, {
      name,
      source,
      stage: stages[at % stages.length],
      kind: name === "单晓雯" ? "person" : "company",
      employees: String((at * 613) % 2400),
      phones: [{ kind: "mobile", number: `+861380013800${at}` }],
      emails: [{ kind: "work", address: `office${at}@example.com` }],
    });
  const customer = await createCustomer(api, { name: "青岛海风能源有限公司", source, stage: "active", industry: "能源", website: "https://haifeng.example", phones: [{ kind: "work", number: "+8653288880107" }] });
  const contact = await create<{ id: string }>(api, "contacts", { name: "张伟", customerId: customer.id, jobTitle: "采购总监", phones: [{ kind: "mobile", number: "+8613800138000" }] });
  const day = 86_400_000;
  const activities = [
    { kind: "call", subject: "询问续约条款", body: "希望十一月前交付；预算约 40 万，需财务总监批准。" },
    { kind: "visit", subject: "Site visit, met the buyer", place: "青岛市市南区", contactId: contact.id },
    { kind: "task", subject: "发送修订后的报价", dueTime: new Date(Date.now() - day).toISOString() },
    { kind: "task", subject: "Prepare the plan for next quarter", dueTime: new Date(Date.now() + 3 * day).toISOString() },
  ];
  for (const activity of activities) await create(api, "activities", { ...activity, customerId: customer.id });
  const headers = { "If-Match": '"1"', "Content-Type": "application/merge-patch+json" };
  expect((await api.patch(`/api/v1/customers/${customer.id}`, { data: { stage: "dormant", industry: "新能源" }, headers })).status()).toBe(200);
  const twin = await createCustomer(api, { name: "青岛海风能源", phones: [{ kind: "work", number: "+8653288880107" }] });
  await create(api, "relationships", { kind: "supplier", customerId: customer.id, otherCustomerId: twin.id });
  const category = await create<{ id: string }>(api, "categories", { name: unique("重点客户"), englishName: unique("Key account"), colour: "red", rule: "filter[stage][in]=active,dormant&filter[employees][gte]=100" });
  const { id: webhook } = await create<{ id: string }>(api, "webhooks", { name: "ERP", url: "https://erp.invalid/hooks/guanxi", types: ["guanxi.customer.customer.*"] });
  let duplicate = "";
  await expect(async () => {
    const { data } = await get<{ data: { id: string }[] }>(api, `duplicates?filter[customerId][eq]=${twin.id}`);
    duplicate = data[0]?.id ?? "";
    expect(duplicate).not.toBe("");
  }).toPass();
  return { customer, source, category: category.id, duplicate, webhook };
}

for (const language of ["zh", "en"] as const) {
  test(`screens in ${language}`, async ({ browser, system, api }) => {
    const sample = await makeSample(api);
    for (const theme of ["light", "dark"] as const) {
      for (const [size, viewport] of Object.entries(sizes)) {
        const context = await browser.newContext({ baseURL: system.url, viewport, colorScheme: theme, reducedMotion: "reduce", locale: language === "zh" ? "zh-CN" : "en-GB" });
        const page = await context.newPage();
        const shoot = (name: string) => page.screenshot({ path: path.join(folder, `${name}.${language}.${theme}.${size}.png`) });
        await page.goto("/");
        await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
        await shoot("sign-in");
        await enter(page, system);
        for (const { name, open, then } of screens) {
          await page.goto(open(sample));
          await expect(page.getByRole("heading").first()).toBeVisible();
          await then?.(page);
          await expect(page.locator("[class*=skeleton]")).toHaveCount(0);
          await shoot(name);
        }
        await context.close();
      }
    }
  });
}
