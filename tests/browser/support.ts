import AxeBuilder from "@axe-core/playwright";
import type { APIRequestContext, BrowserContext, Page } from "@playwright/test";
import { randomBytes } from "node:crypto";
import { expect, test as base } from "../system/harness/fixtures";
import type { System } from "../system/harness/system";

// What the browser tests share: a signed-in page in English, records made through the API, and axe.

export { expect } from "../system/harness/fixtures";

export interface Customer {
  id: string;
  name: string;
  version: string;
}

interface Fixtures {
  app: Page; // signed in as the first administrator, on the list of customers
}

export const test = base.extend<Fixtures>({
  locale: "en-GB",
  viewport: { width: 1366, height: 850 },
  app: async ({ page, system }, use) => {
    await enter(page, system);
    await use(page);
  },
});

/** Signs in as a browser does, without going through the form, and opens a path. */
export async function enter(page: Page, system: System, path = "/customers", credentials = system.admin): Promise<void> {
  const response = await page.request.post("/api/v1/sessions", {
    headers: { "X-Guanxi-Session": "cookie" },
    data: { ...credentials, client: "browser test" },
  });
  expect(response.status()).toBe(201);
  await page.goto(path);
  await expect(page.getByRole("main").getByRole("heading", { level: 1 })).toBeVisible(); // the screen is there, and with it its keys
}

/** A second person at a second machine. */
export async function otherBrowser(context: BrowserContext, system: System, path: string): Promise<Page> {
  const browser = context.browser();
  if (browser === null) throw new Error("the context has no browser");
  const other = await browser.newContext({ baseURL: system.url, locale: "en-GB" });
  const page = await other.newPage();
  await enter(page, system, path);
  return page;
}

export const unique = (name: string) => `${name} ${randomBytes(4).toString("hex")}`;

export async function create<T = Customer>(api: APIRequestContext, collection: string, data: Record<string, unknown>): Promise<T> {
  const response = await api.post(`/api/v1/${collection}`, { data, headers: { "Idempotency-Key": randomBytes(16).toString("hex") } });
  expect(response.status(), await response.text()).toBe(201);
  return (await response.json()) as T;
}

export const createCustomer = (api: APIRequestContext, data: Record<string, unknown> = {}) =>
  create(api, "customers", { name: unique("Company"), kind: "company", ...data });

export async function get<T>(api: APIRequestContext, path: string): Promise<T> {
  const response = await api.get(`/api/v1/${path}`);
  expect(response.status(), await response.text()).toBe(200);
  return (await response.json()) as T;
}

/** Nothing that axe can find: WCAG 2.2 A and AA. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.waitForFunction(() => document.getAnimations().every((animation) => animation.playState !== "running"));
  // Its types come from another copy of playwright-core than ours.
  const options = { page } as unknown as ConstructorParameters<typeof AxeBuilder>[0];
  const { violations } = await new AxeBuilder(options).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary ?? ""}`).join(" | ")}`)).toEqual([]);
}

/** The row of a list that shows a record. */
export const rowOf = (page: Page, name: string) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });

/** A fact of the record page, to be edited. */
export const fact = (page: Page, name: string) => page.getByRole("button", { name: `Edit ${name}`, exact: true });

/** `test` for what a person keeps on the server: `app` is a person of their own, whose choices nobody else meets. */
export const ownTest = test.extend({
  app: async ({ page, system, api }, use) => {
    const [email, first, later] = [`${unique("person").replace(" ", "-")}@example.com`, "the-first-password", "the-later-password"];
    const { id } = await create<{ id: string }>(api, "users", { name: unique("Person"), email, role: "administrator" });
    expect((await api.post(`/api/v1/users/${id}:setPassword`, { data: { password: first } })).status()).toBe(204);
    const session = await page.request.post("/api/v1/sessions", { data: { email, password: first } });
    const { token } = (await session.json()) as { token: string };
    const changed = await page.request.post("/api/v1/me:changePassword", { headers: { authorization: `Bearer ${token}` }, data: { currentPassword: first, newPassword: later } });
    expect(changed.status()).toBe(204);
    await enter(page, system, "/customers", { email, password: later });
    await use(page);
  },
});
