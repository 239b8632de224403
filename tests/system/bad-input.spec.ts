import { connect } from "node:net";
import type { Client, Headings, Json, Reply } from "./lib/client";
import { Client as AnyClient, expectOk } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { newMember } from "./lib/people";

// Every operation of /api/openapi.json with everything that can be wrong: refused with a problem, never with a 5xx.

interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  items?: Schema;
  required?: string[];
  enum?: string[];
}
interface Operation {
  operationId: string;
  security?: unknown[];
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
}
interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

interface Known {
  method: string;
  path: string;
  operation: Operation;
}

const nobody = "01912d3c-5b7a-7c3e-8f00-0123456789ab";

async function document(client: Client): Promise<OpenApi> {
  return (await client.get("/api/openapi.json")).json<OpenApi>();
}

function operations(api: OpenApi): Known[] {
  return Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })));
}

function resolve(api: OpenApi, schema: Schema | undefined): Schema {
  const name = schema?.$ref?.split("/").at(-1);
  return name === undefined ? (schema ?? {}) : (api.components.schemas[name] ?? {});
}

/** The type of a schema, whether or not it may also be null. */
function typeOf(api: OpenApi, schema: Schema): string {
  const { type, format, anyOf } = resolve(api, schema);
  const other = anyOf?.find((one) => one.type !== "null");
  if (other !== undefined) return typeOf(api, other);
  if (format === "int64") return "integer"; // text, because a double cannot hold it; a number is taken too
  return (Array.isArray(type) ? type.find((one) => one !== "null") : type) ?? "object";
}

/** What is not as it should be in a refusal: a problem for programs and people, with a 4xx status. Empty: nothing. */
function faultsOf(reply: Reply, status?: number): string[] {
  const faults: string[] = [];
  const need = (what: string, holds: boolean) => holds || faults.push(what);
  need("status 4xx", reply.status >= 400 && reply.status < 500);
  need(`status ${status ?? 0}`, status === undefined || reply.status === status);
  need("type", reply.header("content-type") === "application/problem+json");
  if (faults.length > 0) return faults;
  const problem = reply.json<Record<string, Json>>();
  need("status in the body", problem["status"] === reply.status);
  need("title", typeof problem["title"] === "string");
  need("detail", typeof problem["detail"] === "string");
  need("code", /^[a-z_]+$/.test(String(problem["code"])));
  need("trace id", /^[0-9a-f]{32}$/.test(String(problem["traceId"])));
  return faults;
}

function expectRefused(reply: Reply, what: string, status?: number): void {
  expect(faultsOf(reply, status), `${what}: ${reply.toString()}`).toEqual([]);
}

const json = "application/json";

/** There are thousands of wrong inputs: eight of them are always under way. */
async function manyAtOnce<T>(all: T[], one: (item: T) => Promise<void>): Promise<void> {
  const left = all.values();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const item of left) await one(item);
    }),
  );
}

const pathOf = (known: Known, id = nobody): string => known.path.replace("{id}", id).replace("{code}", "invalid").replace("{system}", "erp").replace("{key}", "of-nobody");

/** Sends an operation with that body; its own path parameters are filled by a well-formed id of nobody. */
function send(client: Client, known: Known, body?: string, headers: Headings = {}, query = "", id = nobody): Promise<Reply> {
  return client.send(known.method, `${pathOf(known, id)}${query}`, body, { ...(body === undefined ? {} : { "content-type": json }), ...headers });
}

const takesJson = (known: Known): boolean => known.operation.requestBody !== undefined && Object.keys(known.operation.requestBody.content).some((type) => type.endsWith("json"));
const bodySchema = (api: OpenApi, known: Known): Schema => resolve(api, Object.values(known.operation.requestBody?.content ?? {})[0]?.schema);
const isPublic = (known: Known): boolean => known.operation.security?.length === 0;

// Signing in counts failures against the address that all tests share: it is sent nothing that could be a failed attempt.
const isSignIn = (known: Known): boolean => known.operation.operationId === "IdentityService.SignIn";

test("there is something to test: every operation of the document answers", async ({ admin }) => {
  const all = operations(await document(admin));
  expect(all.length).toBeGreaterThan(45);
  for (const known of all.filter((one) => one.method === "GET" && one.operation.operationId !== "gateway.events")) {
    const needed = (known.operation.parameters ?? []).filter((one) => one.in === "query" && one.required === true).map(({ name }) => `${name}=a`);
    const reply = await send(admin, known, undefined, {}, needed.length > 0 ? `?${needed.join("&")}` : "");
    expect([200, 404], `${known.operation.operationId}: ${reply.toString()}`).toContain(reply.status);
  }
});

test("no session: 401, for every operation that is not public", async ({ admin }) => {
  const nobodyAtAll = new AnyClient(admin.url, undefined);
  const closed = operations(await document(admin)).filter((known) => !isPublic(known));
  expect(closed.length).toBeGreaterThan(40);
  for (const known of closed) expectRefused(await send(nobodyAtAll, known, takesJson(known) ? "{}" : undefined), known.operation.operationId, 401);
});

/** What stands on the wire, up to where the server ends it. */
function sendBytes(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => (answer += part));
    socket.on("end", () => resolve(answer));
    socket.on("error", reject);
  });
}

const refusedByHttp: [string, string, number, string][] = [
  ["a broken escape", "GET /api/v1/customers?q=%zz HTTP/1.1\r\nHost: a\r\n{language}\r\n", 400, "http_target_encoding"],
  ["two lengths", "POST /api/v1/customers HTTP/1.1\r\nHost: a\r\n{language}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400, "http_length_and_coding"],
  ["a chunk without a size", "POST /api/v1/customers HTTP/1.1\r\nHost: a\r\n{language}Transfer-Encoding: chunked\r\n\r\nx\r\n", 400, "http_chunk_size_bad"],
  ["too many headers", `GET /api/v1/customers HTTP/1.1\r\nHost: a\r\n{language}${"A: b\r\n".repeat(200)}\r\n`, 431, "http_headers_too_many"],
  ["a body beyond the limit", "POST /api/v1/customers HTTP/1.1\r\nHost: a\r\n{language}Content-Length: 99999999\r\n\r\n", 413, "too_large"],
  ["an unknown method", "BREW /pot HTTP/1.1\r\nHost: a\r\n{language}\r\n", 501, "http_method_unknown"],
];
for (const [what, bytes, status, code] of refusedByHttp)
  for (const language of ["en", "zh"])
    test(`${what}: refused by HTTP itself, in the form of every other problem, in ${language} @SYS-16`, async ({ admin }) => {
      const [head = "", body = ""] = (await sendBytes(admin.url, bytes.replace("{language}", `Accept-Language: ${language}\r\n`))).split("\r\n\r\n");
      expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(head).toContain(`\r\nContent-Language: ${language}`);
      const problem = JSON.parse(body) as Record<string, Json>;
      expect(problem).toMatchObject({ type: `/api/problems/${code}`, status, code });
      expect(problem["traceId"]).toMatch(/^[0-9a-f]{32}$/);
      expect(/\p{Script=Han}/u.test(String(problem["title"]) + String(problem["detail"]))).toBe(language === "zh");
      const known = await admin.get(`/api/problems/${code}`);
      expect(known.json<Record<string, Json>>()["code"]).toBe(code);
    });

const brokenBodies: [string, string][] = [
  ["broken JSON", '{"name":'],
  ["no JSON at all", "name=x"],
  ["two values", "{} {}"],
  ["an array", "[]"],
  ["a number", "7"],
  ["a name twice", '{"name":"a","name":"b"}'],
  ["half a surrogate pair", '{"name":"\\ud800"}'],
  ["a NUL", '{"name":"a\\u0000b"}'],
  ["a control character", '{"name":"a\u0001b"}'],
  ["nesting too deep", `{"name":${"[".repeat(5000)}${"]".repeat(5000)}}`],
  ["an unknown field", '{"noSuchField":1}'],
  ["a prototype", '{"__proto__":{"admin":true},"constructor":1}'],
];
for (const [what, body] of brokenBodies)
  test(`a body that is ${what}: 400, for every operation that takes one`, async ({ admin }) => {
    const withBody = operations(await document(admin)).filter(takesJson);
    expect(withBody.length).toBeGreaterThan(10);
    for (const known of withBody) expectRefused(await send(admin, known, body), known.operation.operationId, 400);
  });

test("bytes that are no UTF-8: 400", async ({ admin }) => {
  const bytes = Buffer.from([0x7b, 0x22, 0x6e, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]);
  for (const known of operations(await document(admin)).filter(takesJson)) {
    expectRefused(await admin.send(known.method, pathOf(known), bytes, { "content-type": json }), known.operation.operationId, 400);
  }
});

test("another content type, or none: 415", async ({ admin }) => {
  for (const known of operations(await document(admin)).filter(takesJson))
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data; boundary=x"])
      expectRefused(await send(admin, known, "{}", { "content-type": type }), `${known.operation.operationId} ${type}`, 415);
});

/** For each JSON type a value that is not of it. */
const otherTypes: Record<string, Json[]> = {
  string: [7, true, {}, ["x"]],
  boolean: ["true", 1, {}],
  integer: ["x", true, 1.5, {}, 1e300],
  array: ["x", {}, 7],
  object: ["x", 7, []],
};

test("a value of another type: 400 that points at it, for every field of every body", async ({ admin }) => {
  const api = await document(admin);
  const asked = operations(api)
    .filter(takesJson)
    .flatMap((known) => Object.entries(bodySchema(api, known).properties ?? {}).flatMap(([name, schema]) => (otherTypes[typeOf(api, schema)] ?? []).map((value) => ({ known, name, value }))));
  expect(asked.length).toBeGreaterThan(150);
  const wrong: string[] = []; // one expectation for thousands: each costs Playwright more than the request
  await manyAtOnce(asked, async ({ known, name, value }) => {
    const reply = await send(admin, known, JSON.stringify({ [name]: value }));
    if (faultsOf(reply, 400).length > 0 || !reply.text.includes(`"pointer":"/${name}`)) wrong.push(`${known.operation.operationId} ${name} = ${JSON.stringify(value)}: ${reply.toString()}`);
  });
  expect(wrong).toEqual([]);
});

test("text that is far too long: 400 or 404, never taken", async ({ admin }) => {
  const api = await document(admin);
  const long = "x".repeat(200_000);
  for (const known of operations(api).filter((one) => takesJson(one) && !isSignIn(one)))
    for (const [name, schema] of Object.entries(bodySchema(api, known).properties ?? {})) {
      if (typeOf(api, schema) !== "string") continue;
      expectRefused(await send(admin, known, JSON.stringify({ [name]: long })), `${known.operation.operationId} ${name}`);
    }
});

test("a body over the limit: 413", async ({ admin }) => {
  const body = JSON.stringify({ name: "x".repeat((1 << 20) + 1) });
  for (const known of operations(await document(admin)).filter(takesJson)) {
    const reply = await send(admin, known, body);
    expect(reply.status, `${known.operation.operationId}: ${reply.toString()}`).toBe(413);
    expect(reply.header("content-type")).toBe("application/problem+json");
  }
});

/** What is asked for beside the id. */
const wellFormed: Record<string, Json> = {
  "IdentityService.SetPassword": { password: "long enough 12" },
  "RelationService.MergeCustomers": { others: ["01912d3c-5b7a-7c3e-8f00-0123456789ac"] },
  "NotificationService.ReplayWebhook": { from: "earliest" },
};

test("an id that is none, or another's, or hostile: 404, for every operation with one", async ({ admin }) => {
  const withId = operations(await document(admin)).filter((known) => known.path.includes("{id}"));
  expect(withId.length).toBeGreaterThan(20);
  for (const known of withId)
    for (const id of [nobody, "1", "x".repeat(300), "%27%20or%201=1--", "00000000-0000-0000-0000-000000000000", "%E5%AE%A2%E6%88%B7", `${nobody}x`]) {
      const body = takesJson(known) ? JSON.stringify(wellFormed[known.operation.operationId] ?? {}) : undefined;
      expectRefused(await send(admin, known, body, {}, "", id), `${known.operation.operationId} ${id}`, 404);
    }
});

test("a query parameter that does not exist: 400, for every operation", async ({ admin }) => {
  for (const known of operations(await document(admin)).filter((one) => !isPublic(one) && one.operation.operationId !== "gateway.schema")) {
    const reply = await send(admin, known, takesJson(known) ? "{}" : undefined, {}, "?noSuchParameter=1");
    expectRefused(reply, known.operation.operationId, 400);
    expect(reply.text).toContain("noSuchParameter");
  }
});

test("a query value that is none: 400, for every parameter of every list", async ({ admin }) => {
  const any = new Set(["q", "name", "phone", "email", "creditCode"]); // any text is one; what is half typed has no duplicates
  const asked = operations(await document(admin))
    .filter((one) => one.method === "GET")
    .flatMap((known) => (known.operation.parameters ?? []).filter((one) => one.in === "query" && !any.has(one.name)).map((parameter) => ({ known, parameter })));
  expect(asked.length).toBeGreaterThan(100);
  const wrong: string[] = [];
  await manyAtOnce(asked, async ({ known, parameter }) => {
    // Text fields take any text: what matters is that none of it is SQL.
    const isFilter = /^filter\[\w+\]\[(eq|ne|in|lt|lte|gt|gte|contains|any|all|none)\]$/.test(parameter.name);
    const query = `?${encodeURIComponent(parameter.name)}=${isFilter ? `${encodeURIComponent("'; drop table customer; --")}&limit=1` : "%27"}`;
    const reply = await send(admin, known, undefined, {}, query);
    if (!(isFilter && reply.status === 200) && faultsOf(reply, 400).length > 0) wrong.push(`${known.operation.operationId} ${parameter.name}: ${reply.toString()}`);
  });
  expect(wrong).toEqual([]);
  expectOk(await admin.get("/api/v1/customers?limit=1"), 200);
});

test("another verb: 405 with Allow, an address that is none: 404", async ({ admin }) => {
  const all = operations(await document(admin));
  for (const path of new Set(all.map((known) => known.path))) {
    const verbs = all.filter((known) => known.path === path).map((known) => known.method);
    for (const method of ["GET", "POST", "PATCH", "DELETE", "PUT"].filter((verb) => !verbs.includes(verb))) {
      const reply = await admin.send(method, pathOf({ path, method, operation: { operationId: "" } }));
      expectRefused(reply, `${method} ${path}`, 405);
      for (const verb of verbs) expect(reply.header("allow"), `${method} ${path}`).toContain(verb);
    }
  }
  for (const path of ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/customers", `/api/v1/customers/${nobody}/nothing`, `/api/v1/customers/${nobody}:explode`, "/api/v1/customers:explode"])
    expectRefused(await admin.get(path), path, 404);
});

test("a body where none is taken: 400", async ({ admin }) => {
  const without = operations(await document(admin)).filter((known) => known.operation.requestBody === undefined && ["POST", "DELETE"].includes(known.method));
  expect(without.length).toBeGreaterThan(5);
  for (const known of without.filter((one) => one.operation.operationId !== "IdentityService.SignOut")) expectRefused(await send(admin, known, '{"x":1}'), known.operation.operationId, 400);
  const member = await newMember(admin, "某人");
  expectRefused(await member.send("DELETE", "/api/v1/sessions/current", "{}", { "content-type": json }), "sign-out", 400);
});

test("hostile text in every text field is stored as it is and comes back as it was", async ({ admin }) => {
  const hostile = ["'; drop table customer; --", "<script>alert(1)</script>", "${7*7}", "{{7*7}}", "../../etc/passwd", "\\u0000", "%00", "a".repeat(190), "𠮷野家 🙂 é", "‮abc".normalize(), "null", "undefined", "NaN", "=cmd|' /C calc'!A0"];
  for (const name of hostile) {
    const reply = await admin.post("/api/v1/customers", { name, industry: name.slice(0, 90), description: `${name}\n${name}` });
    expectOk(reply, 201);
    const row = await admin.read("customers", reply.json().id);
    expect(row).toMatchObject({ description: `${name}\n${name}` });
    if (!name.startsWith("‮")) expect(row["name"]).toBe(name);
  }
});
