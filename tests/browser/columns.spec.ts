import type { Locator, Page } from "@playwright/test";
import { create, createCustomer, expect, expectAccessible, ownTest as test, rowOf, unique } from "./support";

// The columns of a list: their order and width, by mouse, finger and keyboard; and telephone numbers in them.

const headings = (page: Page) => page.getByRole("columnheader").allTextContents();
const heading = (page: Page, name: string) => page.getByRole("columnheader", { name, exact: true });

async function boxOf(thing: Locator) {
  const box = await thing.boundingBox();
  if (box === null) throw new Error("it is not in sight");
  return { ...box, x1: box.x + 12, y1: box.y + box.height / 2, right: box.x + box.width };
}

async function drag(page: Page, from: { x: number; y: number }, to: { x: number; y: number }, release = true) {
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move((from.x + to.x) / 2, (from.y + to.y) / 2);
  await page.mouse.move(to.x, to.y);
  if (release) await page.mouse.up();
}

test("a heading is dragged to another place, which is told and kept; Esc leaves it where it was @NRM-03 @SYS-10", async ({ app, api }) => {
  await createCustomer(api);
  await app.reload();
  await expect(heading(app, "Stage")).toBeVisible();
  const before = await headings(app);
  const [stage, phones] = [await boxOf(heading(app, "Stage")), await boxOf(heading(app, "Phones"))];
  const end = { x: phones.right - 8, y: phones.y1 };
  await drag(app, { x: stage.x1, y: stage.y1 }, end, false);
  await app.keyboard.press("Escape");
  await app.mouse.up();
  expect(await headings(app)).toEqual(before);
  await drag(app, { x: stage.x1, y: stage.y1 }, end);
  const after = before.filter((name) => name !== "Stage");
  after.splice(before.indexOf("Phones"), 0, "Stage");
  await expect.poll(() => headings(app)).toEqual(after);
  await expect(app).not.toHaveURL(/sort=/); // dragging is no click
  await expect(app.getByRole("status").filter({ hasText: `Stage is now column ${before.indexOf("Phones")} of ${before.length - 1}.` })).toBeAttached();
  await expectAccessible(app);
  await expect(async () => {
    await app.reload();
    await expect.poll(() => headings(app), { timeout: 2000 }).toEqual(after);
  }).toPass();
});

test("in the picker a column is moved by a finger, and by its buttons @NRM-03 @SYS-10", async ({ app, api }) => {
  await createCustomer(api);
  await app.reload();
  await app.getByRole("button", { name: "Columns" }).click();
  const row = (name: string) => app.locator("[data-place]").filter({ has: app.getByRole("checkbox", { name, exact: true }) });
  const [stage, name] = [await boxOf(row("Stage")), await boxOf(row("Name"))];
  const touches = await app.context().newCDPSession(app);
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", y?: number) => touches.send("Input.dispatchTouchEvent", { type, touchPoints: y === undefined ? [] : [{ x: stage.x1, y }] });
  await touch("touchStart", stage.y1);
  for (const part of [0.3, 0.6, 1]) await touch("touchMove", stage.y1 + (name.y + 3 - stage.y1) * part);
  await touch("touchEnd");
  await expect.poll(async () => (await headings(app)).slice(1, 3)).toEqual(["Stage", "Name"]);
  await app.getByRole("button", { name: "Move Stage to the right" }).press("Enter");
  await expect.poll(async () => (await headings(app)).slice(1, 3)).toEqual(["Name", "Stage"]);
  await expect(app.getByRole("status").filter({ hasText: "Stage is now column 2 of" })).toBeAttached();
  await expectAccessible(app);
});

test("a column is made wider by its edge or by the keyboard, and a double click gives the usual width back @NRM-03 @SYS-10", async ({ app, api }) => {
  await createCustomer(api);
  await app.reload();
  const width = async () => Math.round((await boxOf(heading(app, "Stage"))).width);
  await expect(heading(app, "Stage")).toBeVisible();
  const [usual, stage] = [await width(), await boxOf(heading(app, "Stage"))];
  await drag(app, { x: stage.right, y: stage.y1 }, { x: stage.right + 60, y: stage.y1 });
  await expect.poll(width).toBe(usual + 60);
  const edge = app.getByRole("separator", { name: "Width of Stage" });
  const kept = app.waitForResponse((response) => response.url().includes("/preferences/") && (response.request().postData() ?? "").includes(`stage:${usual + 44}`));
  await edge.press("ArrowLeft");
  await expect.poll(width).toBe(usual + 44);
  await expect(edge).toHaveAttribute("aria-valuenow", String(usual + 44));
  expect((await kept).status()).toBe(200);
  await app.reload();
  await expect.poll(width).toBe(usual + 44);
  await edge.dblclick();
  await expect.poll(width).toBe(usual);
});

test("on a phone a card says whose it is, what is overdue, and calls at a touch @SYS-09", async ({ app, api }) => {
  await app.setViewportSize({ width: 360, height: 740 });
  const customer = await createCustomer(api);
  const contact = await create(api, "contacts", { name: unique("Contact"), customerId: customer.id, phones: [{ kind: "mobile", number: "+8613812345678" }] });
  await app.goto(`/contacts?filter[customerId][eq]=${customer.id}`);
  const card = app.getByRole("row").filter({ hasText: contact.name });
  await expect(card).toContainText(customer.name);
  await expect(card.getByRole("link", { name: `Call ${contact.name}` })).toHaveAttribute("href", "tel:+8613812345678");
  await expectAccessible(app);
  const task = (subject: string, done: boolean, days: number) => create(api, "activities", { kind: "task", subject, done, customerId: customer.id, dueTime: new Date(Date.now() + days * 86_400_000).toISOString() });
  await Promise.all([task("late", false, -2), task("late but done", true, -2), task("in time", false, 2)]);
  await app.goto(`/activities?filter[customerId][eq]=${customer.id}`);
  const overdue = app.getByRole("row").filter({ has: app.locator("[data-overdue=true]") });
  await expect(app.getByRole("row")).toHaveCount(3);
  await expect(overdue).toHaveCount(1);
  await expect(overdue.getByRole("link", { name: "late", exact: true })).toBeVisible();
});

test("telephone numbers are shown in groups and copied as they are kept @CUS-01", async ({ app, api }) => {
  const { id, name } = await createCustomer(api, { phones: [{ kind: "mobile", number: "+8613812345678" }, { kind: "work", number: "+442079460958" }] });
  await app.goto(`/customers?q=${encodeURIComponent(name)}`);
  const groups = (within: Locator, first: string) => within.locator("span").filter({ has: app.locator(":scope > span", { hasText: first }) }).last().locator(":scope > span");
  await expect(groups(rowOf(app, name), "+86")).toHaveText(["+86", "138", "1234", "5678"]);
  await app.goto(`/customers/${id}`);
  const link = app.getByRole("link", { name: "+8613812345678" });
  await expect(link).toHaveAttribute("href", "tel:+8613812345678");
  await expect(groups(link, "+86")).toHaveText(["+86", "138", "1234", "5678"]);
  const british = app.getByRole("link", { name: "+442079460958" });
  await expect(groups(british, "+44")).toHaveText(["+44", "20", "7946", "0958"]);
  const copied = await link.evaluate((node) => {
    getSelection()?.selectAllChildren(node);
    return getSelection()?.toString();
  });
  expect(copied).toBe("+8613812345678");
});
