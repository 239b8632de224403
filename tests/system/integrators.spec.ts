import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Parser } from "@asyncapi/parser";
import { CloudEvent as Checked } from "cloudevents";
import { outcome, temporaryDirectory, top } from "./harness/system";
import { type Client, type Json, expectOk, uniqueWord } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { Stream } from "./lib/stream";

// What people who write programs against Guanxi rely on: the documents are true, and what is generated from them works.

interface AsyncApi {
  channels: Record<string, { address: string; messages: Record<string, Json> }>;
  components: { messages: Record<string, { payload: { allOf?: { properties?: { data?: { properties: { after: { $ref: string } } } } }[] } }>; schemas: Record<string, { properties?: Record<string, Json> }> };
}
const asyncApi = async (client: Client): Promise<AsyncApi> => expectOk(await client.get("/api/asyncapi.json"), 200).json<AsyncApi>();

test.describe("the AsyncAPI document", () => {
  test("is AsyncAPI 3.0 without a complaint of its parser @NRM-04", async ({ admin }) => {
    const text = expectOk(await admin.get("/api/asyncapi.json"), 200).text;
    const { document, diagnostics } = await new Parser().parse(text);
    const told = diagnostics.filter((one) => one.severity <= 1).map((one) => `${one.code} ${one.path.join("/")}: ${one.message}`);
    expect(told).toEqual([]);
    expect(document?.version()).toBe("3.0.0");
    expect(document?.operations().all().map((operation) => [operation.id(), operation.action()])).toEqual([["followEvents", "send"], ["deliverWebhook", "send"]]);
  });

  test("knows every event that comes, with every field in it @NRM-04", async ({ admin }) => {
    const api = await asyncApi(admin);
    const stream = await Stream.open(admin, { from: "latest" });
    const customer = await admin.create("customers", { name: uniqueWord(), phones: [{ kind: "work", number: "13800138000" }] });
    await admin.update("customers", customer.id, { employees: 3 });
    await admin.remove("customers", customer.id);
    expectOk(await admin.post(`/api/v1/customers/${customer.id}:restore`), 200);
    const subject = `customers/${customer.id}`;
    await stream.wait("its restoration", (event) => event.subject === subject && event.name.includes(".restored."));
    expect(stream.names(subject).map((name) => name.split(".")[3])).toEqual(["created", "updated", "deleted", "restored"]);
    for (const event of stream.received.filter((one) => one.subject === subject)) {
      const message = api.components.messages[event.name];
      expect(Object.keys(api.channels["events"]?.messages ?? {})).toContain(event.name);
      const schema = message?.payload.allOf?.[1]?.properties?.data?.properties.after.$ref.split("/").at(-1) ?? "";
      const parsed = JSON.parse(event.text) as { data: { after?: Record<string, Json> } };
      expect(Object.keys(api.components.schemas[schema]?.properties ?? {})).toEqual(expect.arrayContaining(Object.keys(parsed.data.after ?? {})));
      expect(new Checked(parsed as unknown as Record<string, unknown>).validate()).toBe(true);
    }
    stream.close();
  });
});

test("every address that the gateway serves is in the OpenAPI document, with its methods @SYS-04", async ({ admin }) => {
  const { paths } = (await admin.get("/api/openapi.json")).json<{ paths: Record<string, Record<string, Json>> }>();
  const methods = ["get", "post", "put", "patch", "delete"];
  expect(Object.keys(paths).length).toBeGreaterThan(20);
  // Whatever method the document does not name is told to be not allowed, and Allow names exactly those that it does.
  for (const [pattern, operations] of Object.entries(paths)) {
    const address = pattern.replace(/\{\w+\}/g, "01912d3c-5b7a-7c3e-8f00-0123456789ab");
    const named = methods.filter((method) => operations[method] !== undefined);
    const absent = methods.find((method) => operations[method] === undefined) ?? "";
    const reply = await admin.send(absent.toUpperCase(), address);
    expect(reply.status, `${absent} ${address}: ${reply.toString()}`).toBe(405);
    expect(reply.header("allow").toLowerCase().split(", ").sort(), pattern).toEqual(named.sort());
  }
});

test("a client that openapi-typescript generates is well typed and works @SYS-04", async ({ admin, system }) => {
  test.setTimeout(180_000);
  const directory = temporaryDirectory();
  const bin = path.join(top, "tests/node_modules/.bin");
  writeFileSync(path.join(directory, "openapi.json"), (await admin.get("/api/openapi.json")).text);
  const generated = await outcome(path.join(bin, "openapi-typescript"), [path.join(directory, "openapi.json"), "-o", path.join(directory, "guanxi.d.ts")]);
  expect(generated.code, generated.stderr).toBe(0);
  const program = readFileSync(path.join(top, "tests/system/lib/generated-client.txt"), "utf8");
  writeFileSync(path.join(directory, "program.ts"), program);
  const modules = path.join(top, "tests/node_modules");
  writeFileSync(path.join(directory, "tsconfig.json"), JSON.stringify({ compilerOptions: { strict: true, noUncheckedIndexedAccess: true, target: "es2022", module: "nodenext", moduleResolution: "nodenext", lib: ["es2022", "dom", "dom.iterable"], types: ["node"], typeRoots: [path.join(modules, "@types")], skipLibCheck: false }, files: ["program.ts"] }));
  writeFileSync(path.join(directory, "package.json"), JSON.stringify({ type: "module" }));
  expect((await outcome("ln", ["-s", modules, path.join(directory, "node_modules")])).code).toBe(0);
  const checked = await outcome(path.join(bin, "tsc"), ["-p", directory]);
  expect(checked.stdout).toBe("");
  expect(checked.code).toBe(0);
  const name = uniqueWord();
  const ran = await outcome(process.execPath, [path.join(directory, "program.js")], { GUANXI_URL: system.url, GUANXI_TOKEN: admin.token ?? "", NAME: name });
  expect(ran.stderr).toBe("");
  expect(ran.stdout.trim().split("\n")).toEqual([`created ${name}`, "stage prospect", "found 1", "refused 400 invalid"]);
  // A name that the definition does not have is an error of the compiler's, not of the server's.
  writeFileSync(path.join(directory, "program.ts"), program.replace("name }", "nome: name }"));
  expect((await outcome(path.join(bin, "tsc"), ["-p", directory])).stdout).toContain("nome");
});
