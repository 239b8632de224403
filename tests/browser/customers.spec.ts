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

test("a rule is put together from conditions and says at once whom it finds @CUS-04", async ({ app, api }) => {
  const industry = unique("Glass, plain"); // a comma is part of the value
  const customers = [await createCustomer(api, { industry, employees: "250" }), await createCustomer(api, { industry, employees: "20" })];
  const category = await create<{ id: string; name: string }>(api, "categories", { name: unique("重点"), englishName: unique("Key"), colour: "red" });
  await app.goto(`/categories/${category.id}`);
  await fact(app, "Rule").click();
  const choose = async (name: string) => {
    await app.keyboard.type(name);
    await app.locator(".ant-select-item-option-active", { hasText: name }).click();
  };
  await app.getByRole("button", { name: "Add a condition" }).click();
  await choose("Industry");
  const first = app.getByRole("group", { name: "Condition 1" });
  await first.getByRole("textbox", { name: "Value" }).fill(industry);
  await expect(app.getByText("2 customers match now")).toBeVisible();
  await app.getByRole("button", { name: "Add a condition" }).click();
  await choose("Employees");
  const second = app.getByRole("group", { name: "Condition 2" });
  await second.getByRole("combobox", { name: "Condition" }).press("ArrowDown");
  await app.locator(".ant-select-item-option", { hasText: "is at least" }).click();
  await second.getByRole("textbox", { name: "Value" }).fill("100");
  await expect(app.getByText("1 of the customers matches now")).toBeVisible();
  await expect(app.getByText(`For example ${customers[0]?.name ?? ""}`)).toBeVisible();
  await expectAccessible(app);
  await app.getByRole("button", { name: "Save" }).click();
  await expect(app.getByText("Rule saved.")).toBeVisible();
  await expect(app.getByRole("definition").filter({ hasText: `Industry contains ${industry} and Employees is at least 100` })).toBeVisible();
  await expect(async () => expect(await get(api, `customers/${customers[0]?.id ?? ""}`)).toMatchObject({ ruleCategoryIds: [category.id] })).toPass();
  expect(await get(api, `customers/${customers[1]?.id ?? ""}`)).not.toHaveProperty("ruleCategoryIds");

  await app.goto(`/customers/${customers[0]?.id ?? ""}`);
  const english = (await get<{ englishName: string }>(api, `categories/${category.id}`)).englishName;
  await expect(app.locator("header").getByText(english)).toHaveAttribute("data-colour", "red");
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

test("a relationship is edited, and a conflict about it is shown @CUS-03", async ({ app, api }) => {
  const [one, two] = [await createCustomer(api), await createCustomer(api)];
  const made = await create<{ id: string }>(api, "relationships", { customerId: one.id, otherCustomerId: two.id, kind: "supplier", note: "Steel" });
  await app.goto(`/customers/${one.id}`);
  await app.getByRole("button", { name: `Edit the relationship with ${two.name}` }).click();
  const dialog = app.getByRole("dialog", { name: "Edit the relationship" });
  await dialog.getByRole("textbox", { name: "Note" }).fill("Steel and glass");
  await expectAccessible(app);
  const theirs = await api.patch(`/api/v1/relationships/${made.id}`, { data: { note: "Wood" }, headers: { "If-Match": '"1"', "Content-Type": "application/merge-patch+json" } });
  expect(theirs.status()).toBe(200);
  await dialog.getByRole("button", { name: "Save" }).click();
  const conflict = app.getByRole("dialog", { name: "Changed by someone else" });
  await expect(conflict.getByText("Wood", { exact: true })).toBeVisible();
  await conflict.getByRole("button", { name: "Save my choice" }).click();
  await expect(app.getByRole("listitem").filter({ hasText: two.name })).toContainText("Steel and glass");
  expect(await get(api, `relationships/${made.id}`)).toMatchObject({ note: "Steel and glass", kind: "supplier", version: "3" });
});

test("merges are listed on the record and any of them is undone there @CUS-19", async ({ app, api }) => {
  const [kept, first, second] = [await createCustomer(api), await createCustomer(api, { tags: ["first"] }), await createCustomer(api, { tags: ["second"] })];
  for (const other of [first, second]) expect((await api.post(`/api/v1/customers/${kept.id}:merge`, { data: { others: [other.id] } })).status()).toBe(200);
  await app.goto(`/customers/${kept.id}`);
  const merges = app.getByRole("region", { name: "Merged into this customer" });
  await expect(merges.getByRole("listitem")).toHaveCount(2);
  const item = merges.getByRole("listitem").filter({ hasText: first.name });
  await item.getByRole("button", { name: "Undo" }).click();
  await expectAccessible(app);
  await app.getByRole("tooltip").getByRole("button", { name: "Undo" }).click();
  await expect(app.getByText("The merge is undone")).toBeVisible();
  await expect(item).toContainText("undone");
  await expect(item.getByRole("link", { name: first.name })).toBeVisible();
  expect(await get(api, `customers/${first.id}`)).toMatchObject({ id: first.id, tags: ["first"] });
  expect(await get(api, `customers/${second.id}`)).toMatchObject({ id: kept.id });
});

test("two customers are merged side by side, and the merge is undone @CUS-19", async ({ app, api }) => {
  const one = await createCustomer(api, { industry: "Glass", tags: ["a"] });
  const two = await createCustomer(api, { website: "https://two.example", tags: ["b"] });
  await app.goto(`/customers/merge?ids=${two.id},${one.id}`);
  await expect(app.getByRole("row", { name: /Tags/ })).toContainText("a");
  await expectAccessible(app);
  await app.getByRole("columnheader").filter({ hasText: one.name }).getByRole("radio", { name: "Keep this one" }).check();
  await app.getByRole("button", { name: "Merge", exact: true }).click();
  await expect(app).toHaveURL(new RegExp(one.id));
  expect(await get(api, `customers/${two.id}`)).toMatchObject({ id: one.id, industry: "Glass", website: "https://two.example", tags: ["a", "b"] });
  await app.getByRole("status").getByRole("button", { name: "Undo" }).click();
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
