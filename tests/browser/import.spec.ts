import { expect, get, test, unique } from "./support";

const csv = (rows: string[][]) => Buffer.from(rows.map((row) => row.join(",")).join("\r\n"));

test("a file is matched by its headings, imported with progress, and its bad rows come back with reasons @SYS-18", async ({ app, api }) => {
  const source = unique("Import");
  const good = Array.from({ length: 300 }, (_, at) => [`Imported ${source} ${at}`, `+8613800${String(100000 + at).slice(-6)}`, source, "note"]);
  const bad = [["", "+8613800138000", source, "no name"]];
  await app.goto("/customers/import");
  await app.locator("input[type=file]").setInputFiles({ name: "people.csv", mimeType: "text/csv", buffer: csv([["名称", "Phones", "来源", "Whatever"], ...good, ...bad]) });

  await expect(app.getByRole("row", { name: /名称/ })).toContainText("Name");
  await expect(app.getByRole("row", { name: /Whatever/ })).toContainText("Leave out");
  await app.reload(); // what was chosen survives
  await expect(app.getByText("people.csv")).toBeVisible();
  await app.getByRole("button", { name: "Import", exact: true }).click();

  await expect(app).toHaveURL(/\/jobs\//);
  await expect(app.getByRole("progressbar")).toBeVisible();
  await app.reload(); // and so does what runs
  await expect(app.getByRole("banner").getByText("Done").or(app.locator("header").getByText("Done"))).toBeVisible({ timeout: 30_000 });
  await expect(app.getByText("300", { exact: true })).toBeVisible();
  await expect(app.getByText("1", { exact: true })).toBeVisible();
  const [download] = await Promise.all([app.waitForEvent("download"), app.getByRole("link", { name: "Refused rows" }).click()]);
  const stream = await download.createReadStream();
  const text = Buffer.concat(await stream.toArray()).toString("utf8");
  expect(text).toContain("no name");

  const query = new URLSearchParams({ "filter[source][eq]": source, count: "true", limit: "1" });
  const list = await get<{ page: { total: string } }>(api, `customers?${query.toString()}`);
  expect(list.page.total).toBe("300");
});

test("an import without the column that is needed cannot be started, and says which @SYS-18", async ({ app }) => {
  await app.goto("/customers/import");
  await app.locator("input[type=file]").setInputFiles({ name: "numbers.csv", mimeType: "text/csv", buffer: csv([["Phones"], ["+8613800138000"]]) });
  await expect(app.getByRole("alert")).toHaveText("Choose the column for Name.");
  await expect(app.getByRole("button", { name: "Import", exact: true })).toBeDisabled();
});

test("an empty file is refused in words @SYS-18", async ({ app }) => {
  await app.goto("/customers/import");
  await app.locator("input[type=file]").setInputFiles({ name: "empty.csv", mimeType: "text/csv", buffer: Buffer.alloc(0) });
  await expect(app.getByRole("alert")).toHaveText("empty.csv is empty.");
});
