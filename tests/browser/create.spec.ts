import { randomInt } from "node:crypto";
import { createCustomer, expect, test, unique } from "./support";

// GB 32100-2015: 17 characters, then the check digit, each weighted by a power of 3 modulo 31.
function randomCreditCode(): string {
  const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
  const body = `91350211MA${Array.from({ length: 7 }, () => alphabet[randomInt(31)] ?? "0").join("")}`;
  const sum = Array.from(body).reduce((total, letter, at) => total + alphabet.indexOf(letter) * 3 ** at, 0);
  return body + (alphabet[(31 - (sum % 31)) % 31] ?? "");
}

test("the form asks four fields and the rest is behind more @SYS-11", async ({ app }) => {
  await app.keyboard.press("c");
  const dialog = app.getByRole("dialog");
  await expect(dialog.getByLabel("Name")).toBeFocused();
  await expect(dialog.locator("label")).toHaveCount(4);
  await dialog.getByRole("button", { name: /more fields/ }).click();
  await expect(dialog.getByLabel("Industry")).toBeVisible();
});

test("a customer is created with one shortcut and shows in the list @CUS-01", async ({ app }) => {
  const name = unique("Created");
  await app.keyboard.press("c");
  await app.getByRole("dialog").getByLabel("Name").fill(name);
  await app.keyboard.press("ControlOrMeta+Enter");
  await expect(app.getByText(`${name} created.`)).toBeVisible();
  await app.getByRole("button", { name: "Open", exact: true }).click();
  await expect(app.getByRole("heading", { level: 1, name })).toBeVisible();
});

test("what the server refuses lands on its field, and nothing typed is lost @SYS-10", async ({ app, api }) => {
  const creditCode = randomCreditCode();
  await createCustomer(api, { creditCode });
  await app.keyboard.press("c");
  const dialog = app.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Second of its code");
  await dialog.getByRole("button", { name: /more fields/ }).click();
  await dialog.getByLabel("Credit code").fill(creditCode);
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByRole("alert")).not.toBeEmpty();
  await expect(dialog.getByLabel("Credit code")).toHaveAttribute("aria-invalid", "true");
  await expect(dialog.getByLabel("Name")).toHaveValue("Second of its code");
});

test("a draft survives a reload @SYS-10", async ({ app }) => {
  const name = unique("Draft");
  await app.keyboard.press("c");
  await app.getByRole("dialog").getByLabel("Name").fill(name);
  await app.reload();
  await expect(app.getByRole("heading", { level: 1 })).toBeVisible();
  await app.keyboard.press("c");
  await expect(app.getByRole("dialog").getByLabel("Name")).toHaveValue(name);
  await app.getByRole("dialog").getByRole("button", { name: "Start over" }).click();
  await expect(app.getByRole("dialog").getByLabel("Name")).toHaveValue("");
});

test("a record that looks alike is shown before there are two @CUS-19", async ({ app, api }) => {
  const { name } = await createCustomer(api, { name: unique("Twin") });
  await app.keyboard.press("c");
  await app.getByRole("dialog").getByLabel("Name").fill(name);
  await expect(app.getByRole("dialog").getByRole("link", { name })).toBeVisible();
});
