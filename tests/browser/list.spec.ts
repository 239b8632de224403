import { createCustomer, expect, rowOf, test, unique } from "./support";

test("a customer is found by the initials of its pinyin @CUS-01", async ({ app, api }) => {
  const { name } = await createCustomer(api, { name: unique("张三有限公司") });
  await createCustomer(api, { name: unique("李四贸易公司") });
  await app.getByRole("searchbox").fill("zsyx");
  await expect(rowOf(app, name)).toBeVisible();
  await expect(app.getByRole("link", { name: /^李四/ })).toHaveCount(0);
  await expect(app).toHaveURL(/\?q=zsyx$/);
});

test("filters and order stand in the URL, read as a sentence and survive a reload @CUS-01 @SYS-09", async ({ app, api }) => {
  const industry = unique("Industry");
  const small = await createCustomer(api, { industry, stage: "active", employees: "12" });
  const large = await createCustomer(api, { industry, stage: "lost", employees: "3400" });
  const other = await createCustomer(api, { industry, stage: "dormant", employees: "99" });

  await app.goto(`/customers?${new URLSearchParams({ "filter[industry][eq]": industry }).toString()}`);
  await expect(rowOf(app, other.name)).toBeVisible();
  await app.getByRole("button", { name: "Filter", exact: true }).click();
  await app.getByRole("combobox", { name: "Field" }).fill("Stage");
  await app.keyboard.press("Enter");
  await app.getByRole("combobox", { name: "Value" }).click();
  await app.locator(".ant-select-item-option", { hasText: "Active" }).click();
  await app.locator(".ant-select-item-option", { hasText: "Lost" }).click();
  await app.keyboard.press("Escape");
  await app.getByRole("button", { name: "Apply" }).click();
  await expect(app.getByRole("button", { name: "Stage is Active or Lost" })).toBeVisible();
  await expect(rowOf(app, other.name)).toHaveCount(0);

  await app.goto(`${app.url()}&sort=-employees`);
  await expect(app.getByText("Employees, highest first")).toBeVisible();
  const names = app.getByRole("row").getByRole("link", { name: /^Company/ });
  await expect(names).toHaveText([large.name, small.name]);
  await app.reload();
  await expect(names).toHaveText([large.name, small.name]);
  await expect(app.getByRole("button", { name: "Stage is Active or Lost" })).toBeVisible();
});

test("a heading sorts up, then down @CUS-01", async ({ app, api }) => {
  const source = unique("Source");
  const last = await createCustomer(api, { name: unique("Zebra"), source });
  const first = await createCustomer(api, { name: unique("Aardvark"), source });
  await app.goto(`/customers?${new URLSearchParams({ "filter[source][eq]": source }).toString()}`);
  await app.getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  await expect(app.getByRole("row").getByRole("link", { name: /^(Zebra|Aardvark)/ })).toHaveText([first.name, last.name]);
  await app.getByRole("columnheader", { name: "Name" }).getByRole("button").click();
  await expect(app.getByRole("row").getByRole("link", { name: /^(Zebra|Aardvark)/ })).toHaveText([last.name, first.name]);
  await expect(app.getByRole("columnheader", { name: "Name" })).toHaveAttribute("aria-sort", "descending");
});

test("a long list loads as one scrolls and keeps only what is in sight in the page @CUS-01", async ({ app, api }) => {
  const source = unique("Long");
  const total = 130;
  for (let start = 0; start < total; start += 10) await Promise.all(Array.from({ length: 10 }, (_, at) => createCustomer(api, { name: unique(`Long ${start + at}`), source })));
  await app.goto(`/customers?${new URLSearchParams({ "filter[source][eq]": source }).toString()}`);
  await expect(app.getByRole("heading", { level: 1 })).toContainText(String(total));
  const table = app.getByRole("table");
  const lastRow = app.locator(`[data-index="${total - 1}"]`);
  await expect(async () => {
    await table.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await expect(lastRow).toBeVisible({ timeout: 500 });
  }).toPass();
  expect(await app.locator("[data-index]").count()).toBeLessThan(80);
});

test("what was deleted comes back with one click @CUS-01", async ({ app, api }) => {
  const { name } = await createCustomer(api, { name: unique("Deleted and back") });
  await app.goto(`/customers?${new URLSearchParams({ q: name }).toString()}`);
  await app.getByRole("checkbox", { name: `Select ${name}` }).check();
  await app.getByRole("toolbar").getByRole("button", { name: "Delete" }).click();
  await expect(rowOf(app, name)).toHaveCount(0);
  await app.getByRole("button", { name: "Undo" }).click();
  await expect(rowOf(app, name)).toBeVisible();
});

test("a list is worked through by keyboard alone @SYS-10", async ({ app, api }) => {
  const source = unique("Keys");
  const second = await createCustomer(api, { source });
  const first = await createCustomer(api, { source });
  await app.goto(`/customers?${new URLSearchParams({ "filter[source][eq]": source }).toString()}`);
  await expect(rowOf(app, second.name)).toBeVisible();
  await app.keyboard.press("j");
  await expect(app.getByRole("link", { name: first.name })).toBeFocused();
  await app.keyboard.press("j");
  await expect(app.getByRole("link", { name: second.name })).toBeFocused();
  await app.keyboard.press("Enter");
  await expect(app.getByRole("heading", { level: 1, name: second.name })).toBeVisible();
  await app.keyboard.press("Escape");
  await expect(app).toHaveURL(/\/customers(\?.*)?$/);
  await expect(app.getByRole("row").nth(1)).toBeVisible();
  await app.keyboard.press("/");
  await expect(app.getByRole("searchbox")).toBeFocused();
  await app.keyboard.type("c"); // typed, not a shortcut
  await expect(app.getByRole("dialog")).toHaveCount(0);
});

test("a record that someone else creates or changes shows without a reload @CUS-01", async ({ app, api }) => {
  const source = unique("Live");
  const changed = await createCustomer(api, { source });
  await app.goto(`/customers?${new URLSearchParams({ "filter[source][eq]": source }).toString()}`);
  await expect(rowOf(app, changed.name)).toBeVisible();
  await expect(app.getByText("Live", { exact: true })).toBeVisible();

  const renamed = unique("Renamed");
  const response = await api.patch(`/api/v1/customers/${changed.id}`, { data: { name: renamed }, headers: { "If-Match": `"${changed.version}"`, "Content-Type": "application/merge-patch+json" } });
  expect(response.status()).toBe(200);
  await expect(rowOf(app, renamed)).toBeVisible();
  const added = await createCustomer(api, { source });
  await expect(rowOf(app, added.name)).toBeVisible();
});

test("Esc on a record goes back to the list with its conditions, its order and its search @SYS-10", async ({ app, api }) => {
  const source = unique("Escaped");
  const { name } = await createCustomer(api, { source });
  const left = `/customers?${new URLSearchParams({ "filter[source][eq]": source, sort: "-name", q: name.slice(0, 7) }).toString()}`;
  await app.goto(left);
  await rowOf(app, name).getByRole("link", { name }).click();
  await expect(app.getByRole("heading", { level: 1, name })).toBeVisible();
  await app.keyboard.press("Escape");
  await expect(rowOf(app, name)).toBeVisible();
  expect(new URL(app.url()).search).toBe(new URL(left, app.url()).search);
  await rowOf(app, name).getByRole("link", { name }).click();
  await app.getByRole("link", { name: "Back to customers" }).click();
  expect(new URL(app.url()).search).toBe(new URL(left, app.url()).search);
});
