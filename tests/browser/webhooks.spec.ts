import { Receiver } from "../system/lib/receiver";
import { System } from "../system/harness/system";
import type { Client } from "../system/lib/client";
import { administrator } from "../system/lib/people";
import { enter, expect, expectAccessible, test, unique } from "./support";

// A person connects another system: on a system of its own, which may reach the receiver on loopback.

let system: System;
let receiver: Receiver;
let admin: Client;
test.beforeAll(async () => {
  system = await System.start({ GUANXI_WEBHOOK_ALLOW: "127.0.0.1/32", GUANXI_WEBHOOK_SCHEDULE: "0,1" });
  receiver = await Receiver.open();
  admin = await administrator(system);
});
test.afterAll(async () => {
  await receiver.close();
  await system.remove();
});

test("a webhook is made, its secret copied once, tested, and its deliveries are seen @NRM-04", async ({ browser }) => {
  const context = await browser.newContext({ baseURL: system.url, locale: "en-GB", viewport: { width: 1366, height: 850 } });
  const page = await context.newPage();
  await enter(page, system, "/webhooks");
  const name = unique("ERP");
  await page.getByRole("button", { name: /new webhook/i }).first().click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Endpoint").fill(receiver.url);
  await page.getByLabel("Event types").fill("customer created");
  await page.getByTitle(/Customer created/).click();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Make a secret" }).click();
  const secret = await page.getByLabel("The new secret").inputValue();
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  await page.getByRole("button", { name: "I have kept it" }).click();
  receiver.secret = secret;

  await page.getByRole("button", { name: "Send a test" }).click();
  await expect(page.getByText(/The endpoint answered 204/)).toBeVisible();
  await admin.create("customers", { name: "仇记" });
  await expect(page.getByText("customer.customer.created.v1")).toBeVisible();
  await expect(page.getByRole("listitem").getByText("Delivered")).toBeVisible();
  await expectAccessible(page);
  expect(receiver.faults).toEqual([]);

  receiver.answer = (response) => void response.writeHead(410).end();
  await admin.create("customers", { name: "解记" });
  await expect(page.getByRole("link", { name: "Notifications: 1 unread" })).toBeVisible();
  await expect(page.getByText(/The endpoint answered 410 Gone/).first()).toBeVisible();
  await page.getByRole("link", { name: "Notifications: 1 unread" }).click();
  await expectAccessible(page);
  await page.getByRole("link", { name: new RegExp(name) }).click();
  await expect(page.getByRole("button", { name: "Resume" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Notifications", exact: true })).toBeVisible();
  await context.close();
});
