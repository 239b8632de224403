import { createHash } from "node:crypto";
import { eventually } from "./harness/system";
import { type Client, type Row, expectOk, expectProblem, newKey, uniqueWord } from "./lib/client";
import { creditCode, newCreditCode, withWrongCheck } from "./lib/credit-code";
import { fromCsv, jobEnd, refusedRows, runImport, startImport, toCsv, toGb18030, upload, uploadHalf } from "./lib/csv";
import { expect, test } from "./lib/fixtures";
import { administrator } from "./lib/people";
import { Stream } from "./lib/stream";

// Customers from a CSV file: encodings, mapping, refused rows, cancelling, surviving.

const created = (admin: Client, source: string): Promise<Row[]> => admin.all("customers", { "filter[source][eq]": source, sort: "createTime,id", limit: 500 });

/** Rows of every kind, good and bad in turn, and how many of each there are. */
function mixedRows(count: number, source: string): { rows: string[][]; good: number; bad: number } {
  const rows: string[][] = [];
  let bad = 0;
  const base = Math.floor(Math.random() * 9e8);
  for (let i = 0; i < count; i++) {
    const row = [`公司 ${i}，"测试"`, source, creditCode(base + i), i % 2 === 0 ? "138 0013 8000" : "0731-82234567;13900139000", `No.${i}@Example.com`, i % 3 === 0 ? "活跃" : "lost", String(i % 1000)];
    const faults: Record<number, [number, string]> = { 3: [0, ""], 7: [2, withWrongCheck(creditCode(base + i))], 11: [3, "10086"], 13: [4, "nobody"], 17: [5, "winning"], 19: [6, "many"], 23: [2, creditCode(base + (i - 23))] };
    const fault = faults[i % 29];
    if (fault !== undefined) {
      row[fault[0]] = fault[1];
      bad++;
    }
    rows.push(row);
  }
  return { rows, good: count - bad, bad };
}

const chinese = ["名称", "来源", "统一社会信用代码", "电话", "邮箱", "阶段", "员工人数"];

test.describe("5,000 rows, good and bad", () => {
  for (const encoding of ["UTF-8", "GB18030"])
    test(`in ${encoding}: the good ones become customers, the others come back with their reasons @SYS-18`, async ({ admin }) => {
      const source = uniqueWord();
      const { rows, good, bad } = mixedRows(5000, source);
      const text = toCsv([chinese, ...rows]);
      const job = await runImport(admin, encoding === "UTF-8" ? `\uFEFF${text}` : toGb18030(text));
      expect(job).toMatchObject({ state: "succeeded", created: String(good), refused: String(bad) });
      expect(job["done"]).toBe(job["total"]);
      const made = await created(admin, source);
      expect(made).toHaveLength(good);
      const first = made.find((row) => String(row["name"]).startsWith("公司 0，"));
      expect(first).toMatchObject({ name: '公司 0，"测试"', stage: "active", employees: "0", phones: [{ number: "+8613800138000" }], emails: [{ address: "no.0@example.com" }], creditCode: rows[0]?.[2] });
      expect(made.find((row) => row["name"] === '公司 1，"测试"')).toMatchObject({ stage: "lost", phones: [{ number: "+8673182234567" }, { number: "+8613900139000" }] });

      const [heading, ...refused] = await refusedRows(admin, job);
      expect(heading).toEqual([...chinese, "guanxi:reason"]);
      expect(refused).toHaveLength(bad);
      const original = new Set(rows.map((row) => row.join("\u0000")));
      const lost = refused.filter((row) => !original.has(row.slice(0, -1).join("\u0000")));
      expect(lost, "each refused row is as it was in the file").toEqual([]);
      const names = ["name", "creditCode", "phones/0/number", "emails/0/address", "stage", "employees"];
      for (const row of refused) {
        const reason = row.at(-1) ?? "";
        expect(names.some((name) => reason.startsWith(`${name}: `)), reason).toBe(true);
        expect(reason).toMatch(/\p{Script=Han}.* \| [A-Z"]/u);
      }
    });
});

test.describe("columns", () => {
  test("are matched by the mapping that was chosen, and what is not mapped is left out @SYS-18", async ({ admin }) => {
    const source = uniqueWord();
    const text = toCsv([["Kunde", "Herkunft", "Branche", "Intern"], ["Müller GmbH", source, "Stahl", "geheim"]]);
    const job = await runImport(admin, text, { Kunde: "name", Herkunft: "source", Branche: "industry" });
    expect(job).toMatchObject({ state: "succeeded", created: "1", refused: "0" });
    expect(await created(admin, source)).toMatchObject([{ name: "Müller GmbH", source, industry: "Stahl" }]);
  });

  test("are matched by their headings in either language, or by name, whatever the order", async ({ admin }) => {
    const source = uniqueWord();
    for (const headings of [["Source", "Name", "Industry"], ["来源", "名称", "行业"], ["source", "NAME", "industry"]])
      expect(await runImport(admin, toCsv([headings, [source, "甲", "乙"]]))).toMatchObject({ state: "succeeded", created: "1" });
    expect((await created(admin, source)).map((row) => row["industry"])).toEqual(["乙", "乙", "乙"]);
  });

  test("divided by semicolons or tabs are found", async ({ admin }) => {
    const source = uniqueWord();
    for (const divider of [";", "\t"]) expect(await runImport(admin, `name${divider}source\n甲,乙${divider}${source}\n`)).toMatchObject({ state: "succeeded", created: "1" });
    expect((await created(admin, source)).map((row) => row["name"])).toEqual(["甲,乙", "甲,乙"]);
  });

  test("that name no field are refused before anything starts", async ({ admin }) => {
    const file = await upload(admin, "a.csv", "a,b\n1,2\n");
    const map = (field: string) => admin.post("/api/v1/customers:import", { fileId: file.id, columns: [{ column: "a", field }] });
    expectProblem(await map("shoeSize"), 400, "invalid", { "/columns/0/field": "bad_value" });
    expectProblem(await map("version"), 400, "invalid", { "/columns/0/field": "bad_value" });
    expectProblem(await admin.post("/api/v1/customers:import", { fileId: file.id, columns: [{ column: "a" }] }), 400, "invalid", { "/columns/0/field": "required" });
    expectProblem(await admin.post("/api/v1/customers:import", {}), 400, "invalid", { "/fileId": "required" });
    expectProblem(await admin.post("/api/v1/customers:import", { fileId: "01912d3c-5b7a-7c3e-8f00-0123456789ab" }), 404, "not_found");
  });
});

test.describe("a file that", () => {
  const broken: [string, string | Buffer, Record<string, string>, string][] = [
    ["is empty", "", { state: "failed" }, "没有数据行"],
    ["has a heading alone", "name,source\n", { state: "succeeded", created: "0", refused: "0" }, ""],
    ["has no heading that fits", "x,y\n1,2\n", { state: "failed" }, "表头"],
    ["has a quote that does not end", 'name\n"甲\n乙\n', { state: "failed" }, "第 2 行的双引号有误"],
    ["has text behind a quote", 'name\n甲\n"乙"丙\n', { state: "failed" }, "第 3 行的双引号有误"],
    ["has a cell of 65,537 bytes", `name\n甲\n${"x".repeat(65_537)}\n`, { state: "failed" }, "第 3 行超过 65536 字节"],
    ["has 201 columns", `name${",x".repeat(200)}\n`, { state: "failed" }, "第 1 行超过 200 个单元格"],
    ["has a NUL", "name\n甲\u0000乙\n", { state: "failed" }, "编码"],
  ];
  for (const [what, bytes, outcome, problem] of broken)
    test(`${what} is told so @SYS-18`, async ({ admin }) => {
      const job = await runImport(admin, bytes);
      expect(job, JSON.stringify(job)).toMatchObject(outcome);
      if (problem === "") expect(job).not.toHaveProperty("problem");
      else expect(job["problem"]).toMatch(new RegExp(`${problem}.* \\| [A-Z]`));
    });

  test("breaks in the middle keeps the rows before, and says where", async ({ admin }) => {
    const source = uniqueWord();
    const rows = Array.from({ length: 1500 }, (_, i) => [`甲 ${i}`, source]);
    const job = await runImport(admin, `${toCsv([["name", "source"], ...rows])}"乙"x,${source}\n丙,${source}\n`);
    expect(job).toMatchObject({ state: "failed", created: "1500", refused: "0" });
    expect(job["problem"]).toContain("1502");
    expect(await created(admin, source)).toHaveLength(1500);
  });

  test("has rows of another length gets those back", async ({ admin }) => {
    const source = uniqueWord();
    const job = await runImport(admin, `name,source\n甲,${source}\n乙,${source},丙\n\n丁,${source}\n`);
    expect(job).toMatchObject({ state: "succeeded", created: "2", refused: "1" });
    const [, refused] = await refusedRows(admin, job);
    expect(refused?.slice(0, 3)).toEqual(["乙", source, "丙"]);
    expect(refused?.at(-1)).toContain("第 3 行有 3 个单元格");
  });
});

test("cells that a spreadsheet would run are guarded in the file of refused rows, and the way back undoes it @SYS-18 @TEC-05", async ({ admin }) => {
  const source = uniqueWord();
  const cells = ["=1+2", "+86 me", "-1", "@SUM(A1)", "\ttab", "'=quoted", "plain"];
  const text = toCsv([["名称", "来源", "统一社会信用代码"], ...cells.map((cell) => [cell, source, "wrong"])]);
  const job = await runImport(admin, text);
  expect(job).toMatchObject({ created: "0", refused: String(cells.length) });
  const [heading, ...refused] = await refusedRows(admin, job);
  expect(refused.map((row) => row[0])).toEqual(["'=1+2", "'+86 me", "'-1", "'@SUM(A1)", "'\ttab", "''=quoted", "plain"]);
  const corrected = toCsv([heading ?? [], ...refused.filter((row) => !row[0]?.includes("tab")).map((row) => [row[0] ?? "", row[1] ?? "", "", row[3] ?? ""])]);
  expect(await runImport(admin, corrected)).toMatchObject({ state: "succeeded", created: String(cells.length - 1), refused: "0" });
  expect((await created(admin, source)).map((row) => row["name"]).sort()).toEqual(cells.filter((cell) => !cell.includes("tab")).sort());
});

test("a duplicate within the file or of a customer that exists is refused with its reason @SYS-18", async ({ admin }) => {
  const source = uniqueWord();
  const code = newCreditCode();
  const other = newCreditCode();
  await admin.create("customers", { name: "已有", creditCode: code });
  const job = await runImport(admin, toCsv([["name", "source", "creditCode"], ["甲", source, code], ["乙", source, other], ["丙", source, other]]));
  expect(job).toMatchObject({ created: "1", refused: "2" });
  expect((await refusedRows(admin, job)).slice(1).map((row) => [row[0], /统一社会信用代码.*Credit code/.test(row.at(-1) ?? "")])).toEqual([["甲", true], ["丙", true]]);
});

test("an import can be cancelled: what was made stays, no more comes @SYS-18", async ({ admin, system }) => {
  const source = uniqueWord();
  const rows = Array.from({ length: 60_000 }, (_, i) => [`甲 ${i}`, source]);
  const file = await upload(admin, "many.csv", toCsv([["name", "source"], ...rows]));
  const stream = await Stream.open(admin, { from: "latest", types: "guanxi.customer.job.*" });
  const job = await startImport(admin, file.id);
  await stream.wait("progress", (event) => event.subject === `jobs/${job.id}` && event.text.includes('"created"') && event.name.endsWith("updated.v1"));
  const cancelled = expectOk(await admin.post(`/api/v1/jobs/${job.id}:cancel`), 200).json();
  expect(cancelled).toMatchObject({ state: "cancelled" });
  stream.close();
  const after = await admin.read("jobs", job.id);
  const made = async (): Promise<string | undefined> => (await system.sql(`select count(*) from customer.customer where source = '${source}'`))[0]?.[0];
  expect(await made(), "the job tells how many").toBe(after["created"]);
  expect(Number(after["created"])).toBeLessThan(60_000);
  // A job that came later has its turn and its end: were the first one still run, it would have gone on beside it.
  await runImport(admin, toCsv([["name"], ["后来的"]]));
  expect(await made()).toBe(after["created"]);
  expect((await admin.read("jobs", job.id)).version).toBe(after.version);
  expectProblem(await admin.post(`/api/v1/jobs/${job.id}:cancel`), 409, "job_not_running");
});

test("an import with the same idempotency key runs once", async ({ admin }) => {
  const source = uniqueWord();
  const file = await upload(admin, "once.csv", toCsv([["name", "source"], ["甲", source]]));
  const key = newKey();
  const jobs = await Promise.all(Array.from({ length: 4 }, () => startImport(admin, file.id, undefined, { "idempotency-key": key })));
  expect(new Set(jobs.map((job) => job.id)).size).toBe(1);
  expectProblem(await admin.post("/api/v1/customers:import", { fileId: file.id, columns: [{ column: "name", field: "name" }] }, { "idempotency-key": key }), 422, "idempotency_key_reused");
  await jobEnd(admin, jobs[0]?.id ?? "");
  expect(await created(admin, source)).toHaveLength(1);
});

test("a service that is killed in the middle resumes, and the rows are those of a run without @SYS-18 @SYS-23", async ({ ownSystem }) => {
  test.setTimeout(180_000);
  await ownSystem.start();
  const admin = await administrator(ownSystem);
  const text = (source: string): string =>
    toCsv([["name", "source", "phones"], ...Array.from({ length: 20_000 }, (_, i) => [i % 50 === 7 ? "" : `客户 ${i}`, source, i % 50 === 13 ? "10086" : "13800138000"])]);
  const outcomeOf = async (source: string, job: Row): Promise<{ job: unknown; names: unknown; refused: string[][] }> => ({
    job: { state: job["state"], created: job["created"], refused: job["refused"], done: job["done"] },
    names: await ownSystem.sql(`select name from customer.customer where source = '${source}' order by name, id`),
    refused: (await refusedRows(admin, job)).map((row) => row.map((cell) => cell.replace(source, "source"))),
  });
  const [calm, rough] = ["calm-source", "wild-source"];
  const unkilled = await outcomeOf(calm, await runImport(admin, text(calm)));
  const file = await upload(admin, "客户.csv", text(rough));
  const job = await startImport(admin, file.id);
  let kills = 0;
  for (const part of [2_000, 8_000, 14_000]) {
    await eventually(`${part} rows`, async () => {
      const now = await admin.get(`/api/v1/jobs/${job.id}`);
      return now.status === 200 && (Number(now.json()["created"]) >= part || now.json()["state"] === "succeeded") ? true : undefined;
    });
    await ownSystem.killAndWait("customer");
    kills++;
  }
  const killed = await outcomeOf(rough, await jobEnd(admin, job.id, 90_000));
  expect(kills).toBe(3);
  expect(unkilled.job).toMatchObject({ state: "succeeded", created: "19200", refused: "800" });
  expect(killed).toEqual(unkilled);
});

test.describe("a file", () => {
  test("comes back byte for byte, as an attachment that no browser runs @TEC-05", async ({ admin }) => {
    const bytes = Buffer.concat([Buffer.from('<script>alert("x")</script>\n'), Buffer.alloc(700_000, 0x41)]);
    const name = '客户 "清单"; 1.html';
    const file = await expectOk(await admin.send("POST", `/api/v1/files?name=${encodeURIComponent(name)}`, bytes, { "content-type": "text/html" }), 201).json();
    expect(file).toMatchObject({ name, size: String(bytes.length), sha256: createHash("sha256").update(bytes).digest("hex") });
    const reply = expectOk(await admin.get(`/api/v1/files/${file.id}`), 200);
    expect(reply.bytes.equals(bytes)).toBe(true);
    expect(reply.header("content-disposition")).toMatch(/^attachment; (filename="[^"]*"; )?filename\*=UTF-8''/);
    expect(decodeURIComponent(reply.header("content-disposition").split("UTF-8''")[1] ?? "")).toBe(name);
    expect(reply.header("x-content-type-options")).toBe("nosniff");
  });

  test("shows its headings and first rows when it was uploaded @SYS-18", async ({ admin }) => {
    const file = await upload(admin, "p.csv", toGb18030(toCsv([["名称", "行业"], ...Array.from({ length: 9 }, (_, i) => [`甲 ${i}`, "乙"])])));
    expect(file["preview"]).toEqual([{ cells: ["名称", "行业"] }, ...Array.from({ length: 5 }, (_, i) => ({ cells: [`甲 ${i}`, "乙"] }))]);
  });

  test("whose upload was cut half-way is no file, and nothing of it can be imported", async ({ admin, system }) => {
    const unfinished = async (): Promise<string[]> => (await system.sql("select id from customer.file where name = 'half.csv' and not finished")).flat();
    const before = await unfinished();
    await uploadHalf(admin, 2_000_000, Buffer.alloc(1_000_000, 0x61));
    const id = await eventually("the half is there", async () => (await unfinished()).find((known) => !before.includes(known)));
    expectProblem(await admin.get(`/api/v1/files/${id}`), 409, "file_not_finished");
    expectProblem(await admin.post("/api/v1/customers:import", { fileId: id }), 409, "file_not_finished");
    await upload(admin, "whole.csv", "name\n甲\n");
  });

  test("that does not exist, or whose id is none, is not found", async ({ admin }) => {
    for (const id of ["01912d3c-5b7a-7c3e-8f00-0123456789ab", "x"]) expectProblem(await admin.get(`/api/v1/files/${id}`), 404, "not_found");
  });

  test("of refused rows opens in other people's programs: UTF-8 with a byte order mark, RFC 4180", async ({ admin }) => {
    const job = await runImport(admin, toCsv([["name", "website"], ['引号 " 和,逗号\n换行', "ftp://x"]]));
    const reply = await admin.get(`/api/v1/files/${String(job["refusedFileId"])}`);
    expect(reply.bytes.subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
    expect(fromCsv(reply.text)[1]?.slice(0, 2)).toEqual(['引号 " 和,逗号\n换行', "ftp://x"]);
    expect(reply.header("content-type")).toBe("text/csv; charset=utf-8");
  });
});
