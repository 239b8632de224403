import { readSheet } from "read-excel-file/node";
import { eventually } from "./harness/system";
import { type Client, type Json, type Row, expectOk, expectProblem, uniqueWord } from "./lib/client";
import { newCreditCode } from "./lib/credit-code";
import { fromCsv, jobEnd, refusedRows, toCsv, upload } from "./lib/csv";
import { expect, test } from "./lib/fixtures";
import { administrator, newMember } from "./lib/people";
import { Stream } from "./lib/stream";

// Rows whose records are there: policies, trial runs, undoing. And lists as files.

type Options = { policy?: string; key?: string; dryRun?: boolean; automation?: boolean; columns?: { column: string; field: string }[] };

async function run(client: Client, rows: string[][] | string, options: Options = {}, collection = "customers"): Promise<Row> {
  const file = await upload(client, "rows.csv", typeof rows === "string" ? rows : toCsv(rows));
  return jobEnd(client, expectOk(await client.post(`/api/v1/${collection}:import`, { fileId: file.id, ...options }), 202).json().id);
}

async function revert(client: Client, job: Row): Promise<Row> {
  return jobEnd(client, expectOk(await client.post(`/api/v1/jobs/${job.id}:revert`, {}), 202).json().id);
}

async function download(client: Client, job: Row): Promise<string> {
  return expectOk(await client.get(`/api/v1/files/${String(job["resultFileId"])}`), 200).text;
}

async function exportRows(client: Client, source: string, body: object, collection = "customers"): Promise<Row> {
  const filter = [{ field: "source", operator: "eq", values: [source] }];
  return jobEnd(client, expectOk(await client.post(`/api/v1/${collection}:export`, { filter, ...body }), 202).json().id);
}

const made = (client: Client, source: string): Promise<Row[]> => client.all("customers", { "filter[source][eq]": source, sort: "name,id", limit: 500 });
const namesOf = async (client: Client, source: string): Promise<unknown[]> => (await made(client, source)).map((row) => row["name"]);
const phoneOf = (n: number): string => `139${String(n).padStart(8, "0")}`;
const somePhone = (): number => Math.floor(Math.random() * 9e7);

test.describe("rows whose record is there", () => {
  const policies: [string, string[], object][] = [
    ["create", ["甲", "甲新", "乙"], { created: "2", updated: "0", skipped: "0", refused: "0" }],
    ["update", ["甲新"], { created: "0", updated: "1", skipped: "0", refused: "1" }],
    ["upsert", ["甲新", "乙"], { created: "1", updated: "1", skipped: "0", refused: "0" }],
    ["skip", ["甲", "乙"], { created: "1", updated: "0", skipped: "1", refused: "0" }],
  ];
  for (const [policy, names, numbers] of policies)
    test(`are dealt with by the policy ${policy}, the phone in any way of writing @SYS-18`, async ({ admin }) => {
      const source = uniqueWord();
      const n = somePhone();
      await admin.create("customers", { name: "甲", source, phones: [{ number: phoneOf(n) }] });
      const job = await run(admin, [["name", "source", "phones"], ["甲新", source, `+86 ${phoneOf(n)}`], ["乙", source, phoneOf(n + 1)]], { policy, ...(policy === "create" ? {} : { key: "phones" }) });
      expect(job).toMatchObject({ state: "succeeded", policy, ...numbers });
      expect((await namesOf(admin, source)).sort()).toEqual([...names].sort());
      if (policy === "update") expect((await refusedRows(admin, job))[1]?.at(-1)).toMatch(/^phones: 没有.* \| No record/);
    });

  test("are found by credit code and e-mail in their normal forms, and by id @SYS-18", async ({ admin }) => {
    const source = uniqueWord();
    const code = newCreditCode();
    const row = await admin.create("customers", { name: "甲", source, creditCode: code, emails: [{ address: `${source}@example.com` }] });
    const by: [string, string][] = [["creditCode", ` ${code.toLowerCase()} `], ["emails", `${source.toUpperCase()}@EXAMPLE.com`.replace(source.toUpperCase(), source)], ["id", row.id]];
    for (const [key, value] of by)
      expect(await run(admin, [["industry", key], [`by ${key}`, value]], { policy: "update", key }), key).toMatchObject({ state: "succeeded", updated: "1", refused: "0" });
    expect(await admin.read("customers", row.id)).toMatchObject({ industry: "by id", name: "甲" });
  });

  test("that have the same key within the file: the later one finds what the earlier made @SYS-18", async ({ admin }) => {
    const source = uniqueWord();
    const n = somePhone();
    const rows = [["name", "source", "phones", "industry"], ["甲", source, phoneOf(n), "一"], ["乙", source, phoneOf(n), ""], ["丙", source, phoneOf(n), "三"]];
    expect(await run(admin, rows, { policy: "upsert", key: "phones" })).toMatchObject({ created: "1", updated: "2", skipped: "0" });
    expect(await made(admin, source)).toMatchObject([{ name: "丙", industry: "三", version: "3" }]);
    expect(await run(admin, rows, { policy: "skip", key: "phones" })).toMatchObject({ created: "0", skipped: "3" });
  });

  test("that is out of sight, or several, is not changed @SYS-18", async ({ admin }) => {
    const source = uniqueWord();
    const n = somePhone();
    const someone = await newMember(admin, "某人");
    const theirs = await admin.create("customers", { name: "不给看", source, phones: [{ number: phoneOf(n) }] });
    expect(await run(someone, [["name", "phones"], ["改", phoneOf(n)]], { policy: "update", key: "phones" })).toMatchObject({ updated: "0", refused: "1" });
    expect(await admin.read("customers", theirs.id)).toMatchObject({ name: "不给看", version: "1" });
    await admin.create("customers", { name: "同号", source, phones: [{ number: phoneOf(n) }] });
    const job = await run(admin, [["name", "phones"], ["改", phoneOf(n)]], { policy: "upsert", key: "phones" });
    expect(job).toMatchObject({ created: "0", updated: "0", refused: "1" });
    expect((await refusedRows(admin, job))[1]?.at(-1)).toContain("More than one record");
  });

  test("have lists of tags, roles and categories, several in a cell, as an export writes them @SYS-18", async ({ admin }) => {
    const source = uniqueWord();
    const [a, b] = [await admin.create("categories", { name: uniqueWord() }), await admin.create("categories", { name: uniqueWord() })];
    const lists = { tags: ["红", "甜"], roles: ["supplier", "carrier"], handCategoryIds: [a.id, b.id] };
    const old = await admin.create("customers", { name: "甲", source, ...lists });
    const text = await download(admin, await exportRows(admin, source, { format: "csv", fields: ["name", "source", "tags", "roles", "handCategoryIds"] }));
    expect(text).toContain(`${String(a["name"])};${String(b["name"])}`);
    expectOk(await admin.delete(`/api/v1/customers/${old.id}`), 204);
    expect(await run(admin, text)).toMatchObject({ state: "succeeded", created: "1", refused: "0" });
    expect((await made(admin, source))[0]).toMatchObject(lists);
    expect(await run(admin, [["name", "source", "handCategoryIds"], ["丁", source, `${a.id};${b.id}`]])).toMatchObject({ created: "1", refused: "0" });
    expect((await made(admin, source)).map((row) => row["handCategoryIds"])).toContainEqual([a.id, b.id]);
    const unknown = await run(admin, [["name", "source", "handCategoryIds"], ["戊", source, `${String(a["name"])};no such`]]);
    expect((await refusedRows(admin, unknown))[1]?.at(-1)).toContain("There is no such Category");
    expect(await run(admin, [["name", "source", "tags", "roles"], ["丙", source, "一个", "生产商;no role"]], {})).toMatchObject({ created: "0", refused: "1" });
  });

  test("need a field to be found by, and the file its column @SYS-18", async ({ admin }) => {
    const file = await upload(admin, "a.csv", "name,source\n甲,乙\n");
    const post = (options: Options) => admin.post("/api/v1/customers:import", { fileId: file.id, ...options });
    expectProblem(await post({ policy: "upsert" }), 400, "invalid", { "/key": "import_key_needed" });
    expectProblem(await post({ policy: "upsert", key: "industry" }), 400, "invalid", { "/key": "import_key_needed" });
    expectProblem(await post({ policy: "update", key: "phones", columns: [{ column: "name", field: "name" }] }), 400, "invalid", { "/columns": "import_no_key" });
    expect(await run(admin, "name\n甲\n", { policy: "skip", key: "emails" })).toMatchObject({ state: "failed", problem: expect.stringContaining("No column of the file is E-mails") as unknown });
  });

  test("many at once: 3,000 rows upserted twice, the second time half of them changed @SYS-18", async ({ admin }) => {
    const source = uniqueWord();
    const n = somePhone();
    const rows = (industry: (i: number) => string): string[][] => [["name", "source", "phones", "industry"], ...Array.from({ length: 3000 }, (_, i) => [`公司 ${i}`, source, phoneOf(n + i), industry(i)])];
    expect(await run(admin, rows(() => "一"), { policy: "upsert", key: "phones" })).toMatchObject({ created: "3000", updated: "0", skipped: "0" });
    expect(await run(admin, rows((i) => (i % 2 === 0 ? "二" : "一")), { policy: "upsert", key: "phones" })).toMatchObject({ created: "0", updated: "1500", skipped: "1500" });
    const all = await made(admin, source);
    expect(all).toHaveLength(3000);
    expect(all.filter((row) => row["industry"] === "二" && row.version === "2")).toHaveLength(1500);
  });
});

test("a trial run tells what the import would do, also across steps, and stores nothing @SYS-18", async ({ admin, system }) => {
  const source = uniqueWord();
  const n = somePhone();
  const existing = await admin.create("customers", { name: "已有", source, phones: [{ number: phoneOf(n) }] });
  // The last rows repeat keys of the first step; one credit code stands twice far apart.
  const code = newCreditCode();
  const rows = Array.from({ length: 2600 }, (_, i) => [i % 100 === 99 ? "" : `公司 ${i}`, source, phoneOf(i < 2500 ? n + i : n + i - 2500), i === 5 || i === 2450 ? code : ""]);
  const file = [["name", "source", "phones", "creditCode"], ...rows];
  const options = { policy: "upsert", key: "phones" };
  const trial = await run(admin, file, { ...options, dryRun: true });
  expect(trial).toMatchObject({ state: "succeeded", dryRun: true, action: "trial" });
  expect(await namesOf(admin, source)).toEqual(["已有"]);
  expect((await admin.read("customers", existing.id)).version).toBe("1");
  expect(await system.sql(`select count(*) from customer.event_log where subject_type = 'customers' and request_id = '${trial.id}'`)).toEqual([["0"]]);
  expect(await system.sql(`select count(*) from customer.import_seen where job_id = '${trial.id}'`)).toEqual([["0"]]);
  const real = await run(admin, file, options);
  const figures = ({ created, updated, skipped, refused }: Row): unknown => ({ created, updated, skipped, refused });
  expect(figures(trial)).toEqual(figures(real));
  expect(Number((await system.sql(`select count(*) from customer.event_log where subject_type = 'customers' and request_id = '${real.id}'`))[0]?.[0])).toBeGreaterThan(2000);
  expect(Number(real["refused"])).toBeGreaterThan(20);
  expect((await refusedRows(admin, trial)).map((row) => row[2])).toEqual((await refusedRows(admin, real)).map((row) => row[2]));
  expectProblem(await admin.post(`/api/v1/jobs/${trial.id}:revert`, {}), 409, "not_an_import");
});

test("contacts and activities come in as well, their customer by its name or id @SYS-18", async ({ admin }) => {
  const name = `客户 ${uniqueWord()}`;
  const customer = await admin.create("customers", { name });
  const contacts = await run(admin, [["姓名", "客户", "电话"], ["张三", name, "13800138000"], ["李四", customer.id, ""], ["王五", "没有这家", ""]], {}, "contacts");
  expect(contacts).toMatchObject({ state: "succeeded", collection: "contacts", created: "2", refused: "1" });
  expect((await refusedRows(admin, contacts))[1]).toEqual(["王五", "没有这家", "", expect.stringMatching(/^customerId: /)]);
  expect((await admin.all("contacts", { "filter[customerId][eq]": customer.id })).map((row) => [row["name"], row["ownerId"]]).sort()).toEqual([["张三", customer["ownerId"]], ["李四", customer["ownerId"]]]);
  const activities = await run(admin, [["主题", "类型", "客户", "联系人", "时间"], ["拜访", "拜访", name, "张三", "2026-11-20T08:00:00Z"]], {}, "activities");
  expect(activities).toMatchObject({ created: "1", refused: "0" });
  expect(await admin.all("activities", { "filter[customerId][eq]": customer.id })).toMatchObject([{ subject: "拜访", kind: "visit", occurTime: "2026-11-20T08:00:00Z" }]);
});

test("a member imports contacts of the customers that they see, and of no others @SYS-18", async ({ admin }) => {
  const someone = await newMember(admin, "某人");
  const [theirs, ours] = [await admin.create("customers", { name: `看不见 ${uniqueWord()}` }), await someone.create("customers", { name: `看得见 ${uniqueWord()}` })];
  const job = await run(someone, [["name", "customerId"], ["甲", theirs.id], ["乙", String(theirs["name"])], ["丙", ours.id]], {}, "contacts");
  expect(job).toMatchObject({ created: "1", refused: "2" });
  expect(await admin.all("contacts", { "filter[customerId][eq]": theirs.id })).toEqual([]);
});

test("rows that are to start no automation say so in their events @SYS-18", async ({ admin, system }) => {
  const source = uniqueWord();
  const stream = await Stream.open(admin, { from: "latest", types: "guanxi.customer.customer.*" });
  const job = await run(admin, [["name", "source"], ["静", source]], { automation: false });
  const event = await stream.wait("the event", ({ text }) => text.includes(source));
  stream.close();
  expect(JSON.parse(event.text)).toMatchObject({ automation: "off" });
  const [row] = await made(admin, source);
  expect(await eventually("the log", async () => (await system.sql(`select request_id from customer.event_log where subject_id = '${row?.id ?? ""}'`))[0])).toEqual([job.id]);
});

test.describe("undoing an import", () => {
  test("deletes what it created, gives back what it changed, leaves what was edited since, and says so @SYS-18", async ({ admin }) => {
    const source = uniqueWord();
    const n = somePhone();
    await run(admin, [["name", "source", "phones", "industry"], ...[0, 1].map((i) => [`旧 ${i}`, source, phoneOf(n + i), "旧业"])]);
    const upserted = await run(admin, [["name", "source", "phones", "industry"], ...[0, 1, 2, 3, 4].map((i) => [`新 ${i}`, source, phoneOf(n + i), "新业"]), ["再新 0", source, phoneOf(n), "新业"]], { policy: "upsert", key: "phones" });
    expect(upserted).toMatchObject({ created: "3", updated: "3" });
    const before = await made(admin, source);
    const [edited, used] = [before.find((row) => row["name"] === "新 1"), before.find((row) => row["name"] === "新 4")];
    await admin.patch(`/api/v1/customers/${edited?.id ?? ""}`, { description: "有人改过" });
    await admin.create("contacts", { name: "有人加的", customerId: used?.id ?? "" });
    const job = await revert(admin, upserted);
    expect(job).toMatchObject({ state: "succeeded", action: "revert", removed: "2", updated: "2", skipped: "2", revertsId: upserted.id });
    const after = await made(admin, source);
    expect(after.map((row) => [String(row["name"]), row["industry"]]).sort()).toEqual([["新 1", "新业"], ["新 4", "新业"], ["旧 0", "旧业"]]);
    const left = (await refusedRows(admin, job)).slice(1);
    expect(left.map((row) => row[0]).sort()).toEqual([edited?.id, used?.id].sort());
    expect(left.find((row) => row[0] === edited?.id)?.[1]).toContain("It was changed since the import");
    expect(left.find((row) => row[0] === used?.id)?.[1]).toContain("Other records belong to it");
    expectProblem(await admin.post(`/api/v1/jobs/${upserted.id}:revert`, {}), 409, "already_reverted");
    expectProblem(await admin.post(`/api/v1/jobs/${job.id}:revert`, {}), 409, "not_an_import");
  });

  test("removes what was found to be a duplicate as well, and the pair with it @SYS-18 @CUS-19", async ({ admin }) => {
    const name = `重名 ${uniqueWord()}`;
    const phone = phoneOf(somePhone());
    const there = await admin.create("customers", { name, phones: [{ number: phone }] });
    const job = await run(admin, [["name", "phones"], [name, phone]]);
    const pairs = async (): Promise<Row[]> => (await admin.all("duplicates", { "filter[state][eq]": "open" })).filter((row) => String(row["names"]).includes(name));
    await eventually("the pair is found", async () => ((await pairs()).length === 1 ? true : undefined));
    expect(await revert(admin, job)).toMatchObject({ removed: "1", skipped: "0" });
    expect((await admin.list("customers", { q: name })).data.map((row) => row.id)).toEqual([there.id]);
    await eventually("the pair is gone", async () => ((await pairs()).length === 0 ? true : undefined));
  });

  test("that was cancelled goes on where it was when it is asked for again @SYS-18", async ({ admin }) => {
    const source = uniqueWord();
    const count = 12_000;
    const job = await run(admin, [["name", "source"], ...Array.from({ length: count }, (_, i) => [`客户 ${i}`, source])]);
    const first = expectOk(await admin.post(`/api/v1/jobs/${job.id}:revert`, {}), 202).json();
    await eventually("some are removed", async () => (Number((await admin.read("jobs", first.id))["removed"]) > 0 ? true : undefined));
    expectOk(await admin.post(`/api/v1/jobs/${first.id}:cancel`, {}), 200);
    const cut = await admin.read("jobs", first.id);
    expect(cut).toMatchObject({ state: "cancelled" });
    const removed = Number(cut["removed"]);
    expect(removed).toBeLessThan(count);
    const second = await revert(admin, job);
    expect(second).toMatchObject({ state: "succeeded", total: String(count - removed), removed: String(count - removed), skipped: "0" });
    expect(await made(admin, source)).toEqual([]);
    expectProblem(await admin.post(`/api/v1/jobs/${job.id}:revert`, {}), 409, "already_reverted");
    expectProblem(await admin.post(`/api/v1/jobs/${first.id}:revert`, {}), 409, "not_an_import");
  });

  test("takes what rules and policies made of a record since for no edit @SYS-18 @CUS-04", async ({ admin }) => {
    const source = uniqueWord();
    await run(admin, [["name", "source", "industry"], ["旧", source, "旧业"]]);
    const [old] = await made(admin, source);
    const upserted = await run(admin, [["id", "name", "source", "industry"], [old?.id ?? "", "旧", source, "新业"], ["", "新", source, "新业"]], { policy: "upsert", key: "id" });
    expect(upserted).toMatchObject({ created: "1", updated: "1" });
    const category = await admin.create("categories", { name: source, rule: `filter[source][eq]=${source}` });
    await eventually("the rule has found both", async () => ((await admin.list("customers", { "filter[categoryIds][any]": category.id })).data.length === 2 ? true : undefined));
    expect(await revert(admin, upserted)).toMatchObject({ removed: "1", updated: "1", skipped: "0" });
    expect(await made(admin, source)).toMatchObject([{ id: old?.id, industry: "旧业", categoryIds: [category.id] }]);
    await admin.remove("categories", category.id);
  });

  test("is asked for once, however often, and not by who does not see the import @SYS-18", async ({ admin }) => {
    const job = await run(admin, [["name"], [uniqueWord()]]);
    const someone = await newMember(admin, "某人");
    expectProblem(await someone.post(`/api/v1/jobs/${job.id}:revert`, {}), 404, "not_found");
    const replies = await Promise.all(Array.from({ length: 4 }, () => admin.post(`/api/v1/jobs/${job.id}:revert`, {})));
    expect(replies.map((reply) => reply.status).sort()).toEqual([202, 409, 409, 409]);
  });

  test("of 12,000 rows that is cut short by a crash ends as one that was not @SYS-18 @SYS-23", async ({ ownSystem }) => {
    test.setTimeout(180_000);
    await ownSystem.start();
    const admin = await administrator(ownSystem);
    const job = await run(admin, [["name", "source"], ...Array.from({ length: 12_000 }, (_, i) => [`客户 ${i}`, "to-undo"])]);
    expect(job).toMatchObject({ created: "12000" });
    const undo = expectOk(await admin.post(`/api/v1/jobs/${job.id}:revert`, {}), 202).json();
    for (const part of [1, 5000]) {
      await eventually(`${part} rows`, async () => {
        const now = await admin.get(`/api/v1/jobs/${undo.id}`);
        return now.status === 200 && (Number(now.json()["removed"]) >= part || now.json()["state"] === "succeeded") ? true : undefined;
      });
      await ownSystem.killAndWait("customer");
    }
    expect(await jobEnd(admin, undo.id, 90_000)).toMatchObject({ state: "succeeded", removed: "12000", skipped: "0" });
    expect(await ownSystem.sql("select count(*) filter (where delete_time is null), min(version), max(version) from customer.customer where source = 'to-undo'")).toEqual([["0", "2", "2"]]);
  });
});

test.describe("a list as a file", () => {
  test("of a customer that others were merged into has what belonged to those, as the list has it @SYS-24 @CUS-19", async ({ admin }) => {
    const source = uniqueWord();
    const [stays, goes] = [await admin.create("customers", { name: `甲 ${source}` }), await admin.create("customers", { name: `乙 ${source}` })];
    await admin.create("contacts", { name: "张三", customerId: stays.id });
    await admin.create("contacts", { name: "李四", customerId: goes.id });
    expectOk(await admin.post(`/api/v1/customers/${stays.id}:merge`, { others: [goes.id] }), 200);
    const listed = (await admin.all("contacts", { "filter[customerId][eq]": stays.id })).map((row) => row["name"]);
    expect(listed.sort()).toEqual(["张三", "李四"]);
    const body = { format: "csv", fields: ["name"], sort: ["name"], filter: [{ field: "customerId", operator: "eq", values: [stays.id] }] };
    const job = await jobEnd(admin, expectOk(await admin.post("/api/v1/contacts:export", body), 202).json().id);
    expect(fromCsv(await download(admin, job)).slice(1).flat()).toEqual(["李四", "张三"]);
    const groups = expectOk(await admin.get(`/api/v1/contacts:aggregate?filter[customerId][eq]=${stays.id}`), 200).text;
    expect(groups).toContain('"count":"2"');
    const bulk = expectOk(await admin.post(`/api/v1/contacts:bulk?filter[customerId][eq]=${stays.id}`, { change: { set: { jobTitle: "经理" } } }), 202).json();
    expect(await jobEnd(admin, bulk.id)).toMatchObject({ updated: "2" });
  });

  test("has the rows of the list in its order, in CSV for spreadsheets, and comes back the way it went @SYS-24", async ({ admin }) => {
    const source = uniqueWord();
    const customers = [
      { name: "=1+2", kind: "company", stage: "active", phones: [{ number: "13800138000" }, { number: "13900139000" }] },
      { name: '引号 " 和,逗号', kind: "person", description: "两\n行", employees: "12" },
    ];
    for (const customer of customers) await admin.create("customers", { ...customer, source });
    const job = await exportRows(admin.with({ "accept-language": "zh" }), source, { format: "csv", sort: ["name"] });
    expect(job).toMatchObject({ state: "succeeded", action: "export", format: "csv", done: "2", collection: "customers", query: `filter[source][eq]=${source}&sort=name` });
    const text = await download(admin, job);
    expect(text.startsWith("\uFEFF")).toBe(true);
    const [headings, ...rows] = fromCsv(text);
    const column = (label: string): (string | undefined)[] => rows.map((row) => row[headings?.indexOf(label) ?? -1]);
    expect(column("名称")).toEqual(["'=1+2", '引号 " 和,逗号']);
    expect(column("电话")).toEqual(["'+8613800138000;+8613900139000", ""]);
    expect(column("类型")).toEqual(["企业", "个人"]);
    await Promise.all((await made(admin, source)).map((row) => admin.delete(`/api/v1/customers/${row.id}`)));
    expect(await run(admin, text)).toMatchObject({ state: "succeeded", created: "2", refused: "0" });
    expect((await made(admin, source)).map((row) => [row["name"], row["description"] ?? "", row["phones"] ?? []])).toEqual([
      ["=1+2", "", [{ number: "+8613800138000" }, { number: "+8613900139000" }]],
      ['引号 " 和,逗号', "两\n行", []],
    ]);
  });

  test("tells its conditions and its order as the list's address has them @SYS-24", async ({ admin }) => {
    const job = await exportRows(admin, "nobody", { format: "csv", sort: ["name", "-createTime"], q: "zs" });
    expect(job["query"]).toBe("filter[source][eq]=nobody&sort=name,-createTime&q=zs");
    expect((await admin.get(`/api/v1/customers?${String(job["query"])}`)).status).toBe(200);
  });

  test("by conditions longer than a job keeps of them tells their beginning, whole characters of it @SYS-24", async ({ admin }) => {
    const values = Array.from({ length: 90 }, (_, i) => `${"汉字行业名称".repeat(3)}${i}`);
    for (const before of ["", "x", "xx"]) {
      const filter = [{ field: "industry", operator: "in", values: [before, ...values].filter(Boolean) }];
      const job = await jobEnd(admin, expectOk(await admin.post("/api/v1/customers:export", { format: "csv", filter }), 202).json().id);
      const query = String(job["query"]);
      expect(`filter[industry][in]=${filter[0]?.values.join(",")}`.startsWith(query), query).toBe(true);
      expect(Buffer.byteLength(query)).toBeGreaterThan(3990);
    }
  });

  test("in NDJSON is exact: what an earlier export has is put back by its ids @SYS-24 @SYS-18", async ({ admin }) => {
    const source = uniqueWord();
    for (let i = 0; i < 3; i++) await admin.create("customers", { name: `甲 ${i}`, source, addresses: [{ city: "长沙", street: `芙蓉路 ${i} 号` }], employees: String(i) });
    const text = await download(admin, await exportRows(admin, source, { format: "ndjson", sort: ["name"] }));
    const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line) as Row);
    expect(lines).toEqual(await made(admin, source));
    for (const row of lines) await admin.patch(`/api/v1/customers/${row.id}`, { addresses: null, name: "改了" });
    expect(await run(admin, text, { policy: "update", key: "id" })).toMatchObject({ state: "succeeded", updated: "3", refused: "0" });
    expect((await made(admin, source)).map((row) => ({ ...row, version: "", updateTime: "" }))).toEqual(lines.map((row) => ({ ...row, version: "", updateTime: "" })));
    const bad = await run(admin, '{"name":"好"}\n{"name":1}\nnonsense\n{"shoeSize":4}\n\n{"name":"好 2"}');
    expect(bad).toMatchObject({ state: "succeeded", created: "2", refused: "3" });
    expect((await refusedRows(admin, bad)).map((row) => row[0])).toEqual(["guanxi:line", '{"name":1}', "nonsense", '{"shoeSize":4}']);
  });

  test("in a workbook is what other people's programs read: text as text, numbers as numbers @SYS-24", async ({ admin }) => {
    const source = uniqueWord();
    await admin.create("customers", { name: "=1+2", source, employees: "12", description: 'a < b & "c"\n二' });
    await admin.create("customers", { name: "乙", source });
    const job = await exportRows(admin, source, { format: "xlsx", sort: ["name"], fields: ["name", "employees", "description"] });
    const bytes = expectOk(await admin.get(`/api/v1/files/${String(job["resultFileId"])}`), 200).bytes;
    expect(await readSheet(bytes)).toEqual([
      ["Name", "Employees", "Description"],
      ["=1+2", 12, 'a < b & "c"\n二'],
      ["乙", null, null],
    ]);
  });

  test("has only what its owner sees, and only the fields asked for; what a list refuses it refuses @SYS-24", async ({ admin }) => {
    const source = uniqueWord();
    const someone = await newMember(admin, "某人");
    await admin.create("customers", { name: "不给看", source });
    await someone.create("customers", { name: "给看", source });
    const text = await download(someone, await exportRows(someone, source, { format: "ndjson", fields: ["name"] }));
    expect(text).toBe('{"name":"给看"}\n');
    const ask = (body: Json) => someone.post("/api/v1/customers:export", body);
    expectProblem(await ask({ format: "csv", filter: [{ field: "wechat", operator: "eq", values: ["x"] }] }), 400, "invalid", { "/filter[wechat][eq]": "not_filterable" });
    expectProblem(await ask({ format: "csv", fields: ["name", "shoeSize"] }), 400, "invalid", { "/fields/1": "bad_value" });
    expectProblem(await ask({ format: "csv", sort: ["wechat"] }), 400, "invalid", { "/sort": "not_sortable" });
    expectProblem(await ask({}), 400, "invalid", { "/format": "required" });
  });

  test("tells the log who took what along, and is kept for a week @SYS-24 @TEC-05", async ({ admin, system }) => {
    const source = uniqueWord();
    await admin.create("customers", { name: "甲", source });
    const job = await exportRows(admin, source, { format: "csv" });
    const days = (Date.parse(String(job["expireTime"])) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(6.9);
    expect(days).toBeLessThan(7.1);
    const types = await eventually("the event", async () => {
      const rows = await system.sql(`select type from customer.event_log where subject_id = '${job.id}' order by pos`);
      return rows.length >= 3 ? rows.flat() : undefined;
    });
    expect(types).toContain("guanxi.customer.job.exported.v1");
    const history = expectOk(await admin.get(`/api/v1/jobs/${job.id}/history`), 200).json()["data"] as Row[];
    expect(history.find((event) => event["type"] === "guanxi.customer.job.exported.v1")).toMatchObject({ after: { collection: "customers", format: "csv", done: "1", query: `filter[source][eq]=${source}` } });
    await system.sql(`update customer.file set expire_time = now() - interval '1 second' where id = '${String(job["resultFileId"])}'`);
    expectProblem(await admin.get(`/api/v1/files/${String(job["resultFileId"])}`), 404, "not_found");
  });

  test("of 30,000 rows that is cut short by a crash has each row once @SYS-24 @SYS-23", async ({ ownSystem }) => {
    test.setTimeout(180_000);
    await ownSystem.start();
    const admin = await administrator(ownSystem);
    await run(admin, [["name", "source"], ...Array.from({ length: 30_000 }, (_, i) => [`客户 ${i}`, "to-export"])]);
    const job = expectOk(await admin.post("/api/v1/customers:export", { format: "xlsx", fields: ["id", "name"] }), 202).json();
    await eventually("it gets on", async () => {
      const now = await admin.get(`/api/v1/jobs/${job.id}`);
      return now.status === 200 && Number(now.json()["done"]) > 0 ? true : undefined;
    });
    await ownSystem.killAndWait("customer");
    const ended = await jobEnd(admin, job.id, 90_000);
    expect(ended).toMatchObject({ state: "succeeded", done: "30000" });
    const [, ...rows] = await readSheet(expectOk(await admin.get(`/api/v1/files/${String(ended["resultFileId"])}`), 200).bytes);
    expect(rows).toHaveLength(30_000);
    expect(new Set(rows.map((row) => row[0])).size).toBe(30_000);
  });
});
