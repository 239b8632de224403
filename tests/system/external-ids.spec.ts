import { type Client, type Json, type Reply, type Row, expectOk, expectProblem, uniqueWord } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { newMember } from "./lib/people";

// Records by the key that another system knows them by.

const address = (key: string, system = "erp", collection = "customers"): string => `/api/v1/${collection}/external/${system}/${encodeURIComponent(key)}`;
const put = (client: Client, path: string, body: Json, headers: Record<string, string> = {}): Promise<Reply> => client.send("PUT", path, JSON.stringify(body), { "content-type": "application/json", ...headers });

test.describe("PUT by external id", () => {
  test("makes the record at first and changes it afterwards, and leaves alone what it does not name @SYS-04", async ({ admin }) => {
    const path = address(`张三/4711:${uniqueWord()}`);
    const made = expectOk(await put(admin, path, { name: "张三有限公司", employees: "12" }), 201);
    const record = made.json();
    expect(made.header("location")).toBe(`/api/v1/customers/${record.id}`);
    expect(made.header("etag")).toBe('"1"');
    const changed = expectOk(await put(admin, path, { name: "李四有限公司" }), 200);
    expect(changed.json()).toMatchObject({ id: record.id, version: "2", name: "李四有限公司", employees: "12" });
    expect(expectOk(await admin.get(path), 200).json()).toEqual(changed.json());
    expect((await admin.history("customers", record.id, 2)).map((change) => change.fields).slice(0, 1)).toEqual([["name"]]);
    // Sent again it changes nothing.
    expect(expectOk(await put(admin, path, { name: "李四有限公司" }), 200).header("etag")).toBe('"2"');
  });

  test("makes one record of sixteen that come at once @SYS-04", async ({ admin }) => {
    const path = address(uniqueWord());
    const name = uniqueWord();
    const replies = await Promise.all(Array.from({ length: 16 }, () => put(admin, path, { name })));
    expect(replies.map((reply) => reply.status).sort()).toEqual([...Array.from({ length: 15 }, () => 200), 201]);
    expect(new Set(replies.map((reply) => reply.json().id)).size).toBe(1);
    expect((await admin.list("customers", { q: name })).data).toHaveLength(1);
  });

  test("honours If-Match and If-None-Match @SYS-04", async ({ admin }) => {
    const path = address(uniqueWord());
    expectProblem(await put(admin, path, { name: "甲" }, { "if-match": "*" }), 412, "external_absent");
    expectProblem(await put(admin, path, { name: "甲" }, { "if-match": '"1"' }), 412, "external_absent");
    expectOk(await put(admin, path, { name: "甲" }, { "if-none-match": "*" }), 201);
    expectProblem(await put(admin, path, { name: "乙" }, { "if-none-match": "*" }), 412, "stale_version");
    expectProblem(await put(admin, path, { name: "乙" }, { "if-match": '"7"' }), 412, "stale_version");
    expectOk(await put(admin, path, { name: "乙" }, { "if-match": '"1"' }), 200);
    expectProblem(await put(admin, path, { name: "丙" }, { "if-none-match": '"2"' }), 400, "bad_if_none_match");
    expect((await admin.get(path)).json()).toMatchObject({ name: "乙", version: "2" });
  });

  test("refuses what a creation refuses, and keeps the key free then @SYS-04", async ({ admin }) => {
    const path = address(uniqueWord());
    expectProblem(await put(admin, path, { employees: "1" }), 400, "invalid", { "/name": "required" });
    expectProblem(await put(admin, path, { name: "甲", nome: "x" }), 400, "invalid", { "/nome": "unknown_field" });
    expectProblem(await put(admin, path, { name: "甲", id: "x" }), 400, "invalid");
    expectProblem(await admin.get(path), 404, "not_found");
    expectProblem(await put(admin, address("x", "ERP"), { name: "甲" }), 400, "invalid", { "/system": "bad_external_system" });
    expectProblem(await put(admin, address("x".repeat(201)), { name: "甲" }), 400, "invalid", { "/key": "bad_external_key" });
    expectOk(await put(admin, path, { name: "甲" }), 201);
    const clear = await put(admin, path, { name: null });
    expectProblem(clear, 400, "invalid", { "/name": "required" });
  });

  test("keeps keys of systems and collections apart, and a record may have several @SYS-04", async ({ admin }) => {
    const key = uniqueWord();
    const one = expectOk(await put(admin, address(key), { name: "甲" }), 201).json();
    const other = expectOk(await put(admin, address(key, "wms"), { name: "乙" }), 201).json();
    const contact = expectOk(await put(admin, address(key, "erp", "contacts"), { name: "丙", customerId: one.id }), 201).json();
    expect(new Set([one.id, other.id, contact.id]).size).toBe(3);
    expect((await admin.get(address(key, "erp", "contacts"))).json()).toMatchObject({ name: "丙", customerId: one.id });
    expectProblem(await admin.get(`/api/v1/teams/external/erp/${key}`), 404, "no_such_endpoint");
  });

  test("forgets a key without deleting the record; the key of a deleted record is free again @SYS-04", async ({ admin }) => {
    const path = address(uniqueWord());
    const first = expectOk(await put(admin, path, { name: "甲" }), 201).json();
    expectOk(await admin.delete(path), 204);
    expectProblem(await admin.get(path), 404, "not_found");
    expectProblem(await admin.delete(path), 404, "not_found");
    expect((await admin.read("customers", first.id))["name"]).toBe("甲");
    const second = expectOk(await put(admin, path, { name: "乙" }), 201).json();
    await admin.remove("customers", second.id);
    expectProblem(await admin.get(path), 404, "not_found");
    const third: Row = expectOk(await put(admin, path, { name: "丙" }), 201).json();
    expect(third.id).not.toBe(second.id);
  });

  test("finds records by their keys in lists, aggregates and trees of a search, with other conditions and under the caller's rights @SYS-04", async ({ admin }) => {
    const [first, second, third] = [`a:${uniqueWord()}`, uniqueWord(), uniqueWord()];
    const source = uniqueWord();
    const made = new Map<string, string>();
    for (const [key, system] of [[first, "erp"], [second, "erp"], [third, "wms"]] as const) made.set(key, expectOk(await put(admin, address(key, system), { name: uniqueWord(), source }), 201).json().id);
    const bare = await admin.create("customers", { name: uniqueWord(), source });
    const ids = async (client: Client, query: Record<string, string>): Promise<string[]> => (await client.list("customers", { "filter[source][eq]": source, ...query })).data.map((row) => row.id).sort();
    const of = (...keys: string[]): string[] => keys.map((key) => made.get(key) ?? "").sort();
    expect(await ids(admin, { "filter[externalId][eq]": `erp:${first}` }), "a key with a colon in it").toEqual(of(first));
    expect(await ids(admin, { "filter[externalId][eq]": `wms:${first}` })).toEqual([]);
    expect(await ids(admin, { "filter[externalId][in]": `erp:${second},wms:${third},wms:none` })).toEqual(of(second, third));
    expect(await ids(admin, { "filter[externalId][isNull]": "true" })).toEqual([bare.id]);
    expect(await ids(admin, { "filter[externalId][isNull]": "false" })).toEqual(of(first, second, third));
    const tree = { or: [{ field: "externalId", op: "eq", value: `erp:${second}` }, { field: "id", op: "eq", value: bare.id }] };
    expect(expectOk(await admin.post("/api/v1/customers:search", { filter: tree }), 200).json<{ data: Row[] }>().data.map((row) => row.id).sort()).toEqual([...of(second), bare.id].sort());
    const counted = expectOk(await admin.get(`/api/v1/customers:aggregate?filter[source][eq]=${source}&filter[externalId][isNull]=true`), 200);
    expect(counted.json<{ data: { measures: { count: string } }[] }>().data[0]?.measures.count).toBe("1");
    await admin.remove("customers", made.get(second) ?? "");
    expect(await ids(admin, { "filter[externalId][eq]": `erp:${second}` })).toEqual([]);
    expect(await ids(await newMember(admin, "外人"), { "filter[externalId][eq]": `erp:${first}` })).toEqual([]);
    for (const value of ["4711", ":4711", "erp:"]) expectProblem(await admin.get(`/api/v1/customers?filter[externalId][eq]=${value}`), 400, "invalid", { "/filter[externalId][eq]": "bad_external_filter" });
    expectProblem(await admin.get("/api/v1/customers?filter[externalId][lt]=erp:1"), 400, "invalid", { "/filter[externalId][lt]": "bad_operator" });
    expectProblem(await admin.get("/api/v1/teams?filter[externalId][eq]=erp:1"), 400, "invalid", { "/filter[externalId][eq]": "not_filterable" });
  });

  test("neither shows nor changes what the caller may not see @SYS-04", async ({ admin }) => {
    const path = address(uniqueWord());
    expectOk(await put(admin, path, { name: "机密客户" }), 201);
    const member = await newMember(admin, "外人");
    for (const reply of [await member.get(path), await put(member, path, { name: "改" }), await member.delete(path)]) expectProblem(reply, 404, "not_found");
    expect((await admin.get(path)).json()).toMatchObject({ name: "机密客户", version: "1" });
  });
});
