import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { outcome, temporaryDirectory, top } from "./harness/system";
import type { Client, Json } from "./lib/client";
import { columnType, enumLabel, enumNames, enums, fieldsOf, messages, resources, valueLabels } from "./lib/definition";
import { expect, test } from "./lib/fixtures";

// One definition: what the API documents, what the UI gets, what the tables are and what people read all follow from proto/.

interface SchemaField {
  name: string;
  type: string;
  repeated?: boolean;
  label: { en: string; zh: string };
  required?: boolean;
  outputOnly?: boolean;
  immutable?: boolean;
  maxLength?: number;
  maxItems?: number;
  search?: boolean;
  sort?: boolean;
  unique?: boolean;
  filter?: string[];
  reference?: string;
  enum?: string;
  message?: string;
}
interface UiSchema {
  resources: { name: string; collection: string; title: string; label: Json; plural: Json; defaultSort?: string; readOnly?: boolean; rights: { create: boolean }; parent?: string; fields: SchemaField[] }[];
  messages: Record<string, { fields: SchemaField[] }>;
  enums: Record<string, { label: { en: string; zh: string }; values: { name: string; label: { en: string; zh: string }; colour?: string }[] }>;
}
interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, { operationId: string }>>;
  components: { schemas: Record<string, { properties?: Record<string, { enum?: string[]; items?: Json; $ref?: string }>; required?: string[]; additionalProperties?: boolean }> };
}

const uiSchema = async (client: Client): Promise<UiSchema> => (await client.get("/api/schema")).json<UiSchema>();
const openApi = async (client: Client): Promise<OpenApi> => (await client.get("/api/openapi.json")).json<OpenApi>();
const chinese = /\p{Script=Han}/u;
const short = (fullName: string): string => fullName.split(".").at(-1) ?? "";

test("/api/schema says what proto/ says, of every resource, field, message and enum @SYS-04", async ({ admin }) => {
  const schema = await uiSchema(admin);
  expect(schema.resources.map((resource) => resource.name).sort()).toEqual(resources.map((resource) => resource.fullName).sort());
  const same = (fields: SchemaField[], defined: ReturnType<typeof fieldsOf>, what: string): void => {
    expect(fields.map((field) => field.name).sort(), what).toEqual(defined.map((field) => field.jsonName).sort());
    for (const { jsonName, rule, repeated, enumeration } of defined) {
      const field = fields.find((one) => one.name === jsonName);
      const told = `${what} ${jsonName}`;
      expect(field, told).toMatchObject({ label: rule.label });
      expect([field?.required, field?.outputOnly, field?.immutable, field?.search, field?.sort, field?.unique, field?.repeated].map(Boolean), told).toEqual(
        [rule.required, rule.output_only, rule.immutable, rule.search, rule.sort, rule.unique, repeated].map(Boolean),
      );
      expect([field?.maxLength, field?.maxItems], told).toEqual([rule.max_length, rule.max_items]);
      expect(field?.filter !== undefined, told).toBe(rule.filter === true);
      expect(field?.enum, told).toBe(enumeration?.name);
      const target = resources.find((resource) => resource.fullName === rule.reference);
      expect(field?.reference, told).toBe(target?.rule.collection);
    }
  };
  for (const resource of resources) {
    const told = schema.resources.find((one) => one.name === resource.fullName);
    expect(told).toMatchObject({ collection: resource.rule.collection, title: resource.rule.title, label: resource.rule.label, plural: resource.rule.plural });
    expect(told?.readOnly ?? false).toBe(resource.rule.read_only ?? false);
    same(told?.fields ?? [], resource.fields, resource.fullName);
    for (const { message } of resource.fields)
      if (message !== undefined && message.fullName !== ".google.protobuf.Timestamp") same(schema.messages[message.name]?.fields ?? [], fieldsOf(message), message.fullName);
  }
  for (const [name, { label, values }] of Object.entries(schema.enums)) {
    const defined = enums.find((one) => one.name === name);
    if (defined === undefined) throw new Error(`no enum ${name} in proto/`);
    expect(label, name).toEqual(enumLabel(defined));
    expect(values.map((value) => value.name), name).toEqual(enumNames(defined));
  }
});

test.describe("the OpenAPI document", () => {
  test("is OpenAPI 3.1 by redocly's recommended rules, without an error @SYS-04 @TEC-08", async ({ admin }) => {
    const file = path.join(temporaryDirectory(), "openapi.json");
    writeFileSync(file, (await admin.get("/api/openapi.json")).text);
    const linted = await outcome(path.join(top, "tests/node_modules/.bin/redocly"), ["lint", file, "--extends=recommended", "--format=json"], { REDOCLY_TELEMETRY: "off" });
    const { totals, problems } = JSON.parse(linted.stdout) as { totals: { errors: number }; problems: { severity: string; message: string; ruleId: string }[] };
    expect(problems.filter((problem) => problem.severity === "error")).toEqual([]);
    expect(totals.errors).toBe(0);
    expect(problems.map((problem) => problem.ruleId).filter((rule) => rule !== "info-license"), "warnings too").toEqual([]);
    expect((await openApi(admin)).openapi).toMatch(/^3\.1\./);
  });

  test("has every resource, field and choice of /api/schema @SYS-04", async ({ admin }) => {
    const [schema, api] = [await uiSchema(admin), await openApi(admin)];
    for (const resource of schema.resources) {
      const name = short(resource.name);
      const shapes: [string, (field: SchemaField) => boolean][] = [[name, () => true]];
      if (resource.readOnly !== true) {
        if (resource.rights.create) shapes.push([`${name}Create`, (field) => field.outputOnly !== true]);
        shapes.push([`${name}Patch`, (field) => field.outputOnly !== true && field.immutable !== true]);
      }
      for (const [shape, has] of shapes) {
        const properties = api.components.schemas[shape]?.properties ?? {};
        expect(Object.keys(properties).sort(), shape).toEqual(resource.fields.filter(has).map((field) => field.name).sort());
        for (const field of resource.fields.filter(has))
          if (field.enum !== undefined) expect(JSON.stringify(properties[field.name]), `${shape} ${field.name}`).toContain(JSON.stringify(schema.enums[field.enum]?.values.map((value) => value.name)).slice(1, -1));
      }
      const changes = resource.readOnly === true ? [] : resource.rights.create ? ["create", "update", "delete", "restore"] : ["update"];
      const verbs = ["list", "get", "history", ...changes];
      const operations = Object.values(api.paths).flatMap((methods) => Object.values(methods).map((operation) => operation.operationId));
      for (const verb of verbs) expect(operations).toContain(`${resource.collection}.${verb}`);
    }
    for (const [name, message] of Object.entries(schema.messages))
      if (api.components.schemas[name] !== undefined) expect(Object.keys(api.components.schemas[name].properties ?? {}).sort(), name).toEqual(message.fields.map((field) => field.name).sort());
  });

  test("names every operation once, and what it answers is of the shape that it says @SYS-04", async ({ admin }) => {
    const api = await openApi(admin);
    const ids = Object.values(api.paths).flatMap((methods) => Object.values(methods).map((operation) => operation.operationId));
    expect(new Set(ids).size).toBe(ids.length);
    const customer = await admin.create("customers", { name: "形状", phones: [{ kind: "work", number: "13800138000" }], employees: 7 });
    await admin.create("contacts", { name: "形状", customerId: customer.id, birthday: "1990-01-01" });
    await admin.create("activities", { subject: "形状", customerId: customer.id });
    for (const resource of (await uiSchema(admin)).resources) {
      const known = new Set(Object.keys(api.components.schemas[short(resource.name)]?.properties ?? {}));
      for (const row of (await admin.list(resource.collection, { limit: 50 })).data) expect(Object.keys(row).filter((name) => !known.has(name)), resource.collection).toEqual([]);
    }
  });
});

test("every table has the columns that its resource has, of the types that services/kit/column.h gives them", async ({ system }) => {
  // What a service keeps beside the fields of a resource, for itself.
  const own: Record<string, string[]> = { session: ["token_hash", "used_time"], api_key: ["secret_hash"], job: ["lease_until", "attempts", "arguments", "checkpoint"], delivery: ["seq", "event"], merge: ["before", "after"] };
  for (const { service, singular, fields } of resources) {
    const rows = await system.sql(`select column_name, data_type, is_nullable from information_schema.columns where table_schema = '${service}' and table_name = '${singular}' order by ordinal_position`);
    const columns = new Map(rows.map(([name, type, nullable]) => [name ?? "", { type, nullable }]));
    const counted = fields.filter((field) => field.repeated && field.rule.aggregate === true).map((field) => `${field.name}_key`); // services/kit/query_aggregate.c
    for (const key of counted) expect(columns.get(key)?.type, `${service}.${singular}.${key}`).toBe("uuid");
    const beside = ["search", ...counted, ...(own[singular] ?? [])];
    expect([...columns.keys()].filter((name) => !beside.includes(name)), `${service}.${singular}`).toEqual(fields.map((field) => field.name));
    for (const field of fields) {
      const told = `${service}.${singular}.${field.name}`;
      expect(columns.get(field.name)?.type, told).toBe(columnType(field));
      if (field.number <= 4 || field.rule.required === true) expect(columns.get(field.name)?.nullable, told).toBe("NO");
    }
    const searched = fields.some((field) => field.rule.search === true);
    if (searched) expect(columns.get("search")?.type, `${service}.${singular}.search`).toBe("tsvector");
  }
});

test("every unique field has a unique index that leaves deleted rows out, every searched table a GIN index, every list that is grouped by one of its keys @CUS-01", async ({ system }) => {
  let checked = 0;
  for (const { service, singular, fields } of resources) {
    const indexes = (await system.sql(`select indexdef from pg_indexes where schemaname = '${service}' and tablename = '${singular}'`)).map(([definition]) => definition ?? "");
    for (const field of fields.filter((one) => one.rule.unique === true)) {
      expect(indexes.some((one) => one.startsWith("CREATE UNIQUE INDEX") && one.includes(`(${field.name}) WHERE`) && one.includes("(delete_time IS NULL)")), `${service}.${singular}.${field.name}`).toBe(true);
      checked++;
    }
    for (const field of fields.filter((one) => one.repeated && one.rule.aggregate === true))
      expect(indexes.some((one) => one.endsWith(`(${field.name}_key, delete_time)`)), `${service}.${singular}.${field.name}`).toBe(true);
    if (fields.some((field) => field.rule.search === true)) expect(indexes.some((one) => one.includes("USING gin (search)")), `${service}.${singular}`).toBe(true);
  }
  expect(checked).toBeGreaterThanOrEqual(3);
});

test.describe("the definition itself", () => {
  test("has labels in both languages for everything that people see @SYS-16", () => {
    const wrong: string[] = [];
    const check = (what: string, label: { en: string; zh: string } | undefined): void => {
      if (label === undefined || label.en === "" || chinese.test(label.en) || (!chinese.test(label.zh) && !["SHA-256"].includes(label.zh))) wrong.push(`${what}: ${JSON.stringify(label)}`);
    };
    for (const resource of resources) {
      check(resource.fullName, resource.rule.label);
      check(`${resource.fullName} plural`, resource.rule.plural);
      for (const field of resource.fields) {
        check(`${resource.fullName}.${field.name}`, field.rule.label);
        if (field.rule.help !== undefined) check(`${resource.fullName}.${field.name} help`, field.rule.help);
        if (field.message !== undefined && field.message.fullName !== ".google.protobuf.Timestamp") for (const part of fieldsOf(field.message)) check(`${field.message.fullName}.${part.name}`, part.rule.label);
      }
    }
    for (const one of enums) {
      check(one.fullName, enumLabel(one));
      for (const [name, en, zh] of valueLabels(one)) check(name, { en, zh });
      expect(valueLabels(one), one.fullName).toHaveLength(Object.keys(one.values).length);
    }
    expect(wrong).toEqual([]);
  });

  test("limits every text and every list", () => {
    const unlimited: string[] = [];
    for (const message of messages.filter((one) => one.fieldsArray.some((field) => field.options !== undefined)))
      for (const field of fieldsOf(message)) {
        const isId = field.rule.reference !== undefined || field.name === "id" || field.name.endsWith("file_id");
        if (field.type === "string" && !isId && field.rule.max_length === undefined && field.rule.format !== "FORMAT_DATE" && field.rule.output_only !== true && Object.keys(field.rule).length > 0 && !message.name.endsWith("Response")) unlimited.push(`${message.fullName}.${field.name}: text`);
        if (field.repeated && Object.keys(field.rule).length > 0 && field.rule.max_items === undefined) unlimited.push(`${message.fullName}.${field.name}: list`);
      }
    expect(unlimited).toEqual([]);
  });

  test("asks for nothing that contradicts itself", () => {
    const wrong: string[] = [];
    for (const resource of resources)
      for (const { name, rule } of resource.fields) {
        const what = `${resource.fullName}.${name}`;
        if (rule.sensitive === true && (rule.search === true || rule.sort === true)) wrong.push(`${what}: sensitive and searched or sorted`);
        if (rule.output_only === true && (rule.required === true || rule.immutable === true)) wrong.push(`${what}: output-only and required or immutable`);
        if (rule.reference !== undefined && !resources.some((one) => one.fullName === rule.reference)) wrong.push(`${what}: refers to nothing`);
      }
    for (const { fullName, rule, fields } of resources) {
      if (!fields.some((field) => field.name === rule.title)) wrong.push(`${fullName}: no title ${rule.title}`);
      const sort = (rule.default_sort ?? "").replace(/^-/, "");
      if (!fields.some((field) => field.jsonName === sort && field.rule.sort === true)) wrong.push(`${fullName}: default sort ${sort} does not sort`);
    }
    expect(wrong).toEqual([]);
  });
});

test.describe("the texts", () => {
  const definitions = readFileSync(path.join(top, "services/kit/messages.def"), "utf8");
  const entries = [...definitions.matchAll(/^MESSAGE\((\w+), "((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)", "((?:[^"\\]|\\.)*)"\)/gm)];

  test("of the server are there in both languages, with the same placeholders @SYS-16", () => {
    expect(entries.length).toBe((definitions.match(/^MESSAGE\(/gm) ?? []).length);
    expect(entries.length).toBeGreaterThan(100);
    const placeholders = (text: string): string[] => [...new Set(text.match(/\{\d\}/g) ?? [])].sort();
    const wrong = entries.filter(([, , , en = "", zh = ""]) => !chinese.test(zh) || chinese.test(en) || placeholders(en).join() !== placeholders(zh).join());
    expect(wrong.map(([, name]) => name)).toEqual([]);
    expect(new Set(entries.map(([, , code]) => code)).size, "codes are unique").toBe(entries.length);
  });

  test("of every problem are explained at its type's address", async ({ admin }) => {
    for (const [, , code = ""] of entries) {
      const reply = await admin.get(`/api/problems/${code}`);
      expect(reply.status, `${code}: ${reply.toString()}`).toBe(200);
    }
    expect((await admin.get("/api/problems/no_such_code")).status).toBe(404);
  });

  test("of the UI have the same keys in both languages @SYS-16", () => {
    const keys = (value: Json, prefix = ""): string[] => (typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value).flatMap(([name, part]) => keys(part, `${prefix}${name}.`)) : [prefix]);
    const read = (language: string): Json => JSON.parse(readFileSync(path.join(top, `gateway/web/src/locales/${language}.json`), "utf8")) as Json;
    const [en, zh] = [keys(read("en")).sort(), keys(read("zh")).sort()];
    expect(en.length).toBeGreaterThan(100);
    expect(zh).toEqual(en);
  });
});
