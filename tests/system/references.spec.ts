import { eventually } from "./harness/system";
import { expectOk, expectProblem, type Client, type Json, uniqueWord } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { administrator, newTeam } from "./lib/people";

// What another service has is a projection here, and follows it: whoever names a record that was made just now must not
// be told that there is none.

const ROUNDS = 200;

test(`a user and a team made just now can be named at once, ${ROUNDS} times`, async ({ admin }) => {
  for (let round = 0; round < ROUNDS; round++) {
    const team = await newTeam(admin);
    const user = await admin.create("users", { name: "新人", email: `${uniqueWord()}@example.com` });
    const reply = await admin.post("/api/v1/customers", { name: uniqueWord(), ownerId: user.id, teamId: team.id });
    expect(reply.status, `round ${round}: ${reply.toString()}`).toBe(201);
    expect(reply.json()).toMatchObject({ ownerId: user.id, teamId: team.id });
  }
});

test("a change names a user made just now", async ({ admin }) => {
  const { id } = await admin.create("customers", { name: uniqueWord() });
  for (let round = 0; round < 20; round++) {
    const user = await admin.create("users", { name: "新人", email: `${uniqueWord()}@example.com` });
    const reply = await admin.patch(`/api/v1/customers/${id}`, { ownerId: user.id });
    expect(reply.status, `round ${round}: ${reply.toString()}`).toBe(200);
  }
});

interface Result {
  status: number;
  record?: { id: string };
  problem?: { errors?: { pointer: string; code: string }[] };
}
const batch = async (client: Client, operations: Json[]): Promise<Result[]> => expectOk(await client.post("/api/v1/customers:batch", { operations }), 200).json<{ results: Result[] }>().results;

test("a batch names users made just now, in any of its operations", async ({ admin }) => {
  const { id } = await admin.create("customers", { name: uniqueWord() });
  for (let round = 0; round < 50; round++) {
    const [a, b] = await Promise.all([1, 2].map(() => admin.create("users", { name: "新人", email: `${uniqueWord()}@example.com` })));
    const results = await batch(admin, [
      { create: { name: uniqueWord(), ownerId: a?.id ?? "" } },
      { create: { name: uniqueWord() } },
      { update: { id, patch: { ownerId: b?.id ?? "" } } },
      { create: { name: uniqueWord(), ownerId: b?.id ?? "" } },
    ]);
    expect(results.map(({ status }) => status), `round ${round}: ${JSON.stringify(results)}`).toEqual([201, 201, 200, 201]);
  }
});

test("of a batch those that name nobody are refused at once, the others made, in their order", async ({ admin }) => {
  const began = Date.now();
  const nobody = (n: number): string => `01912d3c-5b7a-7c3e-8f00-${String(n).padStart(12, "0")}`;
  const user = await admin.create("users", { name: "新人", email: `${uniqueWord()}@example.com` });
  const { id } = await admin.create("customers", { name: uniqueWord(), industry: "0" });
  const results = await batch(admin, [
    { create: { name: uniqueWord(), ownerId: nobody(1) } },
    { create: { name: uniqueWord(), ownerId: user.id } },
    { update: { id, patch: { industry: "1", ownerId: user.id } } },
    { create: { name: uniqueWord(), ownerId: nobody(2), teamId: nobody(3) } },
    { update: { id, patch: { industry: "2" } } },
    { create: { name: uniqueWord(), ownerId: nobody(1) } },
  ]);
  expect(results.map(({ status }) => status)).toEqual([400, 201, 200, 400, 200, 400]);
  expect(results[3]?.problem?.errors?.map(({ pointer }) => pointer)).toEqual(["/ownerId", "/teamId"]);
  expect(await admin.read("customers", id)).toMatchObject({ industry: "2", ownerId: user.id, version: "3" });
  const many = await batch(admin, Array.from({ length: 300 }, (_, n) => ({ create: { name: uniqueWord(), ownerId: nobody(n) } })));
  expect(new Set(many.map(({ status }) => status))).toEqual(new Set([400]));
  expect(Date.now() - began).toBeLessThan(5000);
});

test("who does not exist is refused at once", async ({ admin }) => {
  const nobody = "01912d3c-5b7a-7c3e-8f00-0123456789ab";
  const began = Date.now();
  expectProblem(await admin.post("/api/v1/customers", { name: uniqueWord(), ownerId: nobody }), 400, "invalid", { "/ownerId": "bad_reference" });
  expectProblem(await admin.post("/api/v1/customers", { name: uniqueWord(), ownerId: nobody, teamId: nobody }), 400, "invalid", { "/ownerId": "bad_reference", "/teamId": "bad_reference" });
  expect(Date.now() - began).toBeLessThan(2000);
});

test("while the projection stands still a request that names a new user waits, others do not", async ({ admin, system }) => {
  const lock = "from pg_locks where relation = 'customer.user_ref'::regclass and mode = 'ShareLock' and granted";
  const held = system.sql("begin; lock customer.user_ref in share mode; select pg_sleep(600); commit").catch(() => "cancelled");
  await eventually("the projection is locked", async () => ((await system.sql(`select 1 ${lock}`)).length > 0 ? true : undefined));
  const user = await admin.create("users", { name: "新人", email: `${uniqueWord()}@example.com` });
  let answered = false;
  const waiting = admin.post("/api/v1/customers", { name: uniqueWord(), ownerId: user.id }).finally(() => (answered = true));
  for (let i = 0; i < 10; i++) await admin.create("customers", { name: uniqueWord() });
  expect(answered, "ten others went by meanwhile").toBe(false);
  await system.sql(`select pg_cancel_backend(pid) ${lock}`);
  const reply = await waiting;
  expect(reply.status, reply.toString()).toBe(201);
  expect(reply.json()["ownerId"]).toBe(user.id);
  expect(await held).toBe("cancelled");
});

test("thousands of events that nobody can read hold up no projection", async ({ ownSystem }) => {
  await ownSystem.start();
  const admin = await administrator(ownSystem);
  await ownSystem.sql(`insert into identity.event_outbox (event_id, request_id, type, subject_type, subject_id, subject_version, audience, occurred_at, salt, payload)
    select gen_random_uuid(), gen_random_uuid(), 'guanxi.identity.user.updated.v1', 'users', gen_random_uuid(), 1, '', now(), decode(repeat('00', 16), 'hex'), decode(repeat('41', 100), 'hex')
    from generate_series(1, 3000)`);
  const user = await admin.create("users", { name: "新人", email: `${uniqueWord()}@example.com` });
  const reply = await admin.post("/api/v1/customers", { name: uniqueWord(), ownerId: user.id });
  expect(reply.status, reply.toString()).toBe(201);
  expect(await ownSystem.sql("select error, count(*), min(epoch) > 0 from customer.event_parked where consumer = (select min(consumer) from customer.event_parked) group by 1")).toEqual([["it cannot be read", "3000", "t"]]);
});
