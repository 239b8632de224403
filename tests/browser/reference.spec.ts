import { expect, expectAccessible, test } from "./support";

// /docs/reference: all operations of the system's own OpenAPI document, in both languages.

interface Api {
  paths: Record<string, Record<string, { operationId?: string }>>;
}

for (const [address, labels] of [
  ["/docs/reference", { filter: "Find", parameters: "Parameters", count: (n: number) => `${n} operations` }],
  ["/docs/zh/reference", { filter: "查找", parameters: "参数", count: (n: number) => `共 ${n} 个接口` }],
] as const)
  test(`${address} has every operation, finds it and opens it with what it takes and answers @SYS-04`, async ({ page, system }) => {
    const { paths } = (await (await fetch(`${system.url}/api/openapi.json`)).json()) as Api;
    const ids = Object.values(paths).flatMap((item) => Object.values(item).flatMap(({ operationId }) => operationId ?? []));
    await page.goto(`${system.url}${address}`);
    await expect(page.getByRole("status")).toHaveText(labels.count(ids.length));
    for (const id of ids) expect(await page.locator(`[id="${id}"]`).count(), id).toBe(1);
    await page.getByLabel(labels.filter).fill("patch customers/{id}");
    await expect(page.locator(".operation:visible")).toHaveCount(1);
    const operation = page.locator('[id="customers.update"]');
    await operation.locator("> summary").click();
    await expect(operation.getByRole("region", { name: labels.parameters })).toContainText("If-Match");
    await expect(operation).toContainText("application/merge-patch+json");
    await expect(operation.getByRole("cell", { name: "employees", exact: true })).toBeVisible();
    await operation.getByText("200").click();
    await expect(operation.getByRole("cell", { name: "createTime", exact: true })).toBeVisible();
    await expectAccessible(page);
  });

test("fields, their values and groups of operations are called in Chinese what the definition calls them @SYS-04 @SYS-16", async ({ page, system }) => {
  await page.goto(`${system.url}/docs/zh/reference#customers.create`);
  const operation = page.locator('[id="customers.create"]');
  await expect(operation.getByRole("row").filter({ has: page.getByRole("cell", { name: "stage", exact: true }) }).first()).toContainText("阶段；prospect: 潜在，active: 活跃");
  await expect(page.getByRole("heading", { name: "customers 客户", exact: true })).toBeVisible();
  await page.goto(`${system.url}/docs/reference#customers.create`);
  await expect(operation.getByRole("row").filter({ has: page.getByRole("cell", { name: "stage", exact: true }) }).first()).toContainText("Stage · prospect: Prospect, active: Active");
});

test("an operation has an address of its own @SYS-04", async ({ page, system }) => {
  await page.goto(`${system.url}/docs/reference#customers.list`);
  const row = page.locator('[id="customers.list"]').getByRole("row").filter({ hasText: "filter[externalId]" });
  await expect(row).toContainText("eq in isNull");
});
