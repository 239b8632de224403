import { eventually } from "./harness/system";
import { type Client, type Json, type Row, expectOk, expectProblem, newKey, uniqueWord } from "./lib/client";
import { jobEnd, refusedRows, runImport, toCsv } from "./lib/csv";
import { newCreditCode } from "./lib/credit-code";
import { expect, test } from "./lib/fixtures";
import { administrator, newMember, newTeam } from "./lib/people";

// One change to many records: which, what, a preview, what is refused, and the way back.

const of = (source: string) => `filter[source][eq]=${source}`;
const bulk = (client: Client, query: string, body: Json, collection = "customers") => client.post(`/api/v1/${collection}:bulk?${query}`, body);

async function run(client: Client, query: string, body: Json): Promise<Row> {
  const reply = expectOk(await bulk(client, query, body), 202);
  const job = reply.json();
  expect(reply.header("location")).toBe(`/api/v1/jobs/${job.id}`);
  return jobEnd(client, job.id);
}

async function undo(client: Client, job: Row): Promise<Row> {
  return jobEnd(client, expectOk(await client.post(`/api/v1/jobs/${job.id}:revert`), 202).json().id);
}

const made = (client: Client, count: number, source: string, more: Record<string, Json> = {}): Promise<Row[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => client.create("customers", { name: `公司 ${at}`, source, ...more })));

const all = (client: Client, source: string) => client.all("customers", { "filter[source][eq]": source, sort: "createTime,id" });

test("a field is set in all that match, and in nothing else @NRM-03", async ({ admin }) => {
  const [source, other] = [uniqueWord(), uniqueWord()];
  await made(admin, 30, source, { industry: "Sugar" });
  await made(admin, 3, other, { industry: "Sugar" });
  const job = await run(admin, of(source), { change: { set: { stage: "active", industry: null } } });
  expect(job).toMatchObject({ kind: "bulk", state: "succeeded", collection: "customers", total: "30", done: "30", updated: "30", refused: "0", query: of(source) });
  for (const row of await all(admin, source)) {
    expect(row).toMatchObject({ stage: "active", version: "2" });
    expect(row["industry"]).toBeUndefined();
  }
  for (const row of await all(admin, other)) expect(row).toMatchObject({ stage: "prospect", industry: "Sugar", version: "1" });
  const [first] = await all(admin, source);
  const history = expectOk(await admin.get(`/api/v1/customers/${first?.id}/history`), 200).json<{ data: { fields: string[]; before: Row }[] }>().data;
  expect(history[0]?.before).toMatchObject({ stage: "prospect", industry: "Sugar" });
});

test("the preview says how many, shows the first with both values and what is refused, and changes nothing @NRM-03", async ({ admin }) => {
  const source = uniqueWord();
  const rows = await made(admin, 25, source);
  await admin.update("customers", rows[0]?.id ?? "", { stage: "active" });
  const reply = expectOk(await bulk(admin, of(source), { change: { set: { stage: "active" } }, dryRun: true }), 200);
  const preview = reply.json<{ total: string; checked: number; changed: number; refused: number; rows: { before: Row; after: Row }[] }>();
  expect(preview).toMatchObject({ total: "25", checked: 25, changed: 24, refused: 0 });
  expect(preview.rows).toHaveLength(20);
  for (const row of preview.rows) expect(row).toMatchObject({ before: { stage: "prospect" }, after: { stage: "active" } });
  expect((await all(admin, source)).filter((row) => row["stage"] === "active")).toHaveLength(1);

  const code = newCreditCode();
  await made(admin, 1, uniqueWord(), { creditCode: code });
  const clash = expectOk(await bulk(admin, of(source), { change: { set: { creditCode: code } }, dryRun: true }), 200).json<{ refused: number; rows: { refused: string }[] }>();
  expect(clash.refused).toBe(25);
  expect(clash.rows[0]?.refused).toContain("Credit code");
});

test("values join lists and leave them, and what stands there stays @NRM-03", async ({ admin }) => {
  const source = uniqueWord();
  const [mine, theirs] = [{ kind: "mobile", number: "+8613800138000" }, { kind: "work", number: "+8673182234567" }];
  const [bare, one, both] = await Promise.all([[], [theirs], [theirs, mine]].map((phones) => admin.create("customers", { name: "电话", source, phones })));
  const added = await run(admin, of(source), { change: { add: { phones: [{ kind: "mobile", number: "138 0013 8000" }] } } });
  expect(added).toMatchObject({ updated: "2", skipped: "1" });
  expect((await admin.read("customers", bare?.id ?? ""))["phones"]).toEqual([mine]);
  expect((await admin.read("customers", one?.id ?? ""))["phones"]).toEqual([theirs, mine]);
  expect((await admin.read("customers", both?.id ?? ""))["phones"]).toEqual([theirs, mine]);
  await run(admin, of(source), { change: { remove: { phones: [theirs] } } });
  for (const row of await all(admin, source)) expect(row["phones"]).toEqual([mine]);
});

test("what is refused is listed with the reason and the rest goes on @NRM-03", async ({ admin }) => {
  const source = uniqueWord();
  await made(admin, 3, source, { phones: Array.from({ length: 20 }, (_, at) => ({ number: `1380013${String(8000 + at)}` })) });
  await made(admin, 2, source);
  const job = await run(admin, of(source), { change: { add: { phones: [{ number: "13900139000" }] } } });
  expect(job).toMatchObject({ state: "succeeded", updated: "2", refused: "3", done: "5" });
  const [heading, ...rows] = await refusedRows(admin, job);
  expect(heading).toEqual(["id", "name", "guanxi:reason"]);
  expect(rows).toHaveLength(3);
  for (const [, name, reason] of rows) {
    expect(name).toMatch(/^公司/);
    expect(reason).toMatch(/^phones: .*20.*\| .*20/);
  }
});

test("a change to many is undone, but for what was edited since @NRM-03", async ({ admin }) => {
  const source = uniqueWord();
  const rows = await made(admin, 10, source, { industry: "Sugar", stage: "prospect" });
  const category = await admin.create("categories", { name: source, rule: `${of(source)}&filter[industry][eq]=Wine` });
  const job = await run(admin, of(source), { change: { set: { stage: "active", industry: "Wine" } } });
  await admin.update("customers", rows[4]?.id ?? "", { employees: "7" });
  // What a rule makes of a record is no edit, though it is a version of it.
  await eventually("the rule has found them", async () => ((await admin.list("customers", { "filter[categoryIds][any]": category.id })).data.length === 10 ? true : undefined));
  const back = await undo(admin, job);
  expect(back).toMatchObject({ kind: "bulk-undo", state: "succeeded", revertsId: job.id, updated: "9", refused: "1" });
  const [, ...refused] = await refusedRows(admin, back);
  expect(refused.map(([id]) => id)).toEqual([rows[4]?.id]);
  for (const row of await all(admin, source)) expect(row).toMatchObject(row.id === rows[4]?.id ? { industry: "Wine", stage: "active", employees: "7" } : { industry: "Sugar", stage: "prospect" });

  const again = await undo(admin, back);
  expect(again).toMatchObject({ updated: "9" });
  expect((await all(admin, source)).map((row) => row["industry"])).toEqual(Array.from({ length: 10 }, () => "Wine"));
});

test("undoing that was cancelled goes on where it was when it is asked for again @NRM-03", async ({ admin }) => {
  const source = uniqueWord();
  const count = 10_000;
  await runImport(admin, toCsv([["name", "source"], ...Array.from({ length: count }, (_, at) => [`公司 ${at}`, source])]));
  const job = await run(admin, of(source), { change: { set: { stage: "active" } } });
  const first = expectOk(await admin.post(`/api/v1/jobs/${job.id}:revert`), 202).json();
  await eventually("some are undone", async () => (Number((await admin.read("jobs", first.id))["updated"]) > 0 ? true : undefined));
  expectOk(await admin.post(`/api/v1/jobs/${first.id}:cancel`, {}), 200);
  const cut = await admin.read("jobs", first.id);
  expect(cut).toMatchObject({ state: "cancelled" });
  const rest = String(count - Number(cut["updated"]));
  expect(rest).not.toBe("0");
  expect(await undo(admin, job)).toMatchObject({ state: "succeeded", total: rest, updated: rest, refused: "0" });
  expect((await admin.list("customers", { "filter[source][eq]": source, "filter[stage][eq]": "active", count: true, limit: 1 })).page.total).toBe("0");
});

test("many are deleted, and come back @NRM-03", async ({ admin }) => {
  const source = uniqueWord();
  await made(admin, 12, source);
  const job = await run(admin, of(source), { delete: true });
  expect(job).toMatchObject({ removed: "12", updated: "0" });
  expect(await all(admin, source)).toEqual([]);
  expect(await undo(admin, job)).toMatchObject({ updated: "12" });
  expect(await all(admin, source)).toHaveLength(12);
  await run(admin, of(source), { delete: true });
  expect(await run(admin, of(source), { restore: true })).toMatchObject({ updated: "12" });
});

test("members change what they see, and nothing else @NRM-03", async ({ admin }) => {
  const source = uniqueWord();
  const team = await newTeam(admin);
  const member = await newMember(admin, "成员", team.id);
  await made(admin, 4, source);
  await made(member, 3, source);
  const job = await run(member, of(source), { change: { set: { stage: "active" } } });
  expect(job).toMatchObject({ total: "3", updated: "3" });
  expect((await all(admin, source)).filter((row) => row["stage"] === "active")).toHaveLength(3);
  const foreign = (await all(admin, source)).filter((row) => row["stage"] !== "active").map((row) => row.id);
  const byIds = await run(member, "", { ids: foreign, change: { set: { stage: "lost" } } });
  expect(byIds).toMatchObject({ updated: "0", refused: "4" });
  expect((await refusedRows(member, byIds)).slice(1).map(([, name]) => name), "not even their names").toEqual(["", "", "", ""]);
  expectProblem(await member.post(`/api/v1/jobs/${(await run(admin, of(source), { change: { set: { stage: "lost" } } })).id}:revert`), 404, "not_found");
});

test("what is asked wrongly is refused with where and what is allowed @NRM-03", async ({ admin }) => {
  expectProblem(await bulk(admin, "", { delete: true }), 400, "bulk_of_what");
  expectProblem(await bulk(admin, "", { all: true }), 400, "bulk_nothing");
  expectProblem(await bulk(admin, "", { all: true, delete: true, restore: true }), 400, "bulk_nothing");
  expectProblem(await bulk(admin, "", { all: true, change: { set: { stage: "winning" } } }), 400, "invalid", { "/change/set/stage": "bad_enum" });
  expectProblem(await bulk(admin, "", { all: true, change: { set: { name: null } } }), 400, "invalid", { "/change/set/name": "required" });
  expectProblem(await bulk(admin, "", { all: true, change: { set: { version: "3" } } }), 400, "invalid", { "/change/set/version": "output_only" });
  expectProblem(await bulk(admin, "", { all: true, change: { add: { name: "x" } } }), 400, "invalid", { "/change/add/name": "bulk_no_list" });
  expectProblem(await bulk(admin, "", { all: true, change: { put: {} } }), 400, "invalid", { "/change/put": "unknown_field" });
  expectProblem(await bulk(admin, "", { all: true, remove: true }), 400, "invalid", { "/remove": "unknown_field" });
  expectProblem(await bulk(admin, "", { ids: ["1"], delete: true }), 400, "invalid", { "/ids/0": "bad_id" });
  expectProblem(await bulk(admin, "sort=name", { delete: true }), 400, "invalid", { "/sort": "unknown_parameter" });
  expectProblem(await bulk(admin, "filter[nix][eq]=1", { delete: true }), 400, "invalid");
  expectProblem(await bulk(admin, "", { all: true, change: { set: { customerId: newKey() } } }, "contacts"), 400, "invalid", { "/change/set/customerId": "immutable" });
  expectProblem(await bulk(admin, of(uniqueWord()), { delete: true }), 409, "bulk_no_records");
});

test("the same request with the same key makes one job @NRM-03", async ({ admin }) => {
  const source = uniqueWord();
  await made(admin, 2, source);
  const key = newKey();
  const [first, second] = await Promise.all([0, 1].map(() => admin.post(`/api/v1/customers:bulk?${of(source)}`, { change: { set: { stage: "active" } } }, { "idempotency-key": key })));
  expect(first?.json().id).toBe(second?.json().id);
  await jobEnd(admin, first?.json().id ?? "");
  for (const row of await all(admin, source)) expect(row.version).toBe("2");
});

test("a change to many goes on after its service was killed, and nothing happens twice @NRM-03", async ({ ownSystem }) => {
  await ownSystem.start();
  const admin = await administrator(ownSystem);
  const source = uniqueWord();
  const count = 10_000;
  expect(await runImport(admin, toCsv([["name", "source"], ...Array.from({ length: count }, (_, at) => [`公司 ${at}`, source])]))).toMatchObject({ created: String(count) });
  const job = expectOk(await bulk(admin, of(source), { change: { set: { stage: "active" } } }), 202).json();
  await eventually("some rows are changed", async () => (Number((await admin.read("jobs", job.id))["done"]) > 0 ? true : undefined));
  await ownSystem.killAndWait("customer");
  const ended = await jobEnd(admin, job.id);
  expect(ended["state"]).toBe("succeeded");
  expect(ended).toMatchObject({ total: String(count), done: String(count), updated: String(count), refused: "0" });
  expect(await ownSystem.sql(`select stage, version, count(*) from customer.customer where source = '${source}' group by 1, 2`), "stage 2 is active").toEqual([["2", "2", String(count)]]);
});
