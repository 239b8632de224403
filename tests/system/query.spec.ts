import { type Client, type Json, type Row, expectOk, expectProblem, newKey, search, uniqueWord } from "./lib/client";
import { newCreditCode } from "./lib/credit-code";
import { expect, test } from "./lib/fixtures";
import { eventually } from "./harness/system";
import { newMember } from "./lib/people";

// What a resource can be asked beyond its list: filters as trees, groups and measures, many writes at once, the past, what it
// refers to, and a search over everything. What is right is computed here, from the rows that were created.

interface Groups {
  data: { group: Record<string, Json>; measures: Record<string, string | null> }[];
  page: { more: boolean };
}
interface Outcome {
  status: number;
  id?: string;
  version?: string;
  replayed?: boolean;
  problem?: { code: string; errors?: { pointer: string; code: string; arguments?: string[] }[] };
}
interface Found {
  data: { type: string; match: string; record: Row }[];
  missing: string[];
  corrected?: string;
}
type Expanded<T> = T & { expanded: Record<string, Record<string, Row>> };

const tree = (client: Client, body: Json) => client.post("/api/v1/customers:search", body);
const aggregate = async (client: Client, query: Record<string, string | number>): Promise<Groups> =>
  expectOk(await client.get(`/api/v1/customers:aggregate${search(query)}`), 200).json<Groups>();
const batch = async (client: Client, operations: Json[], headers = {}): Promise<Outcome[]> =>
  expectOk(await client.post("/api/v1/customers:batch", { operations }, headers), 200).json<{ results: Outcome[] }>().results;
const find = async (client: Client, query: Record<string, string | number>): Promise<Found> =>
  expectOk(await client.get(`/api/v1/search${search(query)}`), 200).json<Found>();

test.describe("a filter's tree", () => {
  const records = (source: string): Record<string, Json>[] => [
    { name: "Alpha 100%", source, employees: 5, kind: "company", stage: "active", industry: "制造" },
    { name: "alpha_x", source, employees: 10, kind: "person", stage: "lost" },
    { name: "北京上海", source, employees: 15, kind: "company", stage: "dormant", industry: "零售" },
    { name: "Beta", source, kind: "company", stage: "active", industry: "制造" },
  ];

  test("finds with each operator, and with and, or, not in any arrangement, what it says @SYS-04", async ({ admin }) => {
    const source = uniqueWord();
    const rows = await Promise.all(records(source).map((record) => admin.create("customers", record)));
    const found = async (filter: Json): Promise<number[]> => {
      const reply = expectOk(await tree(admin, { filter: { and: [{ field: "source", op: "eq", value: source }, filter] }, sort: ["id"] }), 200);
      return reply.json<{ data: Row[] }>().data.map((row) => rows.findIndex(({ id }) => id === row.id)).sort();
    };
    const is = (field: string, op: string, value: Json): Json => ({ field, op, value });
    const expectations: [Json, number[]][] = [
      [is("stage", "eq", "active"), [0, 3]],
      [is("stage", "ne", "active"), [1, 2]],
      [is("employees", "ne", 5), [1, 2, 3]],
      [is("stage", "in", ["lost", "dormant"]), [1, 2]],
      [is("employees", "lt", 10), [0]],
      [is("employees", "lte", "10"), [0, 1]],
      [is("employees", "gt", 10), [2]],
      [is("employees", "gte", 10), [1, 2]],
      [is("name", "contains", "100%"), [0]],
      [is("name", "contains", "ALPHA"), [0, 1]],
      [is("industry", "isNull", true), [1]],
      [is("industry", "isNull", false), [0, 2, 3]],
      [is("ownerId", "eq", admin.id), [0, 1, 2, 3]],
      [is("createTime", "gt", "2020-01-01T00:00:00Z"), [0, 1, 2, 3]],
      [{ not: is("employees", "lt", 10) }, [1, 2, 3]], // what is null is not less than ten
      [{ not: { not: is("employees", "lt", 10) } }, [0]],
      [{ or: [is("stage", "eq", "lost"), is("industry", "eq", "零售")] }, [1, 2]],
      [{ and: [is("kind", "eq", "company"), { or: [is("employees", "gt", 10), is("employees", "isNull", true)] }] }, [2, 3]],
      [{ not: { or: [is("kind", "eq", "person"), { and: [is("industry", "eq", "制造"), { not: is("employees", "isNull", true) }] }] } }, [2, 3]],
    ];
    for (const [filter, wanted] of expectations) expect(await found(filter), JSON.stringify(filter)).toEqual(wanted);
  });

  test("is the same list as the query string says, page by page @SYS-04", async ({ admin }) => {
    const source = uniqueWord();
    await Promise.all(Array.from({ length: 12 }, (_, i) => admin.create("customers", { name: `树 ${i}`, source, employees: i })));
    const listed = await admin.all("customers", { "filter[source][eq]": source, "filter[employees][gte]": 3, sort: "-employees", limit: 4 });
    const searched: Row[] = [];
    for (let cursor: string | undefined; ; ) {
      const filter = { and: [{ field: "source", op: "eq", value: source }, { field: "employees", op: "gte", value: 3 }] };
      const reply = expectOk(await tree(admin, { filter, sort: ["-employees"], limit: 4, count: true, ...(cursor === undefined ? {} : { cursor }) }), 200);
      const page = reply.json<{ data: Row[]; page: { next?: string; total: string } }>();
      expect(page.page.total).toBe("9");
      searched.push(...page.data);
      if (page.page.next === undefined) break;
      cursor = page.page.next;
    }
    expect(searched).toEqual(listed);
  });

  test("that is none is refused, with the place and what is allowed @SYS-04", async ({ admin }) => {
    const deep = (levels: number): Json => (levels === 0 ? { field: "name", op: "eq", value: "x" } : { not: deep(levels - 1) });
    const leaf = { field: "name", op: "eq", value: "x" };
    const bad: [Json, Record<string, string>][] = [
      [{ filter: [] }, { "/filter": "bad_type" }],
      [{ filter: {} }, { "/filter": "bad_filter" }],
      [{ filter: { and: [] } }, { "/filter": "bad_filter" }],
      [{ filter: { and: [leaf], or: [leaf] } }, { "/filter": "bad_filter" }],
      [{ filter: { and: [leaf, { field: "name", op: "eq" }] } }, { "/filter/and/1": "bad_filter" }],
      [{ filter: { xor: [leaf] } }, { "/filter": "bad_filter" }],
      [{ filter: { or: [{ field: "website", op: "eq", value: "x" }] } }, { "/filter/or/0": "not_filterable" }],
      [{ filter: { not: { field: "stage", op: "contains", value: "x" } } }, { "/filter/not": "bad_operator" }],
      [{ filter: { field: "stage", op: "eq", value: "none" } }, { "/filter": "bad_value" }],
      [{ filter: { field: "name", op: "eq", value: 5 } }, { "/filter/value": "bad_type" }],
      [{ filter: { field: "employees", op: "eq", value: true } }, { "/filter/value": "bad_type" }],
      [{ filter: { field: "stage", op: "in", value: "active" } }, { "/filter/value": "bad_type" }],
      [{ filter: { field: "stage", op: "in", value: ["active", null] } }, { "/filter/value/1": "bad_type" }],
      [{ filter: { field: "industry", op: "isNull", value: "yes" } }, { "/filter/value": "bad_type" }],
      [{ filter: deep(9) }, { "/filter/not/not/not/not/not/not/not/not/not": "filter_too_deep" }],
      [{ filter: { or: Array.from({ length: 33 }, () => leaf) } }, { "/filter": "too_many" }],
      [{ filter: { or: Array.from({ length: 70 }, () => leaf) } }, { "/filter": "too_many" }],
      [{ sort: "name" }, { "/sort": "bad_type" }],
      [{ sort: ["wechat"] }, { "/sort": "not_sortable" }],
      [{ limit: 501 }, { "/limit": "bad_limit" }],
      [{ limit: 0 }, { "/limit": "bad_limit" }],
      [{ expand: ["name"] }, { "/expand/0": "not_expandable" }],
      [{ fields: ["secret"] }, { "/fields/0": "unknown_field" }],
      [{ wher: {} }, { "/wher": "unknown_parameter" }],
    ];
    for (const [body, errors] of bad) expectProblem(await tree(admin, body), 400, "invalid", errors);
    expectOk(await tree(admin, { filter: deep(8), limit: 1 }), 200);
    expectProblem(await admin.send("POST", "/api/v1/customers:search", '{"filter": {', { "content-type": "application/json" }), 400, "json_syntax");
    expectProblem(await admin.send("POST", "/api/v1/customers:search", "{}", { "content-type": "text/plain" }), 415, "unsupported_media_type");
  });
});

test.describe("an aggregate", () => {
  test("groups and measures what the list shows @SYS-04", async ({ admin }) => {
    const source = uniqueWord();
    const rows: Row[] = [];
    for (let i = 0; i < 12; i++)
      rows.push(await admin.create("customers", { name: `组 ${i}`, source, stage: ["active", "lost", "prospect"][i % 3] ?? "", ...(i % 4 === 0 ? {} : { employees: i }) }));
    const byStage = await aggregate(admin, { group: "stage", measure: "count,sum(employees),min(employees),max(employees),avg(employees)", "filter[source][eq]": source });
    expect(byStage.page.more).toBe(false);
    for (const { group, measures } of byStage.data) {
      const known = rows.filter((row) => row["stage"] === group["stage"]);
      const numbers = known.filter((row) => row["employees"] !== undefined).map((row) => Number(row["employees"]));
      const sum = numbers.reduce((a, b) => a + b, 0);
      expect(measures["count"]).toBe(String(known.length));
      expect(measures["sum(employees)"]).toBe(String(sum));
      expect(measures["min(employees)"]).toBe(String(Math.min(...numbers)));
      expect(measures["max(employees)"]).toBe(String(Math.max(...numbers)));
      expect(Number(measures["avg(employees)"])).toBeCloseTo(sum / numbers.length, 3);
    }
    expect(byStage.data.map(({ group }) => group["stage"]).sort()).toEqual(["active", "lost", "prospect"]);
    expect((await aggregate(admin, { "filter[source][eq]": source })).data).toEqual([{ group: {}, measures: { count: "12" } }]);
    expect((await aggregate(admin, { group: "ownerId", "filter[source][eq]": source })).data).toEqual([{ group: { ownerId: admin.id }, measures: { count: "12" } }]);
    const cut = await aggregate(admin, { group: "stage", limit: 2, "filter[source][eq]": source });
    expect([cut.data.length, cut.page.more]).toEqual([2, true]);
    const filter = { and: [{ field: "source", op: "eq", value: source }, { not: { field: "stage", op: "eq", value: "lost" } }] };
    const reply = expectOk(await admin.post("/api/v1/customers:aggregate", { filter, group: ["stage"], measure: ["count"] }), 200).json<Groups>();
    expect(reply.data).toEqual([
      { group: { stage: "prospect" }, measures: { count: "4" } },
      { group: { stage: "active" }, measures: { count: "4" } },
    ].sort((a, b) => ["prospect", "active"].indexOf(a.group.stage) - ["prospect", "active"].indexOf(b.group.stage)));
  });

  test("counts a record in each group of its lists, once in each, and without any under null @SYS-04 @CUS-04", async ({ admin }) => {
    const source = uniqueWord();
    const [vip, key] = [await admin.create("categories", { name: uniqueWord() }), await admin.create("categories", { name: uniqueWord() })];
    const rows = [
      { handCategoryIds: [vip.id, key.id], tags: ["红", "甜"], roles: ["supplier", "supplier"], employees: 10, stage: "active" },
      { handCategoryIds: [vip.id], tags: ["红"], roles: ["supplier", "carrier"], employees: 20, stage: "active" },
      { handCategoryIds: [vip.id], tags: ["红"], employees: 60, stage: "lost" },
      { employees: 3, stage: "lost" },
      { stage: "lost" },
    ];
    for (const row of rows) await admin.create("customers", { name: "多组", source, ...row });
    const asked = { "filter[source][eq]": source };
    const keysAndCounts = async (group: string) => (await aggregate(admin, { ...asked, group })).data.map(({ group: keys, measures }) => [...Object.values(keys), measures["count"]]);
    expect(await keysAndCounts("tags")).toEqual([["红", "3"], [null, "2"], ["甜", "1"]]);
    expect(await keysAndCounts("roles"), "one twice in a list is one record").toEqual([[null, "3"], ["supplier", "2"], ["carrier", "1"]]);
    expect(await keysAndCounts("stage,tags")).toEqual([["active", "红", "2"], ["lost", null, "2"], ["active", "甜", "1"], ["lost", "红", "1"]]);
    expect(await keysAndCounts("categoryIds,tags")).toEqual(
      [[vip.id, "红", "3"], [null, null, "2"], [vip.id, "甜", "1"], [key.id, "甜", "1"], [key.id, "红", "1"]].sort((a, b) => Number(b[2]) - Number(a[2]) || (a[0] ?? "").localeCompare(b[0] ?? "") || ["甜", "红"].indexOf(a[1] ?? "") - ["甜", "红"].indexOf(b[1] ?? "")),
    );
    const measured = await aggregate(admin, { ...asked, group: "categoryIds", measure: "count,sum(employees),avg(employees),min(employees),max(employees)" });
    expect(Object.fromEntries(measured.data.map(({ group, measures }) => [group["categoryIds"], Object.values(measures)]))).toEqual({
      [vip.id]: ["3", "90", "30", "10", "60"],
      [key.id]: ["1", "10", "10", "10", "10"],
      null: ["2", "3", "3", "3", "3"],
    });
    // The group and the list that shows it alone are of the same size.
    for (const { group, measures } of (await aggregate(admin, { ...asked, group: "tags" })).data) {
      const narrowed: Record<string, string> = group["tags"] == null ? { "filter[tags][isNull]": "true" } : { "filter[tags][any]": String(group["tags"]) };
      expect((await admin.list("customers", { ...asked, ...narrowed })).data).toHaveLength(Number(measures["count"]));
    }
    expect((await aggregate(admin, { ...asked, group: "tags", "filter[tags][any]": "甜" })).data.map(({ group }) => group["tags"])).toEqual(["甜", "红"].sort());
    for (const group of ["phones", "missing", "handCategoryIds"]) expectProblem(await admin.get(`/api/v1/customers:aggregate?group=${group}`), 400, "invalid", { "/group": "not_groupable" });
  });

  test("cuts times where the day begins in the zone that is asked for @SYS-04", async ({ admin }) => {
    const customer = await admin.create("customers", { name: "时区" });
    for (const occurTime of ["2026-01-31T15:59:59Z", "2026-01-31T16:00:00Z", "2026-02-01T00:00:00Z"]) await admin.create("activities", { subject: "时区", customerId: customer.id, occurTime });
    const months = async (timeZone: string): Promise<[Json, string | null][]> => {
      const reply = await admin.get(`/api/v1/activities:aggregate${search({ group: "occurTime:month", timeZone, "filter[customerId][eq]": customer.id })}`);
      return expectOk(reply, 200).json<Groups>().data.map(({ group, measures }) => [group["occurTime"] ?? null, measures["count"] ?? null]);
    };
    expect(await months("UTC")).toEqual([["2026-01-01", "2"], ["2026-02-01", "1"]]);
    expect(await months("Asia/Shanghai")).toEqual([["2026-01-01", "1"], ["2026-02-01", "2"]]);
    expect(await months("America/New_York")).toEqual([["2026-01-01", "3"]]);
    const newest = expectOk(await admin.get(`/api/v1/activities:aggregate${search({ group: "occurTime:day", newest: "true", limit: 1, "filter[customerId][eq]": customer.id })}`), 200).json<Groups>();
    expect(newest).toEqual({ data: [{ group: { occurTime: "2026-02-01" }, measures: { count: "1" } }], page: { more: true } });
  });

  test("refuses what cannot be grouped or measured, with what can @SYS-04", async ({ admin }) => {
    const bad: [string, Record<string, string>][] = [
      ["group=name", { "/group": "not_groupable" }],
      ["group=employees", { "/group": "not_groupable" }],
      ["group=createTime", { "/group": "bad_bucket" }],
      ["group=createTime:hour", { "/group": "bad_bucket" }],
      ["group=stage:day", { "/group": "not_groupable" }],
      ["group=stage,kind,industry,source", { "/group": "too_many" }],
      ["measure=sum(name)", { "/measure": "bad_measure" }],
      ["measure=sum(createTime)", { "/measure": "bad_measure" }],
      ["measure=count(", { "/measure": "bad_measure" }],
      ["measure=median(employees)", { "/measure": "bad_measure" }],
      ["group=stage&limit=1001", { "/limit": "bad_limit" }],
      ["group=createTime:day&timeZone=x1", { "/timeZone": "bad_time_zone" }],
      ["group=createTime:day&timeZone=Mars/Olympus", { "/timeZone": "bad_time_zone" }],
      ["sort=name", { "/sort": "unknown_parameter" }],
    ];
    for (const [query, errors] of bad) expectProblem(await admin.get(`/api/v1/customers:aggregate?${query}`), 400, "invalid", errors);
  });
});

test.describe("a batch", () => {
  test("gives each operation its own outcome, in the order in which they stand @SYS-04", async ({ admin }) => {
    const code = newCreditCode();
    const old = await admin.create("customers", { name: "旧", creditCode: code });
    const results = await batch(admin, [
      { create: { name: "甲" } },
      { create: { name: "乙", creditCode: code } },
      { delete: { id: old.id } },
      { create: { name: "丙", creditCode: code } },
      { restore: { id: old.id } },
      { create: { nam: "x" } },
      { create: { name: "" } },
      { update: { id: old.id, patch: { name: "新" } } },
      { update: { id: "00000000-0000-7000-8000-000000000000", patch: { name: "新" } } },
      { frobnicate: {} },
      { update: { patch: { name: "x" } } },
    ]);
    expect(results.map(({ status }) => status)).toEqual([201, 409, 204, 201, 409, 400, 400, 404, 404, 400, 400]);
    expect(results[5]?.problem?.errors?.[0]).toMatchObject({ pointer: "/nam", code: "unknown_field" });
    expect(results[6]?.problem?.errors?.[0]).toMatchObject({ pointer: "/name", code: "required" });
    expect((await admin.read("customers", results[3]?.id ?? "")).version).toBe("1");
    const [updated, stale] = await batch(admin, [
      { update: { id: results[0]?.id ?? "", version: "1", patch: { name: "甲一" } } },
      { update: { id: results[0]?.id ?? "", version: "1", patch: { name: "甲二" } } },
    ]);
    expect([updated?.status, updated?.version, stale?.status, stale?.problem?.code]).toEqual([200, "2", 412, "stale_version"]);
  });

  test("of 1,000 with one key has its effect once; another body with the key is refused @SYS-04", async ({ admin }) => {
    const source = uniqueWord();
    const operations = Array.from({ length: 1000 }, (_, i) => ({ create: { name: `批 ${i}`, source } }));
    const key = { "idempotency-key": newKey() };
    const first = await batch(admin, operations, key);
    expect(first.filter(({ status }) => status === 201)).toHaveLength(1000);
    const second = await batch(admin, operations, key);
    expect(second.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
    expect(second.every(({ replayed }) => replayed === true)).toBe(true);
    expectProblem(await admin.post("/api/v1/customers:batch", { operations: [...operations.slice(1), { create: { name: "更多", source } }] }, key), 422, "idempotency_key_reused");
    expect((await admin.list("customers", { "filter[source][eq]": source, count: true, limit: 1 })).page.total).toBe("1000");
    expectProblem(await admin.post("/api/v1/customers:batch", { operations: [...operations, ...operations.slice(0, 1)] }), 400, "invalid", { "/operations": "too_many" });
    expectProblem(await admin.post("/api/v1/customers:batch", { operations: [] }), 400, "invalid", { "/operations": "required" });
  });
});

test.describe("the past", () => {
  test("is told by version and by time, under the rights of now @SYS-04", async ({ admin }) => {
    const member = await newMember(admin, "组员");
    const created = await admin.create("customers", { name: "一", stage: "prospect" });
    await admin.update("customers", created.id, { name: "二", employees: 7 });
    const third = await admin.update("customers", created.id, { employees: null });
    const path = `/api/v1/customers/${created.id}`;
    const past = async (query: string): Promise<Row> => expectOk(await admin.get(`${path}?${query}`), 200).json();
    expect(await past("version=1")).toEqual(created);
    expect(await past("version=2")).toMatchObject({ name: "二", employees: "7", version: "2" });
    expect(await past("version=3")).toEqual(third);
    expect(await past(`asOf=${encodeURIComponent(String(created["createTime"]))}`)).toEqual(created);
    expect(await past("asOf=2999-01-01T00:00:00Z")).toEqual(third);
    expect((await admin.get(`${path}?version=2`)).header("etag")).toBe('"2"');
    expectProblem(await admin.get(`${path}?version=4`), 404, "not_found");
    expectProblem(await admin.get(`${path}?asOf=2001-01-01T00:00:00Z`), 404, "not_found");
    expectProblem(await admin.get(`${path}?asOf=yesterday`), 400, "invalid", { "/asOf": "bad_time" });
    expectProblem(await admin.get(`${path}?asOf=2999-01-01T00:00:00Z&version=1`), 400, "invalid", { "/asOf": "one_moment" });
    expectProblem(await member.get(`${path}?version=1`), 404, "not_found");
    await admin.update("customers", created.id, { ownerId: member.id });
    expect((await member.get(`${path}?version=1`)).status).toBe(200);
    await admin.remove("customers", created.id);
    expectProblem(await admin.get(`${path}?asOf=2999-01-01T00:00:00Z`), 404, "not_found");
    expect(await past("version=1")).toEqual(created);
  });
});

test.describe("an expansion", () => {
  test("brings what a record refers to, of every service, each once, and nothing that may not be seen @SYS-04", async ({ admin }) => {
    const member = await newMember(admin, "组员");
    const hidden = await admin.create("customers", { name: "看不见的上级" });
    const source = uniqueWord();
    const made = await Promise.all([1, 2, 3].map((i) => admin.create("customers", { name: `下级 ${i}`, source, parentId: hidden.id, ownerId: member.id })));
    const query = { "filter[source][eq]": source, expand: "ownerId,parentId" };
    const all = expectOk(await admin.get(`/api/v1/customers${search(query)}`), 200).json<Expanded<{ data: Row[] }>>();
    expect(all.data).toHaveLength(3);
    expect(Object.keys(all.expanded["users"] ?? {})).toEqual([member.id]);
    expect(all.expanded["customers"]?.[hidden.id]).toEqual(hidden);
    const theirs = expectOk(await member.get(`/api/v1/customers${search(query)}`), 200).json<Expanded<{ data: Row[] }>>();
    expect(theirs.data).toHaveLength(3);
    expect(theirs.expanded["users"]?.[member.id]?.["name"]).toBe(member.user?.["name"]);
    expect(theirs.expanded["customers"]).toEqual({});
    const one = expectOk(await admin.get(`/api/v1/customers/${made[0]?.id ?? ""}?expand=parentId`), 200);
    expect(one.json<Expanded<Row>>()).toMatchObject({ id: made[0]?.id, expanded: { customers: { [hidden.id]: { name: "看不见的上级" } } } });
    expect(one.header("etag")).toBe('"1"');
    await admin.remove("customers", hidden.id);
    expect((await admin.get(`/api/v1/customers/${made[0]?.id ?? ""}?expand=parentId`)).json<Expanded<Row>>().expanded).toEqual({ customers: {} });
    expectProblem(await admin.get("/api/v1/customers?expand=name"), 400, "invalid", { "/expand": "not_expandable" });
  });
});

test.describe("restoring", () => {
  test("a record whose unique value was taken since is refused, with the field and, where it may be seen, the record that has it @CUS-01", async ({ admin }) => {
    const member = await newMember(admin, "组员");
    const code = newCreditCode();
    const gone = await admin.create("customers", { name: "先", creditCode: code, ownerId: member.id });
    await admin.remove("customers", gone.id);
    const rival = await admin.create("customers", { name: "后", creditCode: code });
    const seen = expectProblem(await admin.post(`/api/v1/customers/${gone.id}:restore`), 409, "duplicate", { "/creditCode": "duplicate" });
    expect(JSON.stringify(seen.errors)).toContain(rival.id);
    const unseen = expectProblem(await member.post(`/api/v1/customers/${gone.id}:restore`), 409, "duplicate", { "/creditCode": "duplicate" });
    expect(JSON.stringify(unseen)).not.toContain(rival.id);
    await admin.remove("customers", rival.id);
    expectOk(await member.post(`/api/v1/customers/${gone.id}:restore`), 200);
  });
});

test("names are ordered by pinyin, page by page in both directions @CUS-01", async ({ admin }) => {
  const source = uniqueWord();
  const ordered = ["阿里", "北京", "重庆", "大连", "海口", "上海", "王五", "张三", "中山", "Acme", "Zebra"];
  await Promise.all(ordered.map((name) => admin.create("customers", { name, source })));
  const names = async (sort: string): Promise<Json[]> => (await admin.all("customers", { "filter[source][eq]": source, sort, limit: 3 })).map((row) => row["name"] ?? null);
  expect(await names("name")).toEqual(ordered);
  expect(await names("-name")).toEqual([...ordered].reverse());
  const from = await admin.list("customers", { "filter[source][eq]": source, "filter[name][gte]": "上海", sort: "name" });
  expect(from.data.map((row) => row["name"]), "conditions compare in the same order").toEqual(ordered.slice(5));
});

test.describe("a search over everything", () => {
  test("finds records of every kind, what is meant exactly first, and only what may be seen @NRM-02", async ({ admin }) => {
    const member = await newMember(admin, "组员");
    const word = uniqueWord();
    const longer = await admin.create("customers", { name: `${word} Trading`, ownerId: member.id });
    const inside = await admin.create("customers", { name: `老牌 ${word}` });
    const exact = await admin.create("customers", { name: word });
    const contact = await admin.create("contacts", { name: `王 ${word}`, customerId: longer.id });
    const activity = await admin.create("activities", { subject: `回访 ${word}`, customerId: longer.id });
    const all = await find(admin, { q: word });
    expect(all.missing).toEqual([]);
    expect(all.data.slice(0, 2).map(({ record, match }) => [record.id, match])).toEqual([[exact.id, "exact"], [longer.id, "prefix"]]);
    expect(all.data.slice(2).map(({ record }) => record.id).sort()).toEqual([inside.id, contact.id, activity.id].sort());
    expect(new Set(all.data.map(({ type }) => type))).toEqual(new Set(["customers", "contacts", "activities"]));
    const theirs = await find(member, { q: word });
    expect(theirs.data.map(({ record }) => record.id).sort()).toEqual([longer.id, contact.id, activity.id].sort());
    expect((await find(admin, { q: word, types: "contacts" })).data.map(({ record }) => record.id)).toEqual([contact.id]);
    expect((await find(admin, { q: word, types: "customers", limit: 1 })).data.map(({ record }) => record.id)).toEqual([exact.id]);
    expect((await find(admin, { q: String(member.user?.["email"] ?? "") })).data[0]).toMatchObject({ type: "users", record: { id: member.id } });
  });

  test("finds by pinyin and initials @NRM-02", async ({ admin }) => {
    const mark = uniqueWord();
    const { id } = await admin.create("customers", { name: `解氏仪器 ${mark}` });
    for (const q of ["xsyq", "jieshi", "解氏"]) expect((await find(admin, { q: `${q} ${mark}` })).data.map(({ record }) => record.id), q).toEqual([id]);
  });

  test("finds the Latin word that was meant, says so, and gives away nothing that may not be seen @NRM-02", async ({ admin }) => {
    const member = await newMember(admin, "组员");
    const word = uniqueWord().slice(0, 12);
    const { id } = await admin.create("customers", { name: `${word} Gesellschaft` });
    const swapped = `${word.slice(0, 4)}${word[5] ?? ""}${word[4] ?? ""}${word.slice(6)}`;
    for (const typed of [swapped === word ? `${word}q` : swapped, `${word}x`, word.slice(0, 6) + word.slice(7)]) {
      const found = await eventually(`${typed} finds ${word}`, async () => {
        const reply = await find(admin, { q: typed });
        return reply.data.length > 0 ? reply : undefined;
      });
      expect(found.data.map(({ record }) => record.id)).toEqual([id]);
      if (found.corrected !== undefined) expect(found.corrected).toBe(word);
    }
    expect(await find(member, { q: `${word}x` })).toEqual({ data: [], missing: [] });
  });

  test("refuses what cannot be searched @NRM-02", async ({ admin }) => {
    expectProblem(await admin.get("/api/v1/search"), 400, "invalid", { "/q": "query_too_short" });
    expectProblem(await admin.get("/api/v1/search?q=%20."), 400, "invalid", { "/q": "query_too_short" });
    expectProblem(await admin.get("/api/v1/search?q=x&types=sessions"), 400, "invalid", { "/types": "unknown_search_type" });
    expectProblem(await admin.get("/api/v1/search?q=x&limit=51"), 400, "invalid", { "/limit": "bad_limit" });
    expectProblem(await admin.get("/api/v1/search?q=x&page=2"), 400, "invalid", { "/page": "unknown_parameter" });
    expectProblem(await admin.get(`/api/v1/search?q=${"x".repeat(600)}`), 400, "invalid", { "/q": "too_long" });
  });
});
