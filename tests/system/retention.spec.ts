import { CloudEvent as LibraryEvent } from "cloudevents";
import { eventually, outcome, System, top } from "./harness/system";
import { type Client, type Row, expectProblem, uniqueWord } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { administrator, newMember } from "./lib/people";
import { Receiver } from "./lib/receiver";
import { Stream, cloudEvent } from "./lib/stream";
import path from "node:path";

// What happens to a log whose oldest part is no longer to be kept, as those meet it who follow it, ask for the past, or verify it. Time is
// made to pass by the one column that nobody signs: when a position was given.

test.describe.configure({ mode: "serial" });

let system: System;
let admin: Client;
test.beforeAll(async () => {
  system = await System.start({ GUANXI_LOG_KEEP_DAYS: "60", GUANXI_WEBHOOK_ALLOW: "127.0.0.1/32" });
  admin = await administrator(system);
});
test.afterAll(() => system.remove());

const head = async (): Promise<{ pos: number; low: number }> => {
  const [[pos, low] = []] = await system.sql("select pos, low_pos from customer.event_head");
  return { pos: Number(pos), low: Number(low) };
};
const waiting = async (): Promise<string> => (await system.sql("select count(*) from customer.event_outbox"))[0]?.[0] ?? "";

/** Everything until now happened that many days ago. */
async function age(days: number): Promise<number> {
  await eventually("all is in the log", async () => ((await waiting()) === "0" ? true : undefined));
  await system.sql(`update customer.event_log set logged_at = now() - interval '${days} days'`);
  return (await head()).pos;
}

/** The service looks for what is to go when it starts. */
async function cutUpTo(position: number): Promise<void> {
  await system.killAndWait("customer");
  await eventually("the log is cut", async () => ((await head()).low >= position && (await waiting()) === "0" ? true : undefined));
}

let old: Row, changed: Row, gone: Row, beforeCut: string, oldPosition: number;

test("what is old goes, and every record that lives, or can come back, is told of once more @SYS-15", async () => {
  [old, changed, gone] = [await admin.create("customers", { name: uniqueWord(), industry: "一" }), await admin.create("customers", { name: uniqueWord() }), await admin.create("customers", { name: uniqueWord() })];
  await admin.update("customers", changed.id, { industry: "二", employees: 5 });
  await admin.remove("customers", gone.id);
  const stream = await Stream.open(admin, { from: "earliest", types: "guanxi.customer.customer.*" });
  beforeCut = (await stream.wait("the first customer", (event) => event.subject === `customers/${old.id}`)).cursor;
  stream.close();
  oldPosition = await age(61);
  await admin.update("customers", changed.id, { industry: "三" });
  await admin.update("customers", changed.id, { industry: null, description: "四" });
  await eventually("all is in the log", async () => ((await waiting()) === "0" ? true : undefined));
  await cutUpTo(oldPosition);
  expect((await head()).low).toBe(oldPosition);
  expect(await system.sql("select count(*) from customer.event_log where pos <= (select low_pos from customer.event_head)")).toEqual([["0"]]);

  const whole = await Stream.open(admin, { from: "earliest", types: "guanxi.customer.customer.*" });
  const snapshots = await whole.until("three snapshots", () => {
    const found = whole.received.filter((event) => event.name.endsWith(".snapshot.v1"));
    return found.length >= 3 ? found : undefined;
  });
  whole.close();
  expect(whole.received.filter((event) => event.name === "control")).toEqual([]);
  expect(snapshots.map((event) => event.subject).sort()).toEqual([old, changed, gone].map((row) => `customers/${row.id}`).sort());
  for (const snapshot of snapshots) expect(new LibraryEvent({ ...cloudEvent(snapshot) }).validate()).toBe(true);
  const ofChanged = cloudEvent(snapshots.find((event) => event.subject === `customers/${changed.id}`) as never);
  const now = await admin.read("customers", changed.id);
  expect(ofChanged.data.after).toEqual(now);
  expect(ofChanged.data.version).toBe(now.version);
  expect(ofChanged.time).toBe(now["updateTime"]);
  // Cut again: what has been told of is not told of again.
  const cutAgain = (await head()).pos;
  await age(61);
  await cutUpTo(cutAgain);
  expect(Number((await system.sql("select count(*) from customer.event_log where type = 'guanxi.customer.customer.snapshot.v1'"))[0]?.[0])).toBe(3);
});

test("who comes back with a place before the cut is told of the gap, and then of all there is @SYS-15 @NRM-04", async () => {
  for (const [query, headers] of [[{ from: beforeCut }, {}], [{}, { "last-event-id": beforeCut }]] as [Record<string, string>, Record<string, string>][]) {
    const stream = await Stream.open(admin, { types: "guanxi.customer.customer.*", ...query }, headers);
    await stream.until("every customer", () => ([old, changed, gone].every(({ id }) => stream.received.some((event) => event.subject === `customers/${id}` && event.name.endsWith(".snapshot.v1"))) ? true : undefined));
    stream.close();
    expect(JSON.parse(stream.received[0]?.text ?? "")).toMatchObject({ kind: "GAP", stream: "customer" });
    // Who keeps the cursor of the gap is not told of it again.
    const further = await Stream.open(admin, { types: "guanxi.customer.customer.*" }, { "last-event-id": stream.received[0]?.cursor ?? "" });
    await further.wait("a snapshot", (event) => event.name.endsWith(".snapshot.v1"));
    further.close();
    expect(further.received.filter((event) => event.name === "control")).toEqual([]);
  }
});

test("a record's past can be had as far as its events are kept, and no version is made up @SYS-15", async () => {
  const at = (version: number) => admin.get(`/api/v1/customers/${changed.id}?version=${version}`);
  const record = await admin.create("customers", { name: uniqueWord(), industry: "旧" });
  await admin.update("customers", record.id, { industry: "甲" });
  await eventually("a seal stands behind the second version", async () => ((await waiting()) === "0" ? true : undefined));
  for (const industry of ["乙", "丙", "丁"]) await admin.update("customers", record.id, { industry, ...(industry === "丙" ? { description: "有" } : {}) });
  const before = await Promise.all([3, 4, 5].map(async (version) => (await admin.get(`/api/v1/customers/${record.id}?version=${version}`)).json()));
  const past = (version: number) => admin.get(`/api/v1/customers/${record.id}?version=${version}`);
  await eventually("all is in the log", async () => ((await waiting()) === "0" ? true : undefined));
  const [[cut] = []] = await system.sql(`select pos from customer.event_log where subject_id = '${record.id}' and subject_version = 2`);
  await system.sql(`update customer.event_log set logged_at = now() - interval '61 days' where pos <= ${cut ?? ""}`);
  const [[seal] = []] = await system.sql(`select max(up_to) from customer.event_seal where up_to <= ${cut ?? ""}`);
  await cutUpTo(Number(seal));
  expect((await Promise.all([3, 4, 5].map(past))).map((reply) => reply.json())).toEqual(before);
  for (const version of [1, 2]) expectProblem(await past(version), 404, "no_longer_kept");
  expectProblem(await past(6), 404, "not_found");
  expectProblem(await at(1), 404, "no_longer_kept");
  const history = (await admin.get(`/api/v1/customers/${record.id}/history`)).json<{ data: { type: string; version: string }[] }>().data;
  expect(history.map((change) => change.version).filter((version) => version === "1" || version === "2")).toEqual([]);
  expect(history.some((change) => change.type.endsWith(".snapshot.v1"))).toBe(true);
  expect((await admin.post(`/api/v1/customers/${gone.id}:restore`)).status).toBe(200);
});

test("verify-log agrees with a log that was cut, and not with one that somebody else shortened @SYS-15", async () => {
  const verify = () => outcome(path.join(top, "build", process.env["GUANXI_MODE"] ?? "release", "bin/guanxi"), ["verify-log", "--state", system.directory, "--output", "json"]);
  const agreed = await verify();
  expect(agreed.stderr).toBe("");
  const rows = JSON.parse(agreed.stdout) as { stream: string; whole: boolean; keptFrom: number }[];
  expect(rows.find((row) => row.stream === "customer")).toMatchObject({ whole: true, keptFrom: (await head()).low + 1 });
  const { low } = await head();
  await system.sql(`create table public.kept as select * from customer.event_seal where up_to = ${low}`);
  await system.sql(`delete from customer.event_signature where up_to = ${low}`);
  await system.sql(`update customer.event_seal set seal = sha256(seal) where up_to = ${low}`);
  expect((await verify()).code, "another seal at the cut").not.toBe(0);
  await system.sql(`delete from customer.event_seal where up_to = ${low}`);
  expect((await verify()).stderr, "no seal at the cut").toContain("the seal at which the log was cut is missing");
  await system.sql("insert into customer.event_seal select * from public.kept");
  expect((await verify()).code).toBe(0);
  // Several events under one seal: between them nothing was sealed.
  await admin.post("/api/v1/customers:batch", { operations: Array.from({ length: 5 }, () => ({ create: { name: uniqueWord() } })) });
  await eventually("all is in the log", async () => ((await waiting()) === "0" ? true : undefined));
  await system.sql("update customer.event_head set low_pos = (select max(s.up_to) - 1 from customer.event_seal s where not exists (select from customer.event_seal o where o.up_to = s.up_to - 1))");
  expect((await verify()).code, "a cut that is behind no seal").not.toBe(0);
  await system.sql(`update customer.event_head set low_pos = ${low}`);
});

test("the role that serves cuts nothing that is younger than thirty days @SYS-15", async () => {
  const young = await system.sqlAs("customer", false, "select event_cut((select max(up_to) from event_seal))");
  expect(young.stderr).toContain("is not thirty days old");
  expect((await system.sqlAs("customer", false, "select event_cut((select max(up_to) - 1 from event_seal))")).stderr).toMatch(/there is none|not thirty/);
});

test("webhooks are told of changes and not of snapshots, and a member follows snapshots of what they may see @NRM-04", async () => {
  const to = await Receiver.open();
  const webhook = await admin.create("webhooks", { name: uniqueWord(), url: to.url, types: ["guanxi.customer.*"] });
  const member = await newMember(admin, "成员");
  const own = await member.create("customers", { name: uniqueWord() });
  await cutUpTo(await age(61));
  const stream = await Stream.open(member, { from: "earliest", types: "guanxi.customer.customer.*" });
  await stream.wait("the own one", (event) => event.subject === `customers/${own.id}` && event.name.endsWith(".snapshot.v1"));
  stream.close();
  expect(new Set(stream.received.filter((event) => event.name !== "control").map((event) => event.subject))).toEqual(new Set([`customers/${own.id}`]));
  // In the order of the log the change comes behind the snapshot.
  await admin.update("customers", own.id, { description: "后" });
  await to.wait("the change", 1, (taken) => taken.event.subject === `customers/${own.id}` && taken.event.type.endsWith(".updated.v1"));
  const deliveries = await admin.list("deliveries", { "filter[webhookId][eq]": webhook.id, limit: "500" });
  expect(deliveries.data.filter((row) => String(row["type"]).endsWith(".snapshot.v1"))).toEqual([]);
  await to.close();
});

test("a retention that is too short is refused at start", async () => {
  const refused = await outcome(path.join(top, "build", process.env["GUANXI_MODE"] ?? "release", "bin/guanxi-customer"), [], { GUANXI_LOG_KEEP_DAYS: "29", GUANXI_DATABASE: "x", GUANXI_BROKER_REQUESTS: "ipc:///nowhere", GUANXI_BROKER_EVENTS: "ipc:///nowhere", GUANXI_SECRET: "00".repeat(32) });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("must be 0 or at least 30");
});

test("who follows a log of which all is cut is at its end, and does not read it in a circle @SYS-15", async ({ ownSystem }) => {
  await ownSystem.start();
  await (await administrator(ownSystem)).create("customers", { name: uniqueWord() });
  const number = async (query: string): Promise<number> => Number((await ownSystem.sql(query))[0]?.[0]);
  const end = await eventually("all is in the log", async () =>
    (await number("select count(*) from customer.event_outbox")) === 0 ? number("select pos from customer.event_head") : undefined,
  );
  await ownSystem.setUp("customer", false);
  await ownSystem.sql("delete from customer.event_log");
  await ownSystem.sql("update customer.event_head set low_pos = pos");
  await ownSystem.sql("update customer.event_cursor set pos = 0 where consumer = 'customer.duplicates'");
  await ownSystem.setUp("customer", true);
  await eventually("the consumer is at the end", async () => ((await number("select pos from customer.event_cursor where consumer = 'customer.duplicates'")) >= end ? true : undefined));
});
