import { expect, expectAccessible, get, test, unique } from "./support";

// A file that changes what is there, tried first and undone at last; and a list as a file, which comes back as one.

interface List {
  data: { id: string; name: string }[];
}

const listOf = (source: string) => `customers?${new URLSearchParams({ "filter[source][eq]": source, sort: "name" }).toString()}`;

test("rows are tried, imported and undone: figures, the list of what was refused, and nothing left @SYS-18", async ({ app, api }) => {
  const source = unique("Transfer");
  const phone = `139${String(Math.floor(Math.random() * 1e8)).padStart(8, "0")}`;
  const rows = [["名称", "Phones", "来源"], [`First ${source}`, phone, source], [`Second ${source}`, phone, source], ["", "", source]];
  await app.goto("/customers/import");
  await app.locator("input[type=file]").setInputFiles({ name: "tried.csv", mimeType: "text/csv", buffer: Buffer.from(rows.map((row) => row.join(",")).join("\r\n")) });
  await app.getByRole("combobox", { name: "Rows that exist" }).press("ArrowDown");
  await app.locator(".ant-select-item-option", { hasText: "Change existing records, create the others" }).click();
  await expectAccessible(app);
  await app.getByRole("button", { name: "Trial run" }).click();
  await expect(app.getByText("This was a trial run: nothing was saved.")).toBeVisible({ timeout: 30_000 });
  expect((await get<List>(api, listOf(source))).data).toEqual([]);

  await app.getByRole("button", { name: "Back to the import" }).click();
  await app.getByRole("button", { name: "Import", exact: true }).click();
  await expect(app.getByRole("button", { name: "Undo the import" })).toBeVisible({ timeout: 30_000 });
  expect((await get<List>(api, listOf(source))).data.map(({ name }) => name)).toEqual([`Second ${source}`]);

  await app.getByRole("button", { name: "Undo the import" }).click();
  await expect(app.getByRole("dialog")).toContainText("The record that it created is deleted.");
  await expectAccessible(app);
  await app.getByRole("dialog").getByRole("button", { name: "Undo the import" }).click();
  await expect(app.getByText("The import that this undoes")).toBeVisible();
  await expect(app.locator("header").getByText("Done")).toBeVisible({ timeout: 30_000 });
  expect((await get<List>(api, listOf(source))).data).toEqual([]);
  await app.getByText("The import that this undoes").click();
  await expect(app.getByText("This import was undone")).toBeVisible();

  // The next file with these headings is matched as this one was.
  await app.goto("/customers/import");
  await app.locator("input[type=file]").setInputFiles({ name: "next.csv", mimeType: "text/csv", buffer: Buffer.from(rows.map((row) => row.join(",")).join("\r\n")) });
  await expect(app.getByText("Matched as you did for the last file with these headings.")).toBeVisible();
  await expect(app.getByText("Change existing records, create the others")).toBeVisible();
});

test("a list is exported as a workbook, and the workbook imported again @SYS-24 @SYS-18", async ({ app, api }) => {
  const source = unique("Workbook");
  await api.post("/api/v1/customers", { data: { name: `Eins ${source}`, source, employees: "7" } });
  await app.goto(`/customers?filter[source][eq]=${source}`);
  await expect(app.getByText(`Eins ${source}`)).toBeVisible();
  await app.getByRole("button", { name: "Export" }).click();
  await app.getByRole("menuitem", { name: "Excel workbook, every field" }).click();
  await expect(app).toHaveURL(/\/jobs\//);
  const button = app.getByRole("link", { name: "Download the file" });
  await expect(button).toBeVisible({ timeout: 30_000 });
  const [file] = await Promise.all([app.waitForEvent("download"), button.click()]);
  const bytes = Buffer.concat(await (await file.createReadStream()).toArray());

  await app.goto("/customers/import");
  await app.locator("input[type=file]").setInputFiles({ name: "again.xlsx", mimeType: "application/octet-stream", buffer: bytes });
  await expect(app.getByRole("row", { name: /Employees/ })).toContainText("7");
  await app.getByRole("button", { name: "Import", exact: true }).click();
  await expect(app.getByRole("button", { name: "Undo the import" })).toBeVisible({ timeout: 30_000 });
  expect((await get<List>(api, listOf(source))).data.map(({ name }) => name)).toEqual([`Eins ${source}`, `Eins ${source}`]);
  await app.goto("/customers/import");
  await app.locator("input[type=file]").setInputFiles({ name: "broken.xlsx", mimeType: "application/octet-stream", buffer: Buffer.from("no workbook") });
  await expect(app.getByRole("alert")).toContainText("broken.xlsx could not be read as a workbook.");
});
