import { eventually } from "./harness/system";
import { expectProblem, uniqueWord } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { newTeam } from "./lib/people";

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
