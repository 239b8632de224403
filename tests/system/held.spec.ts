import { eventually, type System } from "./harness/system";
import { type Client, type Reply, type Row, expectOk, newKey, uniqueWord } from "./lib/client";
import { expect, test } from "./lib/fixtures";

// A row that another transaction holds for a while: a write waits for it within its own deadline, and holds up nobody meanwhile.

const holdMs = 2000;

/** Somebody with psql who holds the row. Returns once they do; `gone` resolves when they have let go. */
async function hold(system: System, id: string): Promise<{ gone: Promise<unknown> }> {
  const mark = newKey();
  const gone = system.sql(`begin; select from customer.customer where id = '${id}' for update; select pg_sleep(${holdMs / 1000}) /* ${mark} */; commit`);
  await eventually("the row is held", async () => {
    const [count] = await system.sql(`select count(*) from pg_stat_activity where wait_event = 'PgSleep' and query like '%${mark}%'`);
    return count?.[0] === "1" ? true : undefined;
  });
  return { gone };
}

const timed = async (reply: Promise<Reply>): Promise<{ reply: Reply; ms: number }> => {
  const since = performance.now();
  return { reply: await reply, ms: performance.now() - since };
};

const ways: [string, (admin: Client, path: string, id: string) => Promise<Reply>][] = [
  ["a PATCH", (admin, path) => admin.patch(path, { description: "一" })],
  ["a PATCH with a key", (admin, path) => admin.patch(path, { description: "一" }, { "idempotency-key": newKey() })],
  ["a DELETE", (admin, path) => admin.delete(path)],
  ["a batch", (admin, _, id) => admin.post("/api/v1/customers:batch", { operations: [{ update: { id, patch: { description: "一" } } }] })],
  ["a contact of it", (admin, _, id) => admin.post("/api/v1/contacts", { name: "丙", customerId: id })],
];

for (const [what, change] of ways)
  test(`${what} waits while another transaction holds the row for two seconds, and is made; others do not wait @SYS-15`, async ({ admin, system }) => {
    const [held, other] = await Promise.all([admin.create("customers", { name: uniqueWord() }), admin.create("customers", { name: uniqueWord() })]);
    const { gone } = await hold(system, held.id);
    const [waited, beside] = await Promise.all([timed(change(admin, `/api/v1/customers/${held.id}`, held.id)), timed(admin.patch(`/api/v1/customers/${other.id}`, { description: "旁" }))]);
    expect(waited.reply.status, waited.reply.toString()).toBeLessThan(300);
    expect(waited.reply.text).not.toContain("\"problem\"");
    expectOk(beside.reply, 200);
    expect(beside.ms).toBeLessThan(holdMs);
    await gone;
  });

test("forty changes of one held row are all made when it is free, and others do not wait for them @SYS-15", async ({ admin, system }) => {
  const [held, other] = await Promise.all([admin.create("customers", { name: uniqueWord() }), admin.create("customers", { name: uniqueWord() })]);
  const { gone } = await hold(system, held.id);
  const many = Array.from({ length: 40 }, (_, i) => admin.patch(`/api/v1/customers/${held.id}`, { description: String(i) }));
  const beside: number[] = [];
  for (let at = 0; at < 3; at++) beside.push((await timed(admin.patch(`/api/v1/customers/${other.id}`, { description: String(at) }))).ms);
  const replies = await Promise.all(many);
  expect(replies.map((reply) => reply.status)).toEqual(many.map(() => 200));
  expect((await admin.read("customers", held.id)).version).toBe("41");
  expect(Math.max(...beside), "the slowest of the others").toBeLessThan(holdMs / 2);
  await gone;
});
