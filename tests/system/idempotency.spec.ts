import type { Client, Json, Row } from "./lib/client";
import { expectOk, expectProblem, newKey, uniqueWord } from "./lib/client";
import { startImport, upload } from "./lib/csv";
import { expect, test } from "./lib/fixtures";
import { leastOf } from "./lib/least";
import { newPerson } from "./lib/people";

// Every POST of /api/openapi.json that says it takes an Idempotency-Key has its effect once for it.

interface Property {
  type?: string | string[];
  format?: string;
}
interface OpenApi {
  paths: Record<string, Record<string, { operationId: string; parameters?: { $ref?: string }[] }>>;
  components: { schemas: Record<string, { required?: string[]; properties?: Record<string, Property> }> };
}
interface Post {
  path: string;
  body?: Json;
}
/** A request, and another one of the same operation. */
type Pair = { client: Client; one: Post; other: Post };

const made = async (client: Client, collection: string): Promise<Row> => client.create(collection, await leastOf(client, collection));

async function deleted(client: Client, collection: string): Promise<string> {
  const { id } = await made(client, collection);
  await client.remove(collection, id);
  return id;
}

async function runningJob(client: Client): Promise<string> {
  const rows = Array.from({ length: 20_000 }, () => uniqueWord()).join("\n");
  return (await startImport(client, (await upload(client, "names.csv", `name\n${rows}\n`)).id)).id;
}

function exported(client: Client, collection: string): Promise<Pair> {
  const path = `/api/v1/${collection}:export`;
  return Promise.resolve({ client, one: { path, body: { format: "csv" } }, other: { path, body: { format: "ndjson" } } });
}

async function imported(client: Client, collection: string): Promise<Pair> {
  const path = `/api/v1/${collection}:import`;
  const fileId = async () => (await upload(client, "rows.csv", `name,subject\n${uniqueWord()},x\n`)).id;
  return { client, one: { path, body: { fileId: await fileId() } }, other: { path, body: { fileId: await fileId() } } };
}

/** Shown with their own features: bulk, query, customers, transfer, webhooks. */
const elsewhere = /\.(batch|bulk)$|^RelationService\.|^NotificationService\.|\.RevertJob$/;

/** What the operations need that are neither create nor restore. */
const special: Record<string, (admin: Client) => Promise<Pair>> = {
  ...Object.fromEntries(["Customers", "Contacts", "Activities"].map((name) => [`CustomerService.Export${name}`, (admin: Client) => exported(admin, name.toLowerCase())])),
  ...Object.fromEntries(["Contacts", "Activities"].map((name) => [`CustomerService.Import${name}`, (admin: Client) => imported(admin, name.toLowerCase())])),
  "CustomerService.CreateImport": async (admin) => {
    const fileId = (await upload(admin, "names.csv", `name\n${uniqueWord()}\n`)).id;
    const path = "/api/v1/customers:import";
    return { client: admin, one: { path, body: { fileId } }, other: { path, body: { fileId, columns: [{ column: "name", field: "name" }] } } };
  },
  "CustomerService.CancelJob": async (admin) => {
    const [one, other] = [await runningJob(admin), await runningJob(admin)];
    return { client: admin, one: { path: `/api/v1/jobs/${one}:cancel` }, other: { path: `/api/v1/jobs/${other}:cancel` } };
  },
  "IdentityService.SetPassword": async (admin) => {
    const path = `/api/v1/users/${(await made(admin, "users")).id}:setPassword`;
    return { client: admin, one: { path, body: { password: `one-${uniqueWord()}` } }, other: { path, body: { password: `other-${uniqueWord()}` } } };
  },
  "IdentityService.ChangePassword": async (admin) => {
    const { client, password } = await newPerson(admin);
    const path = "/api/v1/me:changePassword";
    const change = (newPassword: string) => ({ path, body: { currentPassword: password, newPassword } });
    return { client, one: change(`one-${uniqueWord()}`), other: change(`other-${uniqueWord()}`) };
  },
};

async function pairOf(admin: Client, operationId: string): Promise<Pair> {
  const [collection = "", verb = ""] = operationId.split(".");
  const path = `/api/v1/${collection}`;
  const client = collection === "preferences" ? (await newPerson(admin)).client : admin; // each person has one
  if (verb === "create") return { client, one: { path, body: await leastOf(client, collection) }, other: { path, body: await leastOf(client, collection) } };
  if (verb === "restore") return { client, one: { path: `${path}/${await deleted(client, collection)}:restore` }, other: { path: `${path}/${await deleted(client, collection)}:restore` } };
  const make = special[operationId];
  if (make === undefined) throw new Error(`${operationId} takes an Idempotency-Key: say in \`special\` how it is called`);
  return make(admin);
}

test("every POST that takes an Idempotency-Key has its effect once and is told again", async ({ admin }) => {
  test.setTimeout(180_000);
  const api = (await admin.get("/api/openapi.json")).json<OpenApi>();
  const asks = /\.(search|aggregateTree)$/; // a POST for the length of its question: it changes nothing
  const posts = Object.values(api.paths).flatMap((methods) => methods["post"] ?? []).filter((post) => !asks.test(post.operationId));
  const keyed = posts.filter((post) => post.parameters?.some(({ $ref }) => $ref?.endsWith("/IdempotencyKey")));
  expect(keyed.length).toBeGreaterThan(10);
  expect(posts.filter((post) => !keyed.includes(post)).map((post) => post.operationId).sort(), "an answer with a secret is not kept, an upload is named by its content, and a test or a replay is meant each time").toEqual([
    "IdentityService.CreateApiKey",
    "IdentityService.SignIn",
    "NotificationService.ReplayWebhook",
    "NotificationService.ResumeWebhook",
    "NotificationService.RotateSecret",
    "NotificationService.TestWebhook",
    "gateway.uploadFile",
  ]);
  for (const { operationId } of keyed) {
    if (elsewhere.test(operationId)) continue;
    const { client, one, other } = await pairOf(admin, operationId);
    const headers = { "idempotency-key": newKey() };
    const first = await client.post(one.path, one.body, headers);
    expect([200, 201, 202, 204], `${operationId}: ${first.toString()}`).toContain(first.status);
    expect(first.header("idempotency-replayed"), operationId).toBe("");
    const second = expectOk(await client.post(one.path, one.body, headers), first.status);
    expect(second.header("idempotency-replayed"), operationId).toBe("true");
    expect(second.text, operationId).toBe(first.text);
    expect(second.header("etag"), operationId).toBe(first.header("etag"));
    expectProblem(await client.post(other.path, other.body, headers), 422, "idempotency_key_reused");
  }
});

test("a password that was set with a key is the one that counts, also after the key was told again", async ({ admin }) => {
  const { client, email, password } = await newPerson(admin);
  const headers = { "idempotency-key": newKey() };
  const next = `next-${uniqueWord()}`;
  const body = { currentPassword: password, newPassword: next };
  expectProblem(await client.post("/api/v1/me:changePassword", { ...body, currentPassword: "wrong-password" }, headers), 400, "invalid");
  expectOk(await client.post("/api/v1/me:changePassword", body, headers), 204); // what was refused left its key free
  expectOk(await client.post("/api/v1/me:changePassword", body, headers), 204);
  const signIn = (tried: string) => admin.post("/api/v1/sessions", { email, password: tried });
  expect((await signIn(next)).status).toBe(201);
});
