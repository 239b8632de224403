import { randomBytes } from "node:crypto";
import { create, expect, test, unique } from "./support";

test("a wrong password is told in words and the right one opens the customers @SYS-22", async ({ page, system }) => {
  await page.goto("/");
  await page.getByLabel("E-mail").fill(system.admin.email);
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).not.toBeEmpty();
  await page.getByLabel("Password", { exact: true }).fill(system.admin.password);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/customers$/);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Customers");
});

test("a link that needs a session leads to it after signing in @SYS-22", async ({ page, system }) => {
  await page.goto("/contacts?sort=name");
  await page.getByLabel("E-mail").fill(system.admin.email);
  await page.getByLabel("Password", { exact: true }).fill(system.admin.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Contacts");
  await expect(page).toHaveURL(/\/contacts\?sort=name$/);
});

test("signing out ends the session in every tab @SYS-22", async ({ app, context }) => {
  const second = await context.newPage();
  await second.goto("/contacts");
  await expect(second.getByRole("heading", { level: 1 })).toContainText("Contacts");
  await app.getByRole("button", { name: /settings and sign-out/ }).click();
  await app.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(app.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await second.reload();
  await expect(second.getByRole("heading", { name: "Sign in" })).toBeVisible();
});

test("a password that someone else set must be changed before anything else @SYS-22", async ({ page, api }) => {
  const email = `${randomBytes(6).toString("hex")}@example.com`;
  const given = "given-password-1";
  const user = await create<{ id: string }>(api, "users", { name: unique("User"), email, role: "member" });
  const set = await api.post(`/api/v1/users/${user.id}:setPassword`, { data: { password: given } });
  expect(set.status()).toBe(204);

  await page.goto("/");
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(given);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Choose a new password" })).toBeVisible();

  await page.getByLabel("Current password").fill(given);
  await page.getByLabel("New password", { exact: true }).fill("my-own-password-2");
  await page.getByLabel("New password again").fill("another-password-3");
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("alert")).toHaveText("The two new passwords differ.");
  await page.getByLabel("New password again").fill("my-own-password-2");
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("Customers");
  // A member administers nobody: what one may not do is not there.
  await expect(page.getByRole("navigation").getByRole("link", { name: "Users" })).toHaveCount(0);
});
