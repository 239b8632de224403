import { create, createCustomer, expect, expectAccessible, fact, get, otherBrowser, test, unique, type Customer } from "./support";

test("a fact is edited in place and a second browser sees it at once @CUS-01", async ({ app, api, context, system }) => {
  const customer = await createCustomer(api, { industry: "Glass" });
  const other = await otherBrowser(context, system, `/customers/${customer.id}`);
  await expect(other.getByText("Glass")).toBeVisible();
  await expect(other.getByText("Live", { exact: true })).toBeVisible();

  await app.goto(`/customers/${customer.id}`);
  await fact(app, "Industry").click();
  await app.keyboard.press("ControlOrMeta+a");
  await app.keyboard.type("Ceramics");
  await app.keyboard.press("Enter");
  await expect(app.getByText("Industry saved.")).toBeVisible();
  await expect(other.getByText("Ceramics").first()).toBeVisible();
  await other.context().close();
  expect(await get<{ industry: string }>(api, `customers/${customer.id}`)).toMatchObject({ industry: "Ceramics" });
});

test("Esc restores what was, and undo brings back what was saved @SYS-10", async ({ app, api }) => {
  const customer = await createCustomer(api, { industry: "Glass" });
  await app.goto(`/customers/${customer.id}`);
  await fact(app, "Industry").click();
  await app.keyboard.type("x");
  await app.keyboard.press("Escape");
  await expect(app.getByText("Glass")).toBeVisible();
  expect(await get(api, `customers/${customer.id}`)).toMatchObject({ version: customer.version });

  await fact(app, "Stage").click();
  await app.locator(".ant-select-item-option", { hasText: "Active" }).click();
  await app.getByRole("button", { name: "Undo" }).click();
  await expect(async () => expect(await get(api, `customers/${customer.id}`)).toMatchObject({ stage: "prospect" })).toPass();
});

test("a value that the server refuses stays in its editor with the reason @SYS-10", async ({ app, api }) => {
  const customer = await createCustomer(api, { creditCode: undefined });
  await app.goto(`/customers/${customer.id}`);
  await app.getByRole("button", { name: /empty fields/ }).click();
  await fact(app, "Credit code").click();
  await app.keyboard.type("91350211M000100Y44"); // the check digit is wrong
  await app.keyboard.press("Enter");
  await expect(app.getByRole("alert")).not.toBeEmpty();
  await expect(app.getByRole("textbox", { name: "Credit code" })).toHaveValue("91350211M000100Y44");
});

test("a conflict shows both values and the person chooses @CUS-01", async ({ app, api }) => {
  const customer = await createCustomer(api, { industry: "Glass" });
  await app.goto(`/customers/${customer.id}`);
  await fact(app, "Industry").click();
  await app.keyboard.press("ControlOrMeta+a");
  await app.keyboard.type("Mine");
  const theirs = await api.patch(`/api/v1/customers/${customer.id}`, { data: { industry: "Theirs" }, headers: { "If-Match": `"${customer.version}"`, "Content-Type": "application/merge-patch+json" } });
  expect(theirs.status()).toBe(200);
  await app.keyboard.press("Enter");

  const dialog = app.getByRole("dialog", { name: "Changed by someone else" });
  await expect(dialog.getByText("Mine", { exact: true })).toBeVisible();
  await expect(dialog.getByText("Theirs", { exact: true })).toBeVisible();
  expect(await get(api, `customers/${customer.id}`)).toMatchObject({ industry: "Theirs" });
  await dialog.getByRole("button", { name: "Save my choice" }).click();
  await expect(async () => expect(await get(api, `customers/${customer.id}`)).toMatchObject({ industry: "Mine", version: "3" })).toPass();
});

test("changes to different fields do not disturb each other @CUS-01", async ({ app, api }) => {
  const customer = await createCustomer(api, { industry: "Glass" });
  await app.goto(`/customers/${customer.id}`);
  await fact(app, "Industry").click();
  await app.keyboard.press("ControlOrMeta+a");
  await app.keyboard.type("Mine");
  await api.patch(`/api/v1/customers/${customer.id}`, { data: { stage: "active" }, headers: { "If-Match": `"${customer.version}"`, "Content-Type": "application/merge-patch+json" } });
  await app.keyboard.press("Enter");
  await expect(app.getByText("Industry saved.")).toBeVisible();
  expect(await get(api, `customers/${customer.id}`)).toMatchObject({ industry: "Mine", stage: "active", version: "3" });
});

test("phones are edited as a list @CUS-01", async ({ app, api }) => {
  const customer = await createCustomer(api, { phones: [{ kind: "work", number: "+442079460101" }] });
  await app.goto(`/customers/${customer.id}`);
  await fact(app, "Phones").click();
  await app.getByRole("button", { name: "Add another" }).click();
  await app.getByRole("textbox", { name: "Number" }).last().fill("+8613800138000");
  await app.getByRole("button", { name: "Save" }).click();
  await expect(app.getByRole("link", { name: "+8613800138000" })).toBeVisible();
  expect(await get<{ phones: unknown[] }>(api, `customers/${customer.id}`)).toMatchObject({ phones: [{ kind: "work", number: "+442079460101" }, { number: "+8613800138000" }] });
});

test("an address is chosen by province, city and district, and typed where it lies elsewhere @CUS-01", async ({ app, api }) => {
  const customer = await createCustomer(api, { addresses: [{ kind: "work", country: "中国" }] });
  await app.goto(`/customers/${customer.id}`);
  await fact(app, "Addresses").click();
  const part = (name: string) => app.getByRole("combobox", { name, exact: true });
  await part("District").fill("南山"); // there are several: choosing one says where it lies
  await app.locator(".ant-select-item-option", { hasText: "南山区 · 广东省 · 深圳市" }).click();
  await expect(part("Province")).toHaveValue("广东省");
  await expect(part("City")).toHaveValue("深圳市");
  await part("District").fill("");
  await app.locator(".ant-select-item-option", { hasText: "福田区" }).click();
  await expectAccessible(app);
  await app.getByRole("button", { name: "Save" }).click();
  await expect(app.getByText("Addresses saved.")).toBeVisible();
  expect(await get(api, `customers/${customer.id}`)).toMatchObject({ addresses: [{ kind: "work", country: "中国", province: "广东省", city: "深圳市", district: "福田区" }] });

  await fact(app, "Addresses").click();
  await part("Province").fill("Bavaria");
  await part("City").fill("München");
  await part("District").fill("");
  await app.getByRole("button", { name: "Save" }).click();
  await expect(async () => expect(await get(api, `customers/${customer.id}`)).toMatchObject({ addresses: [{ province: "Bavaria", city: "München" }] })).toPass();
});

test("what was done and what comes next are recorded in one form @CUS-07 @SYS-11", async ({ app, api }) => {
  const customer = await createCustomer(api);
  await app.goto(`/customers/${customer.id}`);
  await app.keyboard.press("n");
  await app.getByRole("radiogroup").getByTitle("Call").click();
  await app.getByRole("textbox", { name: "Call: text" }).fill("Asked for a new quote\nBudget is 40,000");
  await app.getByRole("textbox", { name: "Next step" }).fill("Send the quote");
  await app.getByRole("button", { name: "Tomorrow" }).click();
  await app.getByRole("button", { name: "Record", exact: true }).click();
  await expect(app.getByRole("listitem").getByRole("link", { name: "Asked for a new quote" })).toBeVisible();
  await expect(app.getByText("Budget is 40,000")).toBeVisible();

  const related = app.getByRole("region", { name: "Related" });
  await expect(related.getByRole("link", { name: "Send the quote" })).toBeVisible();
  const query = new URLSearchParams({ "filter[customerId][eq]": customer.id });
  const { data } = await get<{ data: Record<string, unknown>[] }>(api, `activities?${query.toString()}`);
  expect(data.map(({ kind, subject, body }) => ({ kind, subject, body }))).toEqual(
    expect.arrayContaining([
      { kind: "call", subject: "Asked for a new quote", body: "Budget is 40,000" },
      { kind: "task", subject: "Send the quote", body: undefined },
    ]),
  );
  await related.getByRole("checkbox", { name: "Done: Send the quote" }).check();
  await expect(related.getByText("Nothing to do.")).toBeVisible();
});

test("the timeline shows activities and changes in the order in which they happened @CUS-02 @CUS-07", async ({ app, api }) => {
  const customer = await createCustomer(api);
  await create(api, "activities", { kind: "visit", subject: "First visit", customerId: customer.id });
  await api.patch(`/api/v1/customers/${customer.id}`, { data: { stage: "active" }, headers: { "If-Match": '"1"', "Content-Type": "application/merge-patch+json" } });
  await app.goto(`/customers/${customer.id}`);
  const items = app.getByRole("region", { name: "Timeline" }).getByRole("listitem");
  await expect(items).toHaveCount(3);
  await expect(items.nth(0)).toContainText("Prospect");
  await expect(items.nth(0)).toContainText("Active");
  await expect(items.nth(1)).toContainText("First visit");
  await expect(items.nth(2)).toContainText("created this");
});

test("nothing happens while an input method composes @SYS-16", async ({ app, api }) => {
  const customer = await createCustomer(api, { name: unique("Composing") });
  await app.goto(`/customers/${customer.id}`);
  await fact(app, "Name").click();
  const input = app.getByRole("textbox", { name: "Name" });
  await input.fill("");
  const session = await app.context().newCDPSession(app);
  await session.send("Input.imeSetComposition", { text: "zhangsan", selectionStart: 8, selectionEnd: 8 });
  await input.dispatchEvent("keydown", { key: "Enter", isComposing: true, keyCode: 229, bubbles: true });
  await input.dispatchEvent("keydown", { key: "Escape", isComposing: true, keyCode: 229, bubbles: true });
  await expect(input).toBeVisible(); // neither saved nor given up
  await session.send("Input.insertText", { text: "张三" });
  await app.keyboard.press("Enter");
  await expect(app.getByRole("heading", { level: 1, name: "张三" })).toBeVisible();
  await expect(async () => expect(await get<Customer>(api, `customers/${customer.id}`)).toMatchObject({ name: "张三", version: "2" })).toPass();
});
