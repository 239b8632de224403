import { expect, expectAccessible, test, unique } from "./support";

// API keys in the settings: made, shown once, revoked.

test("a key is made, its secret works and is shown once, and it is revoked @SYS-04", async ({ app, system }) => {
  const name = unique("Nightly sync");
  await app.getByRole("button", { name: /settings and sign-out/ }).click();
  await app.getByRole("menuitem", { name: "API keys" }).click();
  await expect(app.getByRole("heading", { name: "API keys" })).toBeVisible();
  await app.getByRole("button", { name: "New API key" }).click();
  const dialog = app.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: "Make the key" })).toBeDisabled();
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("Scopes").click(); // a select takes words once it is open
  await app.keyboard.type("Customers: read");
  await app.keyboard.press("Enter");
  await dialog.getByText("New API key").click(); // and closes when something else is meant
  await dialog.getByRole("button", { name: "Make the key" }).click();
  await expect(app.getByText("Keep this secret now")).toBeVisible();
  await expectAccessible(app);
  const secret = await app.getByRole("dialog").locator("code").innerText();
  expect(secret).toMatch(/^gx_[\w-]{43}$/);
  const ask = (path: string): Promise<number> => fetch(`${system.url}${path}`, { headers: { authorization: `Bearer ${secret}` } }).then((response) => response.status);
  expect(await ask("/api/v1/customers?limit=1")).toBe(200);
  expect(await ask("/api/v1/contacts?limit=1")).toBe(403);
  await app.getByRole("button", { name: "I have kept it" }).click();
  const item = app.getByRole("listitem").filter({ hasText: name });
  await expect(item).toContainText("Customers: read");
  await expect(item).toContainText(secret.slice(0, 7));
  expect(await app.content()).not.toContain(secret.slice(8));
  await expectAccessible(app);
  await item.getByRole("button", { name: `Revoke ${name}` }).click();
  await app.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await expect(item).toHaveCount(0);
  expect(await ask("/api/v1/customers?limit=1")).toBe(401);
});
