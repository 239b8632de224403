import { eventually } from "./harness/system";
import { Client, type Json, type Row, expectOk, expectProblem, uniqueWord } from "./lib/client";
import { jobEnd, upload } from "./lib/csv";
import { expect, test } from "./lib/fixtures";
import { newMember, newPerson } from "./lib/people";
import { Stream } from "./lib/stream";

// API keys: an owner's rights, cut down to scopes, until they expire, are revoked, or the owner goes.

const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();

interface Made {
  secret: string;
  apiKey: Row;
}
async function newKey(owner: Client, scopes: string[], more: Record<string, string> = {}): Promise<Made & { client: Client }> {
  const reply = expectOk(await owner.post("/api/v1/apiKeys", { name: "同步程序", scopes, expireTime: inDays(30), ...more }), 201);
  const made = reply.json<Made>();
  expect(reply.header("location")).toBe(`/api/v1/apiKeys/${made.apiKey.id}`);
  return { ...made, client: new Client(owner.url, made.secret) };
}

test.describe("an API key", () => {
  test("is told once, has over 128 bits, and is kept as a hash only @SYS-04", async ({ admin, system }) => {
    const { secret, apiKey, client } = await newKey(admin, ["customers:read"]);
    expect(secret).toMatch(/^gx_[\w-]{43}$/);
    expect(apiKey).toMatchObject({ name: "同步程序", scopes: ["customers:read"], beginning: secret.slice(0, 7), ownerId: admin.id });
    expectOk(await client.get("/api/v1/customers"), 200);
    const read = await admin.get(`/api/v1/apiKeys/${apiKey.id}`);
    expect(read.text).not.toContain(secret.slice(8));
    const history = await admin.history("apiKeys", apiKey.id, 1);
    expect(JSON.stringify(history)).not.toContain(secret.slice(8));
    const dumped = await system.sql(`select row_to_json(k)::text || (select string_agg(encode(payload, 'escape'), '') from identity.event_log) from identity.api_key k where id = '${apiKey.id}'`);
    expect(dumped.flat().join()).not.toContain(secret.slice(8));
  });

  test("does what its scopes and its owner's rights both allow, and no more @SYS-04", async ({ admin }) => {
    const member = await newMember(admin, "钥匙主人");
    const others = await admin.create("customers", { name: uniqueWord() });
    const own = await member.create("customers", { name: uniqueWord() });
    const { client } = await newKey(member, ["customers:read", "activities:write"]);
    expect((await client.read("customers", own.id))["name"]).toBe(own["name"]);
    expectProblem(await client.get(`/api/v1/customers/${others.id}`), 404, "not_found");
    expectProblem(await client.patch(`/api/v1/customers/${own.id}`, { name: "改名" }), 403, "out_of_scope");
    expectProblem(await client.get("/api/v1/contacts"), 403, "out_of_scope");
    expectProblem(await client.post("/api/v1/customers:import", {}), 403, "out_of_scope");
    const note = await client.create("activities", { kind: "note", subject: "来自程序", customerId: own.id });
    expect((await client.read("activities", note.id))["subject"]).toBe("来自程序");
    expect((await client.get("/api/v1/me")).json()).toMatchObject({ id: member.id });
  });

  test("opens neither sessions nor other keys, and is no cookie @SYS-04", async ({ admin }) => {
    const { client, secret, apiKey } = await newKey(admin, ["users:write", "customers:write"]);
    expectProblem(await client.post("/api/v1/apiKeys", { name: "x", scopes: ["users:write"], expireTime: inDays(1) }), 403, "not_by_key");
    expectProblem(await client.delete(`/api/v1/apiKeys/${apiKey.id}`), 403, "not_by_key");
    expectProblem(await client.get("/api/v1/sessions"), 403, "not_by_key");
    expectProblem(await client.post("/api/v1/me:changePassword", { currentPassword: "x", newPassword: "yyyyyyyyyyyy" }), 403, "not_by_key");
    expectProblem(await new Client(admin.url, undefined, { cookie: `guanxi_session=${secret}` }).get("/api/v1/customers"), 401, "unauthenticated");
    expectProblem(await new Client(admin.url, `${secret.slice(0, -1)}${secret.endsWith("A") ? "B" : "A"}`).get("/api/v1/customers"), 401, "session_expired");
  });

  test("makes nobody an administrator, and gives nobody a password: either would outlive it @SYS-04", async ({ admin }) => {
    const { client: person } = await newPerson(admin);
    const { client: boss } = await newPerson(admin, { role: "administrator" });
    const { client: retired } = await newPerson(admin, { role: "administrator" });
    const { client: gone } = await newPerson(admin, { role: "administrator" });
    await admin.update("users", retired.id, { active: false });
    await admin.remove("users", gone.id);
    const { client } = await newKey(admin, ["users:write"]);
    const attempts = [
      client.post(`/api/v1/users/${boss.id}:setPassword`, { password: "taken-over-by-key" }),
      client.post(`/api/v1/users/${person.id}:setPassword`, { password: "taken-over-by-key" }),
      client.patch(`/api/v1/users/${person.id}`, { role: "administrator" }),
      client.post("/api/v1/users", { name: "x", email: `${uniqueWord()}@example.com`, role: "administrator" }),
      client.patch(`/api/v1/users/${retired.id}`, { active: true }),
      client.post(`/api/v1/users/${gone.id}:restore`),
    ];
    for (const reply of await Promise.all(attempts)) expectProblem(reply, 403, "not_by_key");
    const batch = { operations: [{ create: { name: "x", email: `${uniqueWord()}@example.com`, role: "administrator" } }] };
    expect(expectOk(await client.post("/api/v1/users:batch", batch), 200).json<{ results: Json[] }>().results).toEqual([expect.objectContaining({ status: 403 })]);
    const made = await client.create("users", { name: "来自人事系统", email: `${uniqueWord()}@example.com` });
    expect(await client.update("users", made.id, { name: "改名" })).toMatchObject({ role: "member", name: "改名" });
  });

  test("whose scopes leave nothing to search finds nothing, and the gateway lives on @SYS-04 @NRM-02", async ({ admin, system }) => {
    const before = await system.pid("gateway");
    const { client } = await newKey(admin, ["jobs:read"]);
    expect(expectOk(await client.get("/api/v1/search?q=zs"), 200).json()).toEqual({ data: [], missing: [] });
    const { client: other } = await newKey(admin, ["customers:read"]);
    expect(expectOk(await other.get("/api/v1/search?q=zs&types=users"), 200).json()).toEqual({ data: [], missing: [] });
    expect(await system.pid("gateway")).toBe(before);
  });

  test("sees of a customer's relations what its scopes cover @SYS-04 @CUS-03", async ({ admin }) => {
    const customer = await admin.create("customers", { name: uniqueWord() });
    const [child, partner] = [await admin.create("customers", { name: uniqueWord(), parentId: customer.id }), await admin.create("customers", { name: uniqueWord() })];
    const contact = await admin.create("contacts", { name: uniqueWord(), customerId: customer.id });
    await admin.create("relationships", { kind: "partner", customerId: customer.id, otherCustomerId: partner.id });
    const seenWith = async (...scopes: string[]): Promise<string[]> => {
      const { client } = await newKey(admin, scopes);
      const { nodes } = expectOk(await client.get(`/api/v1/customers/${customer.id}/graph`), 200).json<{ nodes: Row[] }>();
      return nodes.map((node) => node.id).sort();
    };
    expect(await seenWith("customers:read")).toEqual([customer.id, child.id].sort());
    expect(await seenWith("customers:read", "contacts:read")).toEqual([customer.id, child.id, contact.id].sort());
    expect(await seenWith("customers:read", "relationships:read")).toEqual([customer.id, child.id, partner.id].sort());
  });

  test("undoes no job of records that it may not change @SYS-04 @SYS-18", async ({ admin }) => {
    const file = await upload(admin, "rows.csv", `name\n${uniqueWord()}\n`);
    const job = await jobEnd(admin, expectOk(await admin.post("/api/v1/customers:import", { fileId: file.id }), 202).json().id);
    const { client } = await newKey(admin, ["jobs:write", "customers:read"]);
    expect(expectProblem(await client.post(`/api/v1/jobs/${job.id}:revert`), 403, "out_of_scope").detail).toContain("customers:write");
    const { client: both } = await newKey(admin, ["jobs:write", "customers:write"]);
    expectOk(await both.post(`/api/v1/jobs/${job.id}:revert`), 202);
  });

  test("neither makes nor changes webhooks, whatever its scopes: what they send would go on without it @SYS-04 @NRM-04", async ({ admin }) => {
    const known = await admin.post("/api/v1/apiKeys", { name: "x", scopes: ["webhooks:write"], expireTime: inDays(1) });
    expectProblem(known, 400, "invalid", { "/scopes/0": "bad_scope" });
    expect(known.text).toContain("webhooks (:read)");
    const webhook = await admin.create("webhooks", { name: uniqueWord(), url: "https://example.com/" });
    const { client } = await newKey(admin, ["webhooks:read", "deliveries:write", "customers:write"]);
    expect((await client.read("webhooks", webhook.id))["name"]).toBe(webhook["name"]);
    const path = `/api/v1/webhooks/${webhook.id}`;
    const writes = [
      client.post("/api/v1/webhooks", { name: "x", url: "https://example.com/" }),
      client.patch(path, { url: "https://example.com/elsewhere" }),
      client.post(`${path}:rotateSecret`),
      client.post(`${path}:replay`, { from: "earliest" }),
      client.delete(path),
      client.post("/api/v1/webhooks:batch", { operations: [{ create: { name: "x", url: "https://example.com/" } }] }),
    ];
    for (const reply of await Promise.all(writes)) expectProblem(reply, 403, "not_by_key");
    expect((await admin.read("webhooks", webhook.id)).version).toBe("1");
  });

  test("is dead within a second of being revoked, also for the stream it follows @SYS-04", async ({ admin }) => {
    const { client, apiKey } = await newKey(admin, ["customers:read"]);
    const stream = await Stream.open(client, { from: "latest" });
    expectOk(await client.get("/api/v1/customers?limit=1"), 200);
    expectOk(await admin.delete(`/api/v1/apiKeys/${apiKey.id}`), 204);
    const since = Date.now();
    await eventually("the key is refused", async () => ((await client.get("/api/v1/customers?limit=1")).status === 401 ? true : undefined), 1000);
    expect(Date.now() - since).toBeLessThan(1000);
    await stream.ended(3000);
    expect((await admin.list("apiKeys", { limit: 500 })).data.map((row) => row.id)).not.toContain(apiKey.id);
    expectProblem(await admin.delete(`/api/v1/apiKeys/${apiKey.id}`), 404, "not_found");
  });

  test("ends when it expires @SYS-04", async ({ admin }) => {
    const { client } = await newKey(admin, ["customers:read"], { expireTime: new Date(Date.now() + 1500).toISOString() });
    expectOk(await client.get("/api/v1/customers?limit=1"), 200);
    const refused = await eventually("the key is refused", async () => {
      const reply = await client.get("/api/v1/customers?limit=1");
      return reply.status === 200 ? undefined : reply;
    }, 2500);
    expectProblem(refused, 401, "session_expired");
  });

  test("goes with its owner @SYS-04", async ({ admin }) => {
    const { client: person } = await newPerson(admin, {});
    const { client } = await newKey(person, ["customers:read"]);
    expectOk(await client.get("/api/v1/customers?limit=1"), 200);
    await admin.update("users", person.id, { active: false });
    await eventually("the key is refused", async () => ((await client.get("/api/v1/customers?limit=1")).status === 401 ? true : undefined), 1000);
    await admin.update("users", person.id, { active: true });
    await eventually("the key works again", async () => ((await client.get("/api/v1/customers?limit=1")).status === 200 ? true : undefined), 6000);
  });

  test("follows only what it may read @SYS-04 @NRM-04", async ({ admin }) => {
    const { client } = await newKey(admin, ["customers:read"]);
    const stream = await Stream.open(client, { from: "latest" });
    const customer = await admin.create("customers", { name: uniqueWord() });
    await admin.create("contacts", { name: uniqueWord(), customerId: customer.id });
    const last = await admin.create("customers", { name: uniqueWord() });
    await stream.wait("the last one's creation", (event) => event.subject === `customers/${last.id}`);
    expect(stream.names(`customers/${customer.id}`)).toContain("guanxi.customer.customer.created.v1");
    expect(stream.received.filter((event) => event.name !== "control" && !event.subject.startsWith("customers/"))).toEqual([]);
    stream.close();
  });

  test("is refused with reasons when something about it is wrong @SYS-04", async ({ admin }) => {
    const member = await newMember(admin, "无权者");
    const ask = (owner: Client, body: Record<string, string | string[]>) => owner.post("/api/v1/apiKeys", body);
    expectProblem(await ask(admin, {}), 400, "invalid", { "/name": "required", "/scopes": "required", "/expireTime": "required" });
    expectProblem(await ask(admin, { name: "a", scopes: ["customers:read", "customers:all", "nothing:read", "sessions:read"], expireTime: inDays(400) }), 400, "invalid", {
      "/scopes/1": "bad_scope",
      "/scopes/2": "bad_scope",
      "/scopes/3": "bad_scope",
      "/expireTime": "bad_expiry",
    });
    expectProblem(await ask(admin, { name: "a", scopes: ["customers:read"], expireTime: inDays(-1) }), 400, "invalid", { "/expireTime": "bad_expiry" });
    expectProblem(await ask(member, { name: "a", scopes: ["customers:read"], expireTime: inDays(1), ownerId: admin.id }), 400, "invalid", { "/ownerId": "bad_reference" });
  });

  test("is seen by its owner and administrators, made for others by administrators, and tells when it was used @SYS-04", async ({ admin, system }) => {
    const member = await newMember(admin, "服务账号");
    const stranger = await newMember(admin, "旁人");
    const { apiKey, client } = await newKey(admin, ["customers:read"], { ownerId: member.id });
    expect(apiKey["ownerId"]).toBe(member.id);
    expect((await client.get("/api/v1/me")).json()).toMatchObject({ id: member.id });
    expect((await member.list("apiKeys")).data.map((row) => row.id)).toEqual([apiKey.id]);
    expect((await stranger.list("apiKeys")).data).toEqual([]);
    expectProblem(await stranger.delete(`/api/v1/apiKeys/${apiKey.id}`), 404, "not_found");
    const used = (await member.read("apiKeys", apiKey.id))["usedTime"];
    expect(Math.abs(Date.parse(String(used)) - Date.now())).toBeLessThan(61_000);
    expect(await system.sql(`select version from identity.api_key where id = '${apiKey.id}'`)).toEqual([["1"]]);
  });
});
