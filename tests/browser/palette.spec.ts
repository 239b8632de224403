import { create, createCustomer, expect, expectAccessible, test, unique } from "./support";

// The palette: one box for records of every kind, what was opened last, and commands.

const box = { name: "Search and commands" };

test("finds customers, contacts and activities together, with their kinds, the exact one first @NRM-02", async ({ app, api }) => {
  const word = unique("Quarz").replace(" ", "");
  const { id: customerId } = await createCustomer(api, { name: `${word} Handel` });
  const exact = await createCustomer(api, { name: word });
  await create(api, "contacts", { name: `王 ${word}`, customerId });
  await create(api, "activities", { subject: `回访 ${word}`, kind: "call", customerId });
  await app.keyboard.press("ControlOrMeta+k");
  await app.getByRole("combobox", box).fill(word);
  const found = app.getByRole("group", { name: "Found" }).getByRole("option");
  await expect(found).toHaveCount(4);
  await expect(found.first()).toHaveText(`${exact.name}Customer`);
  for (const [name, kind] of [[`王 ${word}`, "Contact"], [`回访 ${word}`, "Activity"], [`${word} Handel`, "Customer"]]) await expect(found.filter({ hasText: name ?? "" }).filter({ hasText: kind ?? "" })).not.toHaveCount(0);
  await expectAccessible(app);
  await app.keyboard.press("ArrowDown");
  await expect(found.nth(1)).toHaveAttribute("aria-selected", "true");
  await app.keyboard.press("ArrowUp");
  await app.keyboard.press("Enter");
  await expect(app.getByRole("heading", { level: 1, name: exact.name })).toBeVisible();
});

test("says what it looked for instead of a word that nothing has @NRM-02", async ({ app, api }) => {
  const word = `q${Array.from(unique("").trim(), (c) => String.fromCharCode(97 + (c.charCodeAt(0) % 26))).join("")}`;
  const { name } = await createCustomer(api, { name: `${word} Werke` });
  // The words of titles are learnt behind the writes: asked again until it is known.
  await expect.poll(async () => ((await (await api.get(`/api/v1/search?q=${word}x`)).json()) as { data: unknown[] }).data.length).toBeGreaterThan(0);
  await app.keyboard.press("ControlOrMeta+k");
  await app.getByRole("combobox", box).fill(`${word}x`);
  await expect(app.getByRole("option", { name: new RegExp(name) })).toBeVisible();
  await expect(app.getByRole("status").filter({ hasText: word })).toHaveText(`Nothing has these words. Shown instead: ${word}`);
  await app.getByRole("combobox", box).fill("qqqqqqqqzzzzz");
  await expect(app.getByText("Nothing found.")).toBeVisible();
});

test("offers what was opened last, without the names staying behind @NRM-02", async ({ app, api }) => {
  const [first, second] = [await createCustomer(api, { name: unique("Zuerst") }), await createCustomer(api, { name: unique("Danach") })];
  for (const { id, name } of [first, second]) {
    await app.goto(`/customers/${id}`);
    await expect(app.getByRole("heading", { level: 1, name })).toBeVisible();
  }
  await app.keyboard.press("ControlOrMeta+k");
  const recent = app.getByRole("group", { name: "Opened last" }).getByRole("option");
  await expect(recent.nth(0)).toContainText(second.name);
  await expect(recent.nth(1)).toContainText(first.name);
  await expectAccessible(app);
  expect(await app.evaluate(() => JSON.stringify(localStorage))).not.toContain(first.name);
  await recent.nth(1).click();
  await expect(app.getByRole("heading", { level: 1, name: first.name })).toBeVisible();
});

test("a part that does not answer is named, and the rest is shown @NRM-02", async ({ app, api }) => {
  const { name } = await createCustomer(api, { name: unique("Teil") });
  await app.route("**/api/v1/search?*", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...((await response.json()) as object), missing: ["contacts"] } });
  });
  await app.keyboard.press("ControlOrMeta+k");
  await app.getByRole("combobox", box).fill(name);
  await expect(app.getByRole("option", { name: new RegExp(name) })).toBeVisible();
  await expect(app.getByText("Did not answer in time: Contacts.")).toBeVisible();
});
