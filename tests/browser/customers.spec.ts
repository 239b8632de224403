import { create, createCustomer, expect, expectAccessible, fact, get, rowOf, test, unique } from "./support";

test("a tag is added in place and the list is filtered by it @CUS-04", async ({ app, api }) => {
  const tag = unique("tag");
  const customer = await createCustomer(api);
  await app.goto(`/customers/${customer.id}`);
  await fact(app, "Tags").click();
  await app.getByRole("combobox", { name: "Tags" }).fill(tag);
  await app.keyboard.press("Enter");
  await app.keyboard.press("Tab");
  await expect(app.getByText("Tags saved.")).toBeVisible();
  expect(await get(api, `customers/${customer.id}`)).toMatchObject({ tags: [tag] });
  await app.goto(`/customers?filter[tags][any]=${tag}`);
  await expect(rowOf(app, customer.name)).toBeVisible();
  await expect(app.getByRole("row")).toHaveCount(2);
});

test("a category is made by an administrator and found in the list by its name @CUS-04", async ({ app, api }) => {
  const industry = unique("industry");
  const category = await create<{ id: string }>(api, "categories", { name: unique("Key"), rule: `filter[industry][eq]=${encodeURIComponent(industry)}` });
  const customer = await createCustomer(api, { industry });
  await app.goto(`/customers?filter[categoryIds][any]=${category.id}`);
  await expect(rowOf(app, customer.name)).toBeVisible();
  await app.goto("/categories");
  await expect(app.getByRole("main")).toContainText("Rule");
  await expectAccessible(app);
});

test("whoever makes a customer that is there already is told before saving @CUS-19", async ({ app, api }) => {
  const there = await createCustomer(api, { phones: [{ number: "+8613912345678" }] });
  await app.goto("/customers");
  await app.getByRole("button", { name: "New customer" }).click();
  await app.getByRole("dialog").getByLabel("Name").fill(there.name);
  await expect(app.getByRole("status").getByRole("link", { name: there.name })).toBeVisible();
});

test("what a record lacks is told by its ring @CUS-19", async ({ app, api }) => {
  const policy = await create<{ id: string; version: string }>(api, "fieldPolicies", { name: "Dormant", stage: "dormant", fields: [{ field: "phones", weight: 1, must: true }, { field: "name", weight: 3 }] });
  const customer = await createCustomer(api, { stage: "dormant" });
  await app.goto(`/customers/${customer.id}`);
  await app.getByRole("button", { name: "Completeness 75 %" }).click();
  await expect(app.getByRole("tooltip")).toContainText("Phones");
  await api.delete(`/api/v1/fieldPolicies/${policy.id}`);
});

test("a relationship is added, shown from both ends and in the picture @CUS-03", async ({ app, api }) => {
  const [one, two] = [await createCustomer(api), await createCustomer(api)];
  await app.goto(`/customers/${one.id}`);
  await app.getByRole("button", { name: "Add a relationship" }).click();
  const dialog = app.getByRole("dialog", { name: "Add a relationship" });
  await dialog.getByRole("combobox", { name: "Relationship" }).fill("Supplier");
  await app.locator(".ant-select-item-option", { hasText: "Supplier" }).click();
  await dialog.getByRole("combobox", { name: "Other customer" }).fill(two.name);
  await app.locator(".ant-select-item-option", { hasText: two.name }).click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(app.getByRole("link", { name: two.name })).toBeVisible();

  await app.goto(`/customers/${two.id}`);
  await expect(app.getByRole("listitem").filter({ hasText: one.name })).toContainText("Supplier");
  await app.getByText("Picture", { exact: true }).click();
  const picture = app.getByRole("dialog", { name: "Relationship chart" });
  await expect(picture.getByRole("link", { name: one.name })).toBeVisible();
  await expectAccessible(app);
});

test("two customers are merged side by side, and the merge is undone @CUS-19", async ({ app, api }) => {
  const one = await createCustomer(api, { industry: "Glass", tags: ["a"] });
  const two = await createCustomer(api, { website: "https://two.example", tags: ["b"] });
  await app.goto(`/customers/merge?ids=${two.id},${one.id}`);
  await expect(app.getByRole("row", { name: /Tags/ })).toContainText("a");
  await expectAccessible(app);
  await app.getByRole("button", { name: "Merge", exact: true }).click();
  await expect(app).toHaveURL(new RegExp(one.id));
  expect(await get(api, `customers/${two.id}`)).toMatchObject({ id: one.id, industry: "Glass", website: "https://two.example", tags: ["a", "b"] });
  await app.getByRole("button", { name: "Undo" }).click();
  await expect(app.getByText("The merge is undone")).toBeVisible();
  expect(await get(api, `customers/${two.id}`)).toMatchObject({ id: two.id, tags: ["b"] });
  expect(await get(api, `customers/${one.id}`)).toMatchObject({ tags: ["a"] });
});

test("a pair in the queue is looked at and dismissed @CUS-19", async ({ app, api }) => {
  const number = `+861370${String(Math.floor(Math.random() * 1e7)).padStart(7, "0")}`;
  const one = await createCustomer(api, { phones: [{ number }] });
  const two = await createCustomer(api, { phones: [{ number }] });
  await app.goto("/duplicates?filter[state][in]=open");
  await app.getByRole("link", { name: `${two.name} / ${one.name}` }).click();
  await app.getByRole("button", { name: "Not the same" }).click();
  await expect(app).toHaveURL(/\/duplicates\?/);
  await expect(app.getByRole("link", { name: `${two.name} / ${one.name}` })).toBeHidden();
});
