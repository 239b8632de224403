import { type Client, type Json, type Row, expectProblem, search, uniqueWord } from "./lib/client";
import { newCreditCode } from "./lib/credit-code";
import { expect, test } from "./lib/fixtures";
import { newMember } from "./lib/people";

// Lists: pages, order, filters, search. What is right is computed here, from the rows that were created.

interface Resource {
  collection: string;
  fields: { name: string; type: string; sort?: boolean; filter?: string[]; enum?: string }[];
}
async function definition(admin: Client): Promise<{ resources: Resource[]; enums: Record<string, { values: { name: string }[] }> }> {
  return (await admin.get("/api/schema")).json();
}

/** Creates all of them, a few at a time. */
async function createAll(admin: Client, collection: string, records: Json[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (let from = 0; from < records.length; from += 50)
    rows.push(...(await Promise.all(records.slice(from, from + 50).map((record) => admin.create(collection, record)))));
  return rows;
}

const ids = (rows: Row[]): string[] => rows.map((row) => row.id);

test("pages by keyset walk 2,000 rows without loss or repetition while others insert @CUS-01", async ({ admin }) => {
  const industry = uniqueWord();
  const rows = await createAll(admin, "customers", Array.from({ length: 2000 }, (_, i) => ({ name: `客户 ${i % 100}`, industry })));
  let walking = true;
  const inserted: string[] = [];
  const rival = (async () => {
    while (walking) inserted.push((await admin.create("customers", { name: `客户 ${inserted.length % 100}`, industry })).id);
  })();
  for (const sort of ["-createTime", "name", "-name,createTime"]) {
    const seen = ids(await admin.all("customers", { "filter[industry][eq]": industry, sort, limit: 97 }));
    expect(new Set(seen).size, `${sort}: repeated`).toBe(seen.length);
    const found = new Set(seen);
    expect(rows.filter((row) => !found.has(row.id)), `${sort}: lost`).toEqual([]);
  }
  walking = false;
  await rival;
  expect(inserted.length).toBeGreaterThan(10);
});

const byPinyin = new Intl.Collator("zh-u-co-pinyin");

/** How the API orders values: nulls last whatever the direction; text by pinyin, enums by their place; ids by their bytes. */
function compare(a: Json | undefined, b: Json | undefined, descending: boolean): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const order = typeof a === "number" && typeof b === "number" ? a - b : /^[0-9a-f]{8}-/.test(String(a)) ? Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b))) : byPinyin.compare(String(a), String(b));
  return descending ? -order : order;
}

test("every sortable field sorts in both directions, page by page, with nulls last", async ({ admin }) => {
  const { resources, enums } = await definition(admin);
  const industry = uniqueWord();
  const stages = [undefined, "prospect", "active", "dormant", "lost"];
  const rows: Row[] = [];
  for (let i = 0; i < 30; i++) {
    const stage = stages[i % 5];
    const record = { name: `${"甲乙丙Aaz"[i % 6]}${i % 4}`, industry, ...(i % 3 === 0 ? {} : { employees: (i * 7) % 11 }), ...(stage === undefined ? {} : { stage }) };
    const row = await admin.create("customers", record);
    rows.push(stage === undefined ? await admin.update("customers", row.id, { stage: null }) : row);
  }
  const sortable = resources.find((resource) => resource.collection === "customers")?.fields.filter((field) => field.sort === true) ?? [];
  expect(sortable.map((field) => field.name)).toContain("employees");
  for (const field of sortable) {
    const place = (row: Row): Json | undefined => {
      const value = row[field.name];
      if (value === undefined) return undefined;
      if (field.enum !== undefined) return enums[field.enum]?.values.findIndex((known) => known.name === value) ?? -1;
      return field.type === "long" || field.type === "integer" ? Number(value) : value;
    };
    for (const descending of [false, true]) {
      const wanted = [...rows].sort((a, b) => compare(place(a), place(b), descending) || compare(a.id, b.id, descending));
      const sort = `${descending ? "-" : ""}${field.name}`;
      expect(ids(await admin.all("customers", { "filter[industry][eq]": industry, sort, limit: 4 })), sort).toEqual(ids(wanted));
    }
  }
});

test("several sort fields in mixed directions, with nulls in each, page without loss", async ({ admin }) => {
  const source = uniqueWord();
  const records = Array.from({ length: 40 }, (_, i) => ({ name: `客户 ${i % 3}`, source, ...(i % 4 === 0 ? {} : { industry: `行业 ${i % 5}` }), ...(i % 5 === 0 ? {} : { employees: i % 6 }) }));
  const rows = await createAll(admin, "customers", records);
  for (const [sort, keys] of [
    ["industry,-employees,id", [["industry", false], ["employees", true], ["id", false]]],
    ["-industry,employees,-id", [["industry", true], ["employees", false], ["id", true]]],
    ["-name,industry,-employees", [["name", true], ["industry", false], ["employees", true], ["id", true]]],
  ] as const) {
    const value = (row: Row, name: string): Json | undefined => (name === "employees" && row[name] !== undefined ? Number(row[name]) : row[name]);
    const wanted = [...rows].sort((a, b) => keys.map(([name, descending]) => compare(value(a, name), value(b, name), descending)).find((order) => order !== 0) ?? 0);
    for (const limit of [1, 3, 39, 500])
      expect(ids(await admin.all("customers", { "filter[source][eq]": source, sort, limit })), `${sort} by ${limit}`).toEqual(ids(wanted));
  }
});

test.describe("a filter", () => {
  test("with each operator finds what it says @SYS-04", async ({ admin }) => {
    const source = uniqueWord();
    const parent = await admin.create("customers", { name: "上级" });
    const rows = await createAll(admin, "customers", [
      { name: "Alpha 100%", source, employees: 5, kind: "company", stage: "active", industry: "制造" },
      { name: "alpha_x", source, employees: 10, kind: "person", stage: "lost" },
      { name: "北京,上海", source, employees: 15, kind: "company", stage: "dormant", industry: "零售" },
      { name: "Beta\\n", source, kind: "company", industry: "制造", parentId: parent.id },
    ]);
    const name = (i: number): string => String(rows[i]?.["name"]);
    const expectations: [string, string, string[]][] = [
      ["name", "eq", [name(2)]],
      ["employees", "eq", ["10"]],
      ["stage", "eq", ["lost"]],
      ["parentId", "eq", [parent.id]],
    ];
    for (const [field, operator, [value]] of expectations) {
      const found = await admin.list("customers", { "filter[source][eq]": source, [`filter[${field}][${operator}]`]: value ?? "" });
      expect(found.data, `${field} ${operator}`).toHaveLength(1);
    }
    const count = async (query: Record<string, string>): Promise<string[]> =>
      (await admin.list("customers", { "filter[source][eq]": source, sort: "createTime,id", ...query })).data.map((row) => String(rows.findIndex((known) => known.id === row.id)));
    expect((await count({ "filter[employees][lt]": "10" })).sort()).toEqual(["0"]);
    expect((await count({ "filter[employees][lte]": "10" })).sort()).toEqual(["0", "1"]);
    expect((await count({ "filter[employees][gt]": "10" })).sort()).toEqual(["2"]);
    expect((await count({ "filter[employees][gte]": "10" })).sort()).toEqual(["1", "2"]);
    expect((await count({ "filter[employees][gte]": "5", "filter[employees][lt]": "15" })).sort()).toEqual(["0", "1"]);
    expect((await count({ "filter[employees][isNull]": "true" })).sort()).toEqual(["3"]);
    expect((await count({ "filter[employees][isNull]": "false" })).sort()).toEqual(["0", "1", "2"]);
    expect((await count({ "filter[stage][in]": "active,dormant" })).sort()).toEqual(["0", "2"]);
    expect((await count({ "filter[kind][ne]": "company" })).sort()).toEqual(["1"]);
    expect((await count({ "filter[industry][ne]": "制造" })).sort(), "ne includes what is not set").toEqual(["1", "2"]);
    expect((await count({ "filter[name][contains]": "ALPHA" })).sort(), "contains does not mind case").toEqual(["0", "1"]);
    expect((await count({ "filter[name][contains]": "%" })).sort(), "a percent sign is itself").toEqual(["0"]);
    expect((await count({ "filter[name][contains]": "_" })).sort(), "an underscore is itself").toEqual(["1"]);
    expect((await count({ "filter[name][contains]": "\\" })).sort(), "a backslash is itself").toEqual(["3"]);
    expect((await count({ "filter[name][eq]": "北京,上海" })).sort(), "a comma is one").toEqual(["2"]);
    expect((await count({ "filter[id][in]": ids(rows.slice(0, 2)).join(",") })).sort()).toEqual(["0", "1"]);
    expect((await count({ "filter[createTime][gte]": rows.map((row) => String(row["createTime"])).sort()[0] ?? "" })).sort()).toEqual(["0", "1", "2", "3"]);
    expect(await count({ "filter[createTime][lt]": "2020-01-01T00:00:00+08:00" })).toEqual([]);
    expect((await count({ "filter[ownerId][eq]": admin.id })).sort()).toEqual(["0", "1", "2", "3"]);
  });

  test("\"in\" takes an escaped comma as part of a value where plain ones divide, and as a divider where none is", async ({ admin }) => {
    const source = uniqueWord();
    await createAll(admin, "customers", [{ name: "甲,乙", source }, { name: "丙", source }, { name: "甲", source }]);
    const reply = await admin.get(`/api/v1/customers?filter[source][eq]=${source}&filter[name][in]=${encodeURIComponent("甲,乙")},${encodeURIComponent("丙")}`);
    expect(reply.json<{ data: Row[] }>().data.map((row) => row["name"]).sort()).toEqual(["丙", "甲,乙"]);
    const escaped = await admin.get(`/api/v1/customers?${new URLSearchParams({ "filter[source][eq]": source, "filter[name][in]": "丙,甲", sort: "-name,id", fields: "name,id" }).toString()}`);
    expect(escaped.json<{ data: Row[] }>().data.map((row) => row["name"])).toEqual(["甲", "丙"]);
  });

  test("is offered by /api/schema exactly where it works", async ({ admin }) => {
    const { resources, enums } = await definition(admin);
    const operators = ["eq", "ne", "in", "lt", "lte", "gt", "gte", "contains", "isNull"];
    const wrong: string[] = [];
    const check = async (collection: string, field: (typeof resources)[number]["fields"][number], operator: string): Promise<void> => {
      const samples: Record<string, string> = { boolean: "true", timestamp: "2026-01-01T00:00:00Z", integer: "1", long: "1", date: "2026-01-01", string: "01912d3c-5b7a-7c3e-8f00-0123456789ab" };
      const sample = field.enum === undefined ? samples[field.type] : enums[field.enum]?.values[0]?.name;
      const value = operator === "isNull" ? "true" : (sample ?? "x");
      const reply = await admin.get(`/api/v1/${collection}${search({ [`filter[${field.name}][${operator}]`]: value, limit: 1 })}`);
      const expected = field.filter?.includes(operator) === true ? reply.status === 200 : field.name === "id" || (reply.status === 400 && reply.json<{ code?: string }>().code === "invalid");
      if (!expected) wrong.push(`${collection} ${field.name} ${operator}: ${reply.toString()}`);
    };
    for (const { collection, fields } of resources)
      for (const field of fields) await Promise.all(operators.map((operator) => check(collection, field, operator)));
    expect(wrong).toEqual([]);
  });
});

test.describe("what a list does not know", () => {
  const cases: [string, string, string, string][] = [
    ["a parameter", "colour=red", "/colour", "unknown_parameter"],
    ["a parameter that stands twice", "limit=1&limit=2", "/limit", "repeated_parameter"],
    ["a field to filter by", "filter[shoeSize][eq]=1", "/filter[shoeSize][eq]", "not_filterable"],
    ["a field that is not for filtering", "filter[phones][eq]=1", "/filter[phones][eq]", "not_filterable"],
    ["an operator", "filter[name][like]=1", "/filter[name][like]", "bad_operator"],
    ["an operator of that field", "filter[employees][contains]=1", "/filter[employees][contains]", "bad_operator"],
    ["a value of that field", "filter[employees][eq]=many", "/filter[employees][eq]", "bad_value"],
    ["a choice", "filter[stage][in]=active,winning", "/filter[stage][in]", "bad_value"],
    ["a truth", "filter[employees][isNull]=maybe", "/filter[employees][isNull]", "bad_value"],
    ["a field to sort by", "sort=shoeSize", "/sort", "not_sortable"],
    ["a field that is not for sorting", "sort=-phones", "/sort", "not_sortable"],
    ["five fields to sort by", "sort=name,stage,industry,employees,createTime", "/sort", "too_many"],
    ["a field to show", "fields=name,shoeSize", "/fields", "unknown_field"],
    ["a limit", "limit=0", "/limit", "bad_limit"],
    ["a higher limit", "limit=501", "/limit", "bad_limit"],
    ["a limit in letters", "limit=ten", "/limit", "bad_limit"],
    ["a cursor", "cursor=nonsense", "/cursor", "bad_cursor"],
    ["a search for nothing", "q=%20-%20", "/q", "query_too_short"],
  ];
  for (const [what, query, pointer, code] of cases)
    test(`${what} is refused, with what is allowed`, async ({ admin }) => {
      const problem = expectProblem(await admin.get(`/api/v1/customers?${query}`), 400, "invalid", { [pointer]: code });
      const message = problem.errors?.[0]?.message ?? "";
      if (code === "not_filterable" || code === "not_sortable" || code === "unknown_field") expect(message).toContain("createTime");
      if (code === "unknown_parameter") expect(message).toContain("sort");
      if (code === "bad_operator") expect(message).toContain("isNull");
    });

  test("broken escapes are refused as such", async ({ admin }) => {
    for (const query of ["q=%ff%fe", "%ff=1"]) expectProblem(await admin.get(`/api/v1/customers?${query}`), 400, "bad_encoding");
    for (const query of ["q=%", "q=%zz", "q=%00"]) {
      const reply = await admin.get(`/api/v1/customers?${query}`);
      expect(reply.status, reply.toString()).toBe(400);
      expect(reply.header("content-type")).toBe("application/problem+json");
    }
  });

  test("33 conditions and 201 values are too many", async ({ admin }) => {
    const conditions = Array.from({ length: 33 }, (_, i) => `filter[employees][ne]=${i}`).join("&");
    expectProblem(await admin.get(`/api/v1/customers?${conditions}`), 400, "invalid", { "/filter": "too_many" });
    const values = Array.from({ length: 201 }, (_, i) => i).join(",");
    expectProblem(await admin.get(`/api/v1/customers?filter[employees][in]=${values}`), 400, "invalid");
  });
});

test.describe("a cursor", () => {
  async function twoPages(client: Client): Promise<{ query: Record<string, string | number>; cursor: string }> {
    const query = { "filter[source][eq]": uniqueWord(), sort: "-name", limit: 2 };
    await createAll(client, "customers", Array.from({ length: 5 }, (_, i) => ({ name: `客户 ${i}`, source: query["filter[source][eq]"] })));
    const { page } = await client.list("customers", query);
    return { query, cursor: page.next ?? "" };
  }

  test("does not tell what is in it and fits its own list only", async ({ admin }) => {
    const { query, cursor } = await twoPages(admin);
    expect(Buffer.from(cursor, "base64url").toString("latin1")).not.toContain("客户");
    expect((await admin.list("customers", { ...query, limit: 3, cursor })).data).toHaveLength(3);
    const bad = { "/cursor": "bad_cursor" };
    for (const other of [{ sort: "name" }, { sort: "-name,industry" }, { "filter[source][eq]": "other" }, { q: "客" }, { deleted: true }])
      expectProblem(await admin.get(`/api/v1/customers${search({ ...query, ...other, cursor })}`), 400, "invalid", bad);
    expectProblem(await admin.get(`/api/v1/contacts${search({ limit: 2, cursor })}`), 400, "invalid", bad);
  });

  test("of one person is nothing to another", async ({ admin }) => {
    const { query, cursor } = await twoPages(admin);
    const member = await newMember(admin, "另一人");
    expectProblem(await member.get(`/api/v1/customers${search({ ...query, cursor })}`), 400, "invalid", { "/cursor": "bad_cursor" });
  });

  test("that was changed anywhere is refused", async ({ admin }) => {
    const { query, cursor } = await twoPages(admin);
    const bytes = Buffer.from(cursor, "base64url");
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (bytes[at] ?? 0) ^ 1;
      expectProblem(await admin.get(`/api/v1/customers${search({ ...query, cursor: changed.toString("base64url") })}`), 400, "invalid", { "/cursor": "bad_cursor" });
    }
    for (const broken of [cursor.slice(0, -4), `${cursor}AAAA`, "x".repeat(5000)])
      expectProblem(await admin.get(`/api/v1/customers${search({ ...query, cursor: broken })}`), 400, "invalid", { "/cursor": "bad_cursor" });
  });
});

test("fields= gives those fields and no others", async ({ admin }) => {
  const source = uniqueWord();
  await admin.create("customers", { name: "甲", source, phones: [{ number: "13800138000" }] });
  const { data } = await admin.list("customers", { "filter[source][eq]": source, fields: "name,phones" });
  expect(data).toEqual([{ name: "甲", phones: [{ number: "+8613800138000" }] }]);
});

test("count= counts the matches, those on other pages too, up to a bound that is told", async ({ admin, system }) => {
  const source = uniqueWord();
  await createAll(admin, "customers", Array.from({ length: 7 }, (_, i) => ({ name: `客户 ${i}`, source })));
  const first = await admin.list("customers", { "filter[source][eq]": source, count: true, limit: 3 });
  expect(first.page).toMatchObject({ total: "7" });
  expect(first.page).not.toHaveProperty("totalIsBound");
  const second = await admin.list("customers", { "filter[source][eq]": source, count: true, limit: 3, cursor: first.page.next ?? "" });
  expect(second.page.total, "the same on every page").toBe("7");
  expect((await admin.list("customers", { "filter[source][eq]": source, limit: 3 })).page).not.toHaveProperty("total");
  const many = uniqueWord();
  await system.sql(`insert into customer.customer (id, version, create_time, update_time, owner_id, name, kind, source)
    select gen_random_uuid(), 1, now(), now(), '${admin.id}', 'x', 1, '${many}' from generate_series(1, 10050)`);
  const bounded = await admin.list("customers", { "filter[source][eq]": many, count: true, limit: 1 });
  expect(bounded.page).toMatchObject({ total: "10000", totalIsBound: true });
  await system.sql(`delete from customer.customer where source = '${many}'`);
});

test.describe("search", () => {
  test("finds a name by one and two characters, words, pinyin, initials, and a number by its end @NRM-02", async ({ admin }) => {
    const source = uniqueWord();
    const word = uniqueWord().slice(0, 12);
    const code = newCreditCode();
    const row = await admin.create("customers", {
      name: `长沙曾氏仇记 ${word} Trading`,
      source,
      creditCode: code,
      phones: [{ number: "0731-8223 4567" }],
      emails: [{ address: `${word}.sales@example.com` }],
    });
    await admin.create("customers", { name: "别的公司", source });
    const finds = ["长", "沙", "长沙", "曾氏", "仇记", "csz", "changsha", "chang", "zengshi", "qiuji", word, word.slice(0, 5).toUpperCase(), "trad", "4567", "82234567", `${word}.sales`, `${word}.sales@example.com`, code, `长沙 ${word}`];
    const lost: string[] = [];
    for (const q of finds) {
      const { data } = await admin.list("customers", { q, "filter[source][eq]": source });
      if (data.length !== 1 || data[0]?.id !== row.id) lost.push(q);
    }
    expect(lost, "not found").toEqual([]);
    for (const q of ["短", "沙长", "nonesuch", `长沙 nonesuch`, "9999"]) expect((await admin.list("customers", { q, "filter[source][eq]": source })).data, q).toEqual([]);
  });

  test("follows a change of name at once", async ({ admin }) => {
    const [before, after] = [uniqueWord(), uniqueWord()];
    const { id } = await admin.create("customers", { name: before });
    await admin.update("customers", id, { name: after });
    expect((await admin.list("customers", { q: before })).data).toEqual([]);
    expect(ids((await admin.list("customers", { q: after })).data)).toEqual([id]);
  });

  test("pages through what it found, and finds what is old among what is new", async ({ admin, system }) => {
    const [common, source] = [uniqueWord(), uniqueWord()];
    const rows = await createAll(admin, "customers", Array.from({ length: 25 }, (_, i) => ({ name: `${common} ${i}` })));
    await system.sql(`insert into customer.customer (id, version, create_time, update_time, owner_id, name, kind, source)
      select gen_random_uuid(), 1, now(), now(), '${admin.id}', 'x', 1, '${source}' from generate_series(1, 10500)`);
    expect(ids(await admin.all("customers", { q: common, limit: 4 })).sort()).toEqual(ids(rows).sort());
    expect((await admin.list("customers", { q: common, count: true, limit: 4 })).page.total).toBe("25");
    await system.sql(`delete from customer.customer where source = '${source}'`);
  });

  test("finds contacts, activities, users and teams in the same way @NRM-02", async ({ admin }) => {
    const word = uniqueWord();
    const customer = await admin.create("customers", { name: "甲" });
    const made = {
      contacts: await admin.create("contacts", { name: `单 ${word}`, customerId: customer.id }),
      activities: await admin.create("activities", { subject: "拜访", body: `说了 ${word}`, customerId: customer.id }),
      users: await admin.create("users", { name: `解 ${word}`, email: `${word}@example.com` }),
      teams: await admin.create("teams", { name: `华南 ${word}` }),
    };
    for (const [collection, row] of Object.entries(made)) expect(ids((await admin.list(collection, { q: word.slice(0, 20) })).data), collection).toEqual([row.id]);
  });
});
