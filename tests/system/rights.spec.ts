import type { System } from "./harness/system";
import { eventually } from "./harness/system";
import { Client, type Json, type Row, expectOk, expectProblem, search, uniqueWord } from "./lib/client";
import { newCreditCode } from "./lib/credit-code";
import { test as base, expect } from "./lib/fixtures";
import { leastOf } from "./lib/least";
import { administrator, newMember, newPerson, newTeam } from "./lib/people";
import { type Received, Stream, cloudEvent } from "./lib/stream";

// Who sees and changes what. Two teams below one; two members of the first, one of the second, a lead above both, and one
// person without a team. Everything that belongs to the first member is looked for through every door by all of them.

interface Cast {
  teams: { top: Row; north: Row; south: Row };
  admin: Client;
  lead: Client;
  /** Owner of what the tests make. */
  anna: Client;
  /** In her team. */
  bert: Client;
  /** In the other team. */
  carl: Client;
  /** In no team. */
  dora: Client;
}

async function newCast(system: System): Promise<Cast> {
  const admin = await administrator(system);
  const top = await newTeam(admin);
  const [north, south] = [await newTeam(admin, top.id), await newTeam(admin, top.id)];
  const [lead, anna, bert, carl, dora] = await Promise.all([
    newMember(admin, "组长", top.id),
    newMember(admin, "安娜", north.id),
    newMember(admin, "贝特", north.id),
    newMember(admin, "卡尔", south.id),
    newMember(admin, "朵拉"),
  ]);
  return { teams: { top, north, south }, admin, lead, anna, bert, carl, dora };
}

const test = base.extend<{}, { cast: Cast }>({
  cast: [async ({ system }: { system: System }, use: (cast: Cast) => Promise<void>) => use(await newCast(system)), { scope: "worker" }],
});

/** A customer of Anna's with a contact and an activity. */
async function newFamily({ anna }: Cast): Promise<{ word: string; code: string; rows: [string, Row][]; customer: Row }> {
  const word = uniqueWord();
  const code = newCreditCode();
  const customer = await anna.create("customers", { name: `客户 ${word}`, source: word, creditCode: code });
  const contact = await anna.create("contacts", { name: `联系人 ${word}`, customerId: customer.id });
  const activity = await anna.create("activities", { subject: `活动 ${word}`, customerId: customer.id });
  return { word, code, customer, rows: [["customers", customer], ["contacts", contact], ["activities", activity]] };
}

test("a row belongs to who creates it and to their team; what hangs on it goes with it @SYS-03", async ({ cast }) => {
  const { rows } = await newFamily(cast);
  for (const [collection, row] of rows) expect(row, collection).toMatchObject({ ownerId: cast.anna.id, teamId: cast.teams.north.id });
  const { customer } = await newFamily(cast);
  const byColleague = await cast.bert.create("contacts", { name: "后加的", customerId: customer.id });
  expect(byColleague, "the customer's owner, not the writer").toMatchObject({ ownerId: cast.anna.id, teamId: cast.teams.north.id });
});

test("owner, colleague, lead and administrator see it through every door @SYS-03", async ({ cast }) => {
  const { rows, word } = await newFamily(cast);
  for (const client of [cast.anna, cast.bert, cast.lead, cast.admin])
    for (const [collection, row] of rows) {
      expect((await client.read(collection, row.id)).id).toBe(row.id);
      expect(await client.history(collection, row.id, 1)).toHaveLength(1);
      for (const query of [{ "filter[id][eq]": row.id }, { q: word }, { "filter[ownerId][eq]": cast.anna.id, "filter[id][in]": row.id }]) {
        const { data, page } = await client.list(collection, { ...query, count: true });
        expect(data.map((found) => found.id), `${collection} ${JSON.stringify(query)}`).toEqual([row.id]);
        expect(page.total).toBe("1");
      }
    }
});

test("others do not see it through any door, and cannot tell it from nothing @SYS-03", async ({ cast }) => {
  const { rows, word, customer } = await newFamily(cast);
  const nothing = "01912d3c-5b7a-7c3e-8f00-0123456789ab";
  const same = async (client: Client, ask: (id: string) => Promise<{ status: number; text: string }>, id: string): Promise<void> => {
    const [there, notThere] = [await ask(id), await ask(nothing)];
    expect(there.status, there.text).toBe(404);
    const strip = (text: string): Json => ({ ...(JSON.parse(text) as Record<string, Json>), traceId: "" });
    expect(strip(there.text), "the same answer as for an id of nobody").toEqual(strip(notThere.text));
    expect(client.id).not.toBe(cast.anna.id);
  };
  for (const client of [cast.carl, cast.dora])
    for (const [collection, row] of rows) {
      const path = (id: string): string => `/api/v1/${collection}/${id}`;
      await same(client, (id) => client.get(path(id)), row.id);
      await same(client, (id) => client.get(`${path(id)}/history`), row.id);
      await same(client, (id) => client.patch(path(id), collection === "activities" ? { body: "x" } : { description: "x" }), row.id);
      await same(client, (id) => client.delete(path(id)), row.id);
      await same(client, (id) => client.post(`${path(id)}:restore`), row.id);
      for (const query of [{ "filter[id][eq]": row.id }, { q: word }, { "filter[ownerId][eq]": cast.anna.id }, { "filter[teamId][eq]": cast.teams.north.id }]) {
        const { data, page } = await client.list(collection, { ...query, count: true });
        expect(data, `${collection} ${JSON.stringify(query)}`).toEqual([]);
        expect(page.total).toBe("0");
      }
    }
  for (const client of [cast.carl, cast.dora]) {
    expectProblem(await client.post("/api/v1/contacts", { name: "x", customerId: customer.id }), 400, "invalid", { "/customerId": "bad_reference" });
    expectProblem(await client.post("/api/v1/activities", { subject: "x", customerId: customer.id }), 400, "invalid", { "/customerId": "bad_reference" });
    expectProblem(await client.post("/api/v1/customers", { name: "x", parentId: customer.id }), 400, "invalid", { "/parentId": "bad_reference" });
  }
  for (const [collection, row] of rows) expect((await cast.anna.read(collection, row.id)).version, "untouched").toBe("1");
});

test("deleted rows are as hidden as live ones, and only those who saw them bring them back @SYS-03", async ({ cast }) => {
  const { customer, word } = await newFamily(cast);
  await cast.anna.remove("customers", customer.id);
  for (const client of [cast.carl, cast.dora]) {
    expectProblem(await client.post(`/api/v1/customers/${customer.id}:restore`), 404, "not_found");
    expect((await client.list("customers", { deleted: true, "filter[source][eq]": word })).data).toEqual([]);
  }
  expect((await cast.bert.list("customers", { deleted: true, "filter[source][eq]": word })).data).toHaveLength(1);
  expectOk(await cast.bert.post(`/api/v1/customers/${customer.id}:restore`), 200);
});

test("a duplicate out of sight is told without its id, one in sight with it @CUS-01", async ({ cast }) => {
  const { customer, code } = await newFamily(cast);
  const ask = (client: Client): Promise<{ text: string }> => client.post("/api/v1/customers", { name: "重复", creditCode: code }).then((reply) => {
      expectProblem(reply, 409, "duplicate", { "/creditCode": "duplicate" });
      return reply;
    });
  for (const client of [cast.carl, cast.dora]) expect((await ask(client)).text).not.toContain(customer.id);
  for (const client of [cast.anna, cast.bert, cast.lead, cast.admin]) expect((await ask(client)).text).toContain(customer.id);
});

test("pages and counts of a member are those of the rows in their sight @SYS-03", async ({ cast }) => {
  const source = uniqueWord();
  const mine: string[] = [];
  for (let i = 0; i < 36; i++) {
    const owner = [cast.anna, cast.carl, cast.bert, cast.dora, cast.lead, cast.anna][i % 6] ?? cast.anna;
    const row = await owner.create("customers", { name: `客户 ${i % 5}`, source, ...(i % 3 === 0 ? {} : { industry: `行业 ${i % 4}` }) });
    if (owner === cast.anna || owner === cast.bert) mine.push(row.id);
  }
  for (const sort of ["name", "-createTime", "industry,-name"]) {
    const seen = await cast.bert.all("customers", { "filter[source][eq]": source, sort, limit: 5 });
    expect(seen.map((row) => row.id).sort(), sort).toEqual([...mine].sort());
    const whole = await cast.admin.all("customers", { "filter[source][eq]": source, sort, limit: 500 });
    expect(seen.map((row) => row.id), `${sort}: in the order of the whole`).toEqual(whole.filter((row) => mine.includes(row.id)).map((row) => row.id));
  }
  const first = await cast.bert.list("customers", { "filter[source][eq]": source, count: true, limit: 5 });
  expect(first.page.total).toBe(String(mine.length));
  const second = await cast.bert.list("customers", { "filter[source][eq]": source, count: true, limit: 5, cursor: first.page.next ?? "" });
  expect(second.page.total).toBe(String(mine.length));
  expect((await cast.lead.list("customers", { "filter[source][eq]": source, count: true })).page.total, "all but who has no team").toBe("30");
});

test.describe("an event stream", () => {
  test("brings members the events of their rows only @SYS-03", async ({ cast }) => {
    const streams = await Promise.all([cast.anna, cast.bert, cast.lead, cast.carl, cast.dora].map((client) => Stream.open(client, { types: "guanxi.customer.*", from: "latest" })));
    const [anna, bert, lead, carl, dora] = streams;
    const { customer, rows } = await newFamily(cast);
    await cast.bert.update("customers", customer.id, { industry: "改" });
    const [toCarl, toDora] = await Promise.all([cast.carl.create("customers", { name: "卡尔的" }), cast.dora.create("customers", { name: "朵拉的" })]);
    for (const stream of [anna, bert, lead]) await stream?.wait("the change", (event) => event.subject === `customers/${customer.id}` && event.name.endsWith("updated.v1"));
    await carl?.wait("his own", (event) => event.subject === `customers/${toCarl.id}`);
    await dora?.wait("her own", (event) => event.subject === `customers/${toDora.id}`);
    for (const stream of [carl, dora])
      for (const [collection, row] of rows) expect(stream?.names(`${collection}/${row.id}`), collection).toEqual([]);
    for (const stream of streams) stream.close();
    for (const client of [cast.carl, cast.dora]) {
      const replay = await Stream.open(client, { types: "guanxi.customer.*", from: "earliest" });
      const own = client === cast.carl ? toCarl : toDora;
      await replay.wait("the log up to the own row", (event) => event.subject === `customers/${own.id}`);
      for (const [collection, row] of rows) expect(replay.names(`${collection}/${row.id}`), collection).toEqual([]);
      replay.close();
    }
  });

  test("says hidden, and no more, when a row leaves one's sight: hand-over moves contacts and activities @CUS-16", async ({ cast }) => {
    const { customer, rows } = await newFamily(cast);
    const own = await cast.anna.create("contacts", { name: "别人的", customerId: customer.id, ownerId: cast.bert.id });
    const [anna, bert, lead, carl, dora] = await Promise.all([cast.anna, cast.bert, cast.lead, cast.carl, cast.dora].map((client) => Stream.open(client, { types: "guanxi.customer.*", from: "latest" })));
    await cast.anna.update("customers", customer.id, { ownerId: cast.carl.id, teamId: cast.teams.south.id });
    // The creation may have reached the log after the streams had begun.
    const change = (subject: string) => (event: Received) => event.subject === subject && !event.name.endsWith(".created.v1");
    for (const [collection, row] of [...rows, ["contacts", own] as [string, Row]]) {
      const subject = `${collection}/${row.id}`;
      for (const stream of [anna, bert]) {
        const hidden = await stream?.wait(`hidden ${subject}`, change(subject));
        expect(hidden?.name).toBe("hidden");
        expect(JSON.parse(hidden?.text ?? "")).toEqual({ subject });
      }
      for (const stream of [carl, lead]) {
        const moved = await stream?.wait(`updated ${subject}`, change(subject));
        expect(moved === undefined ? undefined : cloudEvent(moved).data.after).toMatchObject({ ownerId: cast.carl.id, teamId: cast.teams.south.id });
      }
      expect(dora?.names(subject)).toEqual([]);
      expect((await cast.carl.read(collection, row.id))["ownerId"]).toBe(cast.carl.id);
      expectProblem(await cast.anna.get(`/api/v1/${collection}/${row.id}`), 404, "not_found");
    }
    for (const stream of [anna, bert, lead, carl, dora]) stream?.close();
  });
});

test.describe("an import", () => {
  test("makes rows of who runs it; job, file and refused rows are theirs alone @SYS-18", async ({ cast }) => {
    const word = uniqueWord();
    const upload = await cast.anna.send("POST", "/api/v1/files?name=c.csv", `name,source,creditCode\n甲,${word},\n乙,${word},wrong\n`, { "content-type": "text/csv" });
    const file = expectOk(upload, 201).json();
    for (const client of [cast.carl, cast.dora, cast.bert]) {
      expectProblem(await client.get(`/api/v1/files/${file.id}`), 404, "not_found");
      expectProblem(await client.post("/api/v1/customers:import", { fileId: file.id }), 404, "not_found");
    }
    const job = expectOk(await cast.anna.post("/api/v1/customers:import", { fileId: file.id }), 202).json();
    const done = await eventually("the import ends", async () => {
      const now = await cast.anna.read("jobs", job.id);
      return now["state"] === "succeeded" ? now : undefined;
    });
    expect(done).toMatchObject({ created: "1", refused: "1", ownerId: cast.anna.id });
    const [row] = (await cast.anna.list("customers", { "filter[source][eq]": word })).data;
    expect(row).toMatchObject({ ownerId: cast.anna.id, teamId: cast.teams.north.id });
    for (const client of [cast.carl, cast.dora]) {
      expectProblem(await client.get(`/api/v1/jobs/${job.id}`), 404, "not_found");
      expectProblem(await client.post(`/api/v1/jobs/${job.id}:cancel`), 404, "not_found");
      expectProblem(await client.get(`/api/v1/files/${String(done["refusedFileId"])}`), 404, "not_found");
      expect((await client.list("jobs", { "filter[id][eq]": job.id })).data).toEqual([]);
      expect((await client.list("customers", { "filter[source][eq]": word })).data).toEqual([]);
    }
  });
});

test.describe("rights follow at once, in five seconds at most,", () => {
  const withinFive = 5_000;

  test("when a user is deactivated: their sessions and streams end @HR-07", async ({ cast, system }) => {
    const { client, email, password } = await newPerson(cast.admin);
    const stream = await Stream.open(client, { from: "latest" });
    expectOk(await client.get("/api/v1/me"), 200);
    await cast.admin.update("users", client.id, { active: false });
    const since = Date.now();
    await eventually("the session is refused", async () => ((await client.get("/api/v1/me")).status === 401 ? true : undefined), withinFive);
    await stream.ended(withinFive);
    expect(Date.now() - since).toBeLessThan(withinFive);
    stream.close();
    const again = await new Client(system.url, undefined).post("/api/v1/sessions", { email, password });
    expectProblem(again, 401, "bad_credentials");
  });

  test("when a user is deleted", async ({ cast }) => {
    const { client } = await newPerson(cast.admin);
    await cast.admin.remove("users", client.id);
    await eventually("the session is refused", async () => ((await client.get("/api/v1/me")).status === 401 ? true : undefined), withinFive);
  });

  test("when a user moves to another team", async ({ cast }) => {
    const { customer } = await newFamily(cast);
    const mover = await newMember(cast.admin, "换组的人", cast.teams.south.id);
    expectProblem(await mover.get(`/api/v1/customers/${customer.id}`), 404, "not_found");
    await cast.admin.update("users", mover.id, { teamId: cast.teams.north.id });
    const sees = async (): Promise<boolean> =>
      (await mover.get(`/api/v1/customers/${customer.id}`)).status === 200 && (await mover.list("customers", { "filter[id][eq]": customer.id })).data.length === 1;
    await eventually("the mover sees it", async () => ((await sees()) ? true : undefined), withinFive);
    await cast.admin.update("users", mover.id, { teamId: null });
    await eventually("the mover sees it no more", async () => ((await mover.get(`/api/v1/customers/${customer.id}`)).status === 404 ? true : undefined), withinFive);
  });

  test("when the tree of teams changes", async ({ cast }) => {
    const [upper, lower] = [await newTeam(cast.admin), await newTeam(cast.admin)];
    const [above, below] = [await newMember(cast.admin, "上", upper.id), await newMember(cast.admin, "下", lower.id)];
    const row = await below.create("customers", { name: "下面的" });
    expectProblem(await above.get(`/api/v1/customers/${row.id}`), 404, "not_found");
    await cast.admin.update("teams", lower.id, { parentId: upper.id });
    await eventually("the team above sees it", async () => ((await above.get(`/api/v1/customers/${row.id}`)).status === 200 ? true : undefined), withinFive);
    expectProblem(await cast.admin.patch(`/api/v1/teams/${upper.id}`, { parentId: lower.id }), 400, "invalid", { "/parentId": "team_cycle" });
    expectProblem(await cast.admin.patch(`/api/v1/teams/${upper.id}`, { parentId: upper.id }), 400, "invalid", { "/parentId": "team_cycle" });
  });

  test("when a member becomes administrator, and when they are one no more", async ({ cast }) => {
    const { customer } = await newFamily(cast);
    const someone = await newMember(cast.admin, "升职的人");
    await cast.admin.update("users", someone.id, { role: "administrator" });
    await eventually("sees all", async () => ((await someone.get(`/api/v1/customers/${customer.id}`)).status === 200 ? true : undefined), withinFive);
    await eventually("may make teams", async () => ((await someone.post("/api/v1/teams", { name: uniqueWord() })).status === 201 ? true : undefined), withinFive);
    await cast.admin.update("users", someone.id, { role: "member" });
    await eventually("sees it no more", async () => ((await someone.get(`/api/v1/customers/${customer.id}`)).status === 404 ? true : undefined), withinFive);
    expectProblem(await someone.post("/api/v1/teams", { name: uniqueWord() }), 403, "forbidden");
  });
});

test("an administrator cannot take away the administration that is needed to give it back", async ({ cast }) => {
  for (const patch of [{ role: "member" }, { active: false }]) expectProblem(await cast.admin.patch(`/api/v1/users/${cast.admin.id}`, patch), 409, "last_administrator");
  expectProblem(await cast.admin.delete(`/api/v1/users/${cast.admin.id}`), 409, "last_administrator");
});

interface SchemaResource {
  collection: string;
  readOnly?: boolean;
  rights: { create: boolean; update: boolean; delete: boolean };
}

test("the matrix of /api/schema holds: each resource, each role, each verb @SYS-03", async ({ cast }) => {
  const anonymous = new Client(cast.admin.url, undefined);
  const ours = await cast.anna.create("customers", { name: "矩阵" });
  const samples = { customers: ours.id, users: cast.anna.id, teams: cast.teams.north.id };
  const rows: Record<string, string> = {}; // the administrator's, who comes first
  const schemaOf = async (client: Client) => (await client.get("/api/schema")).json<{ resources: SchemaResource[] }>();
  const nobodyMakes = (await schemaOf(cast.admin)).resources.filter((resource) => !resource.rights.create).map((resource) => resource.collection);
  for (const [role, client] of [["administrator", cast.admin], ["member", cast.anna], ["nobody", anonymous]] as const) {
    const { resources } = await schemaOf(role === "nobody" ? cast.anna : client);
    for (const resource of resources) {
      const what = (verb: string, reply: { toString(): string }): string => `${role} ${verb} ${resource.collection}: ${reply.toString()}`;
      const path = `/api/v1/${resource.collection}`;
      const list = await client.get(`${path}${search({ limit: 1 })}`);
      expect(list.status, what("list", list)).toBe(role === "nobody" ? 401 : 200);
      if (nobodyMakes.includes(resource.collection)) {
        const row = await client.get(`${path}/01912d3c-5b7a-7c3e-8f00-0123456789ab`);
        expect(row.status, what("get", row)).toBe(role === "nobody" ? 401 : 404);
        const removed = await client.delete(`${path}/${ours.id}`);
        expect([401, 404, 405], what("delete", removed)).toContain(removed.status); // a key is taken back by a method of its own
        if (resource.readOnly !== true) continue;
        const changed = await client.patch(`${path}/${ours.id}`, {});
        expect(changed.status, what("change", changed)).toBe(405);
        continue;
      }
      const created = await client.post(path, resource.rights.create ? await leastOf(role === "administrator" ? cast.admin : cast.anna, resource.collection, samples) : {});
      expect(created.status, what("create", created)).toBe(role === "nobody" ? 401 : resource.rights.create ? 201 : 403);
      const id = created.status === 201 ? created.json().id : (rows[resource.collection] ?? "");
      rows[resource.collection] ??= id;
      const ok = (status: number, allowed: boolean): number => (role === "nobody" ? 401 : allowed ? status : 403);
      for (const [verb, reply, status] of [
        ["get", await client.get(`${path}/${id}`), role === "nobody" ? 401 : 200],
        ["history", await client.get(`${path}/${id}/history`), role === "nobody" ? 401 : 200],
        ["update", await client.patch(`${path}/${id}`, {}), ok(200, resource.rights.update)],
        ["delete", await client.delete(`${path}/${id}`), ok(204, resource.rights.delete)],
        ["restore", await client.post(`${path}/${id}:restore`), ok(200, resource.rights.delete)],
      ] as const)
        expect(reply.status, what(verb, reply)).toBe(status);
    }
  }
});

test("a member neither sets another's password nor sees another's sessions @SYS-22", async ({ cast }) => {
  expectProblem(await cast.anna.post(`/api/v1/users/${cast.bert.id}:setPassword`, { password: "something else 12" }), 403, "forbidden");
  const seen = (await cast.anna.all("sessions")).map((row) => row["ownerId"]);
  expect(new Set(seen)).toEqual(new Set([cast.anna.id]));
  const [foreign] = (await cast.admin.list("sessions", { "filter[ownerId][eq]": cast.bert.id })).data;
  expectProblem(await cast.anna.get(`/api/v1/sessions/${foreign?.id ?? ""}`), 404, "not_found");
});
