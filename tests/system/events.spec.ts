import { CloudEvent as LibraryEvent } from "cloudevents";
import { eventually } from "./harness/system";
import { type Client, type Row, expectProblem, newKey, search, uniqueWord } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { faultsOf, readSealedLog, signingKey } from "./lib/seals";
import { type Received, Stream, cloudEvent } from "./lib/stream";

// The event stream as an integrator reads it, and the log behind it.

const ofCustomers = { types: "guanxi.customer.customer.*" };
const about = (id: string) => (event: Received) => event.subject === `customers/${id}`;

async function newCustomer(admin: Client, name = uniqueWord()): Promise<Row> {
  return admin.create("customers", { name });
}

/** Numbers that look random but are the same for the same seed, so that a failure can be had again. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("every change is one event: a CloudEvent by the library's own rules @NRM-04", async ({ admin }) => {
  const stream = await Stream.open(admin, { from: "latest", types: "guanxi.customer.*" });
  const customer = await admin.create("customers", { name: "仇记", phones: [{ number: "13800138000" }] });
  await admin.update("customers", customer.id, { name: "解记" });
  await admin.remove("customers", customer.id);
  await admin.post(`/api/v1/customers/${customer.id}:restore`);
  await stream.wait("the restore", (event) => about(customer.id)(event) && event.name.endsWith("restored.v1"));
  const received = stream.received.filter(about(customer.id));
  expect(received.map((event) => event.name.replace("guanxi.customer.customer.", ""))).toEqual(["created.v1", "updated.v1", "deleted.v1", "restored.v1"]);
  const events = received.map(cloudEvent);
  for (const [at, event] of events.entries()) {
    expect(new LibraryEvent({ ...event }).validate(), JSON.stringify(event)).toBe(true);
    expect(event).toMatchObject({ specversion: "1.0", source: "/guanxi/customer", type: received[at]?.name, datacontenttype: "application/json" });
    expect(event.sequence).toMatch(/^[0-9a-f]{24}$/);
    expect(Math.abs(Date.parse(event.time) - Date.now())).toBeLessThan(60_000);
    expect(event.data).toMatchObject({ version: String(at + 1), principalId: admin.id });
  }
  expect(new Set(events.map((event) => event.id)).size).toBe(4);
  expect(events[0]?.data.after).toMatchObject({ name: "仇记", phones: [{ number: "+8613800138000" }] });
  expect(events[0]?.data).not.toHaveProperty("before");
  expect(events[1]?.data).toMatchObject({ fields: ["name"], before: { name: "仇记" }, after: { name: "解记" } });
  stream.close();
});

test.describe("a stream begins", () => {
  test("at the earliest event, at a cursor, at a time, or behind Last-Event-ID, which wins @NRM-04", async ({ admin }) => {
    const [first, second] = [await newCustomer(admin), await newCustomer(admin)];
    const whole = await Stream.open(admin, { from: "earliest", ...ofCustomers });
    const secondEvent = await whole.wait("the second", about(second.id), 30_000);
    const firstEvent = whole.received.find(about(first.id));
    expect(firstEvent).toBeDefined();
    whole.close();
    const cursor = firstEvent?.cursor ?? "";

    const begins = async (query: Record<string, string>, headers = {}): Promise<Received> => {
      const stream = await Stream.open(admin, { ...ofCustomers, ...query }, headers);
      await stream.wait("the second", about(second.id), 30_000);
      stream.close();
      return stream.received[0] as Received;
    };
    expect((await begins({ from: cursor })).text).toBe(secondEvent.text);
    expect((await begins({}, { "last-event-id": cursor })).text).toBe(secondEvent.text);
    expect((await begins({ from: "earliest" }, { "last-event-id": cursor })).text).toBe(secondEvent.text);
    const [secondTime, firstTime] = [second, first].map((row) => String(row["createTime"]));
    expect((await begins({ from: firstTime ?? "" })).text, "the first event logged at or after a time").toBe(firstEvent?.text);
    expect(Date.parse(firstTime ?? "")).toBeLessThanOrEqual(Date.parse(secondTime ?? ""));
  });

  test("at the latest: nothing old comes", async ({ admin }) => {
    const old = await newCustomer(admin);
    await admin.history("customers", old.id, 1);
    const stream = await Stream.open(admin, { from: "latest", ...ofCustomers });
    const fresh = await newCustomer(admin);
    await stream.wait("the new event", about(fresh.id));
    expect(stream.names(`customers/${old.id}`)).toEqual([]);
    stream.close();
  });

  const refused: [string, Record<string, string>, string, string][] = [
    ["nowhere", { from: "yesterday" }, "/from", "bad_from"],
    ["at a cursor that was changed", { from: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }, "/from", "bad_from"],
    ["with types that are none", { types: "customer" }, "/types", "bad_event_type"],
    ["with a star in the middle", { types: "guanxi.*.customer" }, "/types", "bad_event_type"],
    ["with more subjects than it takes", { subjects: Array.from({ length: 101 }, () => "customers/01912d3c-5b7a-7c3e-8f00-0123456789ab").join(",") }, "/subjects", "too_many"],
    ["with a subject that is none", { subjects: "nobody" }, "/subjects", "bad_subject"],
    ["with a parameter that does not exist", { since: "earliest" }, "/since", "unknown_parameter"],
  ];
  for (const [what, query, pointer, code] of refused)
    test(`${what}: refused`, async ({ admin }) => {
      expectProblem(await admin.get(`/api/v1/events${search(query)}`), 400, "invalid", { [pointer]: code });
    });

  test("behind a Last-Event-ID that was changed: refused", async ({ admin }) => {
    expectProblem(await admin.get("/api/v1/events", { "last-event-id": "tampered" }), 400, "invalid");
  });
});

test("types and subject choose what comes, and the cursor moves on over what does not", async ({ admin }) => {
  const customer = await newCustomer(admin);
  const other = await newCustomer(admin);
  const team = await admin.create("teams", { name: uniqueWord() });
  const open = (query: Record<string, string>): Promise<Stream> => Stream.open(admin, { from: "latest", ...query });
  const streams = {
    exact: await open({ types: "guanxi.customer.contact.created.v1" }),
    several: await open({ types: "guanxi.customer.contact.*,guanxi.customer.customer.updated.v1" }),
    subject: await open({ subjects: `customers/${customer.id}` }),
    // Of two services and a hundred records, the id in capitals: one cursor for all.
    subjects: await open({ subjects: [`customers/${other.id.toUpperCase()}`, `teams/${team.id}`, ...Array.from({ length: 98 }, () => `contacts/${newKey()}`)].join(",") }),
    both: await open({ types: "guanxi.customer.customer.*", subjects: `teams/${team.id},customers/${other.id}` }),
    all: await open({}),
  };
  const contact = await admin.create("contacts", { name: "李四", customerId: customer.id });
  await admin.update("customers", customer.id, { industry: "甲" });
  await admin.update("customers", other.id, { industry: "乙" });
  await admin.update("contacts", contact.id, { jobTitle: "丙" });
  await admin.update("teams", team.id, { name: uniqueWord() });
  await streams.all.wait("the team", (event) => event.subject === `teams/${team.id}`);
  await streams.all.wait("the contact's change", (event) => event.subject === `contacts/${contact.id}` && event.name.endsWith("updated.v1"));
  const ours = new Set([contact.id, customer.id, other.id]);
  const seen = (stream: Stream): string[] => stream.received.filter((event) => ours.has(event.subject.split("/")[1] ?? "")).map((event) => event.name.replace("guanxi.customer.", ""));
  await streams.exact.wait("the contact", (event) => event.subject === `contacts/${contact.id}`);
  await streams.several.wait("its change", (event) => event.subject === `contacts/${contact.id}` && event.name.endsWith("updated.v1"));
  await streams.subject.wait("the change", (event) => event.name.endsWith("updated.v1"));
  expect(seen(streams.exact)).toEqual(["contact.created.v1"]);
  expect(seen(streams.several)).toEqual(["contact.created.v1", "customer.updated.v1", "customer.updated.v1", "contact.updated.v1"]);
  expect(new Set(streams.subject.received.map((event) => event.subject))).toEqual(new Set([`customers/${customer.id}`]));
  await streams.subjects.until("both changes", () => (streams.subjects.received.length >= 2 ? true : undefined));
  await streams.both.wait("the other's change", (event) => event.subject === `customers/${other.id}`);
  const told = (stream: Stream): string[] => stream.received.map((event) => `${event.subject} ${event.name}`).sort();
  const [ofOther, ofTeam] = [`customers/${other.id} guanxi.customer.customer.updated.v1`, `teams/${team.id} guanxi.identity.team.updated.v1`];
  expect(told(streams.subjects)).toEqual([ofOther, ofTeam]);
  expect(told(streams.both)).toEqual([ofOther]);
  for (const stream of Object.values(streams)) stream.close();
});

/** Eight writers on the same few customers; gives how many versions each customer got. */
async function write(admin: Client, customers: Row[], changes: number): Promise<void> {
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let i = 0; i < changes; i++) {
      const row = customers[(writer + i) % customers.length];
      await admin.update("customers", row?.id ?? "", { source: `${writer} ${i} ${newKey()}` });
    }
  });
  await Promise.all(writers);
}

/** What is missing, doubled or out of order among the events of these rows, which have that many versions. */
function faults(received: Received[], rows: Row[], versions: Map<string, number>): string[] {
  const found: string[] = [];
  for (const { id } of rows) {
    const seen = received.filter(about(id)).map((event) => Number(cloudEvent(event).data.version));
    const wanted = Array.from({ length: versions.get(id) ?? 0 }, (_, i) => i + 1);
    const missing = wanted.filter((version) => !seen.includes(version));
    const doubled = seen.filter((version, at) => seen.indexOf(version) !== at);
    if (missing.length > 0) found.push(`${id}: versions ${missing.join(" ")} missing`);
    if (doubled.length > 0) found.push(`${id}: versions ${doubled.join(" ")} twice`);
    if (seen.some((version, at) => version < (seen[at - 1] ?? 0))) found.push(`${id}: out of order: ${seen.join(" ")}`);
  }
  const sequences = received.filter((event) => event.name !== "control").map((event) => cloudEvent(event).sequence);
  for (const [at, sequence] of sequences.entries()) if (at > 0 && sequence <= (sequences[at - 1] ?? "")) found.push(`sequence ${sequence} behind ${sequences[at - 1] ?? ""}`);
  return found;
}

async function versionsOf(admin: Client, rows: Row[]): Promise<Map<string, number>> {
  return new Map(await Promise.all(rows.map(async (row) => [row.id, Number((await admin.read("customers", row.id)).version)] as const)));
}

test("under eight concurrent writers every change comes once and in order @NRM-04 @SYS-15", async ({ admin }) => {
  const stream = await Stream.open(admin, { from: "latest", ...ofCustomers });
  const customers = await Promise.all(Array.from({ length: 5 }, () => newCustomer(admin)));
  await write(admin, customers, 50);
  const versions = await versionsOf(admin, customers);
  expect([...versions.values()].reduce((sum, version) => sum + version, 0)).toBe(405);
  await stream.until("the newest version of each", () =>
    customers.every(({ id }) => stream.received.some((event) => about(id)(event) && Number(cloudEvent(event).data.version) === versions.get(id))) ? true : undefined, 30_000);
  expect(faults(stream.received, customers, versions)).toEqual([]);
  stream.close();
  for (const { id } of customers) {
    const history = (await admin.history("customers", id, versions.get(id) ?? 0)).map((change) => Number(change.version));
    expect(history, "history has the same").toEqual(Array.from({ length: versions.get(id) ?? 0 }, (_, i) => (versions.get(id) ?? 0) - i));
  }
});

test("a reader who is cut at random places and resumes by Last-Event-ID misses nothing and gets nothing twice @NRM-04", async ({ admin }) => {
  const seed = Date.now() % 1_000_000;
  const random = randomNumbers(seed);
  const begin = await Stream.open(admin, { from: "latest", ...ofCustomers });
  const customers = await Promise.all(Array.from({ length: 4 }, () => newCustomer(admin)));
  const first = await begin.wait("a first event", (event) => customers.some(({ id }) => about(id)(event)));
  begin.close();
  const seen: Received[] = [first];
  const missed = begin.received.slice(begin.received.indexOf(first) + 1);
  expect(missed.length).toBeGreaterThanOrEqual(0);
  let writing = true;
  const writer = write(admin, customers, 40).then(() => (writing = false));
  let cuts = 0;
  const hasAll = async (): Promise<boolean> => {
    if (writing) return false;
    const versions = await versionsOf(admin, customers);
    return customers.every(({ id }) => seen.some((event) => about(id)(event) && Number(cloudEvent(event).data.version) === versions.get(id)));
  };
  while (!(await hasAll())) {
    const stream = await Stream.open(admin, ofCustomers, { "last-event-id": seen.at(-1)?.cursor ?? "" });
    const wanted = 1 + random(25);
    await stream.until("some events", () => (stream.received.length >= wanted ? true : undefined), 500).catch(() => undefined);
    stream.close();
    seen.push(...stream.received.slice(0, wanted));
    cuts++;
  }
  await writer;
  const versions = await versionsOf(admin, customers);
  // What came before the first event that was kept is not of this test: versions are counted from there.
  const before = customers.filter(({ id }) => !seen.some((event) => about(id)(event) && cloudEvent(event).data.version === "1"));
  expect(before.length).toBeLessThan(customers.length);
  expect(faults(seen, customers.filter((row) => !before.includes(row)), versions), `seed ${seed}, ${cuts} cuts`).toEqual([]);
  expect(cuts).toBeGreaterThan(3);
});

test("one cursor holds the places in all services' streams @NRM-04", async ({ admin }) => {
  const stream = await Stream.open(admin, { from: "latest", types: "guanxi.identity.team.*,guanxi.customer.customer.*" });
  const made: string[] = [];
  for (let i = 0; i < 6; i++) {
    made.push(`customers/${(await newCustomer(admin)).id}`);
    made.push(`teams/${(await admin.create("teams", { name: uniqueWord() })).id}`);
  }
  for (const subject of made) await stream.wait(subject, (event) => event.subject === subject);
  stream.close();
  const ours = stream.received.filter((event) => made.includes(event.subject));
  for (const cut of [0, 3, 7, 10]) {
    const resumed = await Stream.open(admin, { types: "guanxi.identity.team.*,guanxi.customer.customer.*" }, { "last-event-id": ours[cut]?.cursor ?? "" });
    const rest = ours.slice(cut + 1).map((event) => event.subject).sort();
    await resumed.until("the rest", () => (rest.every((subject) => resumed.names(subject).length > 0) ? true : undefined));
    resumed.close();
    expect(resumed.received.map((event) => event.subject).filter((subject) => made.includes(subject)).sort(), `behind ${cut}`).toEqual(rest);
  }
});

test.describe("the log", () => {
  test("is a chain of seals over every event, signed: recomputed from SQL, for every service @SYS-15", async ({ admin, system }) => {
    await Promise.all(Array.from({ length: 20 }, () => newCustomer(admin)));
    for (const schema of ["customer", "identity"]) {
      await eventually(`${schema}'s seals are signed`, async () => ((await system.sql(`select count(*) from ${schema}.event_signature`))[0]?.[0] === "0" ? undefined : true), 90_000);
      const log = await readSealedLog(system, schema);
      expect(log.rows.length).toBeGreaterThan(0);
      expect(log.signatures.length).toBeGreaterThan(0);
      expect(faultsOf(log, signingKey(system)), schema).toEqual([]);
    }
  });

  test("shows every kind of tampering @SYS-15", async ({ admin, system }) => {
    await newCustomer(admin);
    await eventually("a seal is signed", async () => ((await system.sql("select count(*) from identity.event_signature"))[0]?.[0] === "0" ? undefined : true), 90_000);
    const log = await readSealedLog(system, "identity");
    const key = signingKey(system);
    const middle = Math.floor(log.rows.length / 2);
    const row = log.rows[middle];
    if (row === undefined) throw new Error("the log is empty");
    const replaced = (other: Partial<typeof row>): typeof log => ({ ...log, rows: log.rows.map((known, at) => (at === middle ? { ...row, ...other } : known)) });
    const payload = Buffer.from(row.payload);
    payload[0] = (payload[0] ?? 0) ^ 1;
    const salt = Buffer.alloc(row.salt.length, 7);
    expect(faultsOf(log, key)).toEqual([]);
    expect(faultsOf(replaced({ payload }), key), "a changed payload").not.toEqual([]);
    expect(faultsOf(replaced({ salt }), key), "a changed salt").not.toEqual([]);
    expect(faultsOf({ ...log, rows: log.rows.filter((_, at) => at !== middle) }, key), "a row taken out").not.toEqual([]);
    expect(faultsOf({ ...log, rows: log.rows.slice(0, -1) }, key), "a cut tail").not.toEqual([]);
    const rewritten = log.seals.map((seal) => ({ ...seal, seal: Buffer.from(seal.seal).fill(1, 0, 1) }));
    expect(faultsOf({ ...log, seals: rewritten }, key), "other seals").not.toEqual([]);
  });

  test("cannot be changed or emptied by the service's own role @SYS-15", async ({ admin, system }) => {
    await newCustomer(admin);
    for (const schema of ["customer", "identity"])
      for (const statement of ["update event_log set type = 'x'", "delete from event_log", "truncate event_log", "update event_seal set seal = ''", "delete from event_signature", "drop table event_log", "update event_log_p0 set type = 'x'", "truncate event_log_p0"])
        expect((await system.sqlAs(schema, false, statement)).stderr, `${schema}: ${statement}`).toMatch(/permission denied|must be owner/);
  });

  test("holds what the records are: folding a record's events gives the record @SYS-15", async ({ admin }) => {
    const customer = await admin.create("customers", { name: "甲", industry: "一", phones: [{ number: "13800138000" }] });
    for (const patch of [{ industry: null, employees: 5 }, { phones: [] }, { name: "乙", source: "展会" }]) await admin.update("customers", customer.id, patch);
    const history = (await admin.history("customers", customer.id, 4)).reverse();
    const folded: Record<string, unknown> = {};
    for (const change of history) {
      for (const field of change.fields) Reflect.deleteProperty(folded, field);
      Object.assign(folded, change.after);
    }
    // Version and time of the change are told beside the fields.
    Object.assign(folded, { version: history.at(-1)?.version, updateTime: history.at(-1)?.time });
    expect(folded).toEqual(await admin.read("customers", customer.id));
  });
});
