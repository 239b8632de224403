import { randomUUID } from "node:crypto";
import { signIn } from "../system/harness/fixtures";
import { Client, type Answer } from "./client";
import { expect, test } from "./fixtures";

// What an idempotency key is bound to: an effect, never a refusal, and never somebody else's effect.

interface Customer {
  id: string;
  version: string;
  creditCode?: string;
}

const codes = ["91350100M000100Y43", "91110000802100433B"]; // valid check digits

async function change(client: Client, path: string, key: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const method = path.split("/").length > 4 ? "PATCH" : "POST";
  return client.once(method, path, { headers: { "content-type": "application/json", "idempotency-key": key, ...headers }, body: JSON.stringify(body) });
}

test("a key whose update was refused as a duplicate is free: it never replays what somebody else did", async ({ system }) => {
  const client = new Client(system.url, await signIn(system));
  await system.sql(`update customer.customer set credit_code = null where credit_code in ('${codes.join("','")}')`);
  await change(client, "/api/v1/customers", randomUUID(), { name: "first", creditCode: codes[0] });
  const second = JSON.parse((await change(client, "/api/v1/customers", randomUUID(), { name: "second" })).body) as Customer;
  const path = `/api/v1/customers/${second.id}`;
  const key = randomUUID();
  expect((await change(client, path, key, { creditCode: codes[0] })).status).toBe(409);
  expect((await change(client, path, randomUUID(), { industry: "of somebody else" })).status).toBe(200);
  const again = await change(client, path, key, { creditCode: codes[0] });
  expect(again.status, again.body).toBe(409);
  const other = await change(client, path, key, { creditCode: codes[1] });
  expect(other.status, other.body).toBe(200);
  expect((JSON.parse(other.body) as Customer).creditCode).toBe(codes[1]);
  const replayed = await change(client, path, key, { creditCode: codes[1] });
  expect(replayed.headers["idempotency-replayed"]).toBe("true");
  expect(JSON.parse(replayed.body)).toEqual(JSON.parse(other.body));
  client.close();
});

test("an update sent again with its key is told its own version again, also when If-Match is stale by then", async ({ system }) => {
  const client = new Client(system.url, await signIn(system));
  const { id } = JSON.parse((await change(client, "/api/v1/customers", randomUUID(), { name: "kept" })).body) as Customer;
  const path = `/api/v1/customers/${id}`;
  const key = randomUUID();
  const done = await change(client, path, key, { industry: "a" }, { "if-match": '"1"' });
  await change(client, path, randomUUID(), { industry: "b" });
  const again = await change(client, path, key, { industry: "a" }, { "if-match": '"1"' });
  expect([again.status, again.headers["etag"], JSON.parse(again.body)]).toEqual([200, '"2"', JSON.parse(done.body)]);
  expect((await client.get<Customer>(path)).version).toBe("3");
  expect((await change(client, path, key, { industry: "c" })).status).toBe(422);
  client.close();
});

test("a deletion sent again with its key is done once", async ({ system }) => {
  const client = new Client(system.url, await signIn(system));
  const { id } = JSON.parse((await change(client, "/api/v1/customers", randomUUID(), { name: "gone" })).body) as Customer;
  const key = randomUUID();
  for (let i = 0; i < 3; i++) expect((await client.once("DELETE", `/api/v1/customers/${id}`, { headers: { "idempotency-key": key } })).status).toBe(204);
  expect((await client.once("DELETE", `/api/v1/customers/${id}`)).status).toBe(404);
  const [row] = await system.sql(`select version from customer.customer where id = '${id}'`);
  expect(row).toEqual(["2"]);
  client.close();
});
