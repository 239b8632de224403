import { type Client, expectOk, expectProblem, newKey, search, uniqueWord } from "./lib/client";
import { newCreditCode, withWrongCheck } from "./lib/credit-code";
import { expect, test } from "./lib/fixtures";
import { newMember } from "./lib/people";

// One record through the API: create, get, update, delete, restore, history; what is normalised and what is refused.

const nobody = "01912d3c-5b7a-7c3e-8f00-0123456789ab";

async function newCustomer(admin: Client): Promise<{ id: string; version: string }> {
  return admin.create("customers", { name: `客户 ${uniqueWord()}` });
}

test.describe("a customer", () => {
  test("is created, read, changed, deleted, restored, and each step is in its history @CUS-01", async ({ admin }) => {
    const name = `长沙 ${uniqueWord()}`;
    const reply = expectOk(await admin.post("/api/v1/customers", { name, kind: "person", stage: "active" }), 201);
    const created = reply.json();
    const path = `/api/v1/customers/${created.id}`;
    expect(reply.header("location")).toBe(path);
    expect(reply.header("etag")).toBe('"1"');
    expect(created).toMatchObject({ name, kind: "person", stage: "active", version: "1", ownerId: admin.id });

    expect((await admin.read("customers", created.id))).toEqual(created);
    const updated = expectOk(await admin.patch(path, { stage: "lost", industry: "制造业" }, { "if-match": '"1"' }), 200);
    expect(updated.header("etag")).toBe('"2"');
    expect(updated.json()).toMatchObject({ name, stage: "lost", industry: "制造业", version: "2", createTime: created["createTime"] });

    await admin.remove("customers", created.id);
    expectProblem(await admin.get(path), 404, "not_found");
    expectProblem(await admin.patch(path, { name }), 404, "not_found");
    expect((await admin.list("customers", { "filter[name][eq]": name })).data).toEqual([]);
    expect((await admin.list("customers", { "filter[name][eq]": name, deleted: true })).data).toMatchObject([{ id: created.id, version: "3" }]);

    const restored = expectOk(await admin.post(`${path}:restore`), 200).json();
    expect(restored).toMatchObject({ name, stage: "lost", industry: "制造业", version: "4" });
    expect(restored).not.toHaveProperty("deleteTime");

    const history = await admin.history("customers", created.id, 4);
    expect(history.map((change) => `${change.version} ${change.type}`)).toEqual([
      "4 guanxi.customer.customer.restored.v1",
      "3 guanxi.customer.customer.deleted.v1",
      "2 guanxi.customer.customer.updated.v1",
      "1 guanxi.customer.customer.created.v1",
    ]);
    expect(history[2]).toMatchObject({ fields: ["stage", "industry"], before: { stage: "active" }, after: { stage: "lost", industry: "制造业" }, principalId: admin.id });
    expect(history[2]?.before).not.toHaveProperty("name");
  });

  test("is stored in normal form: E.164 phones, lower-case e-mails, upper-case credit code @CUS-01", async ({ admin }) => {
    const code = newCreditCode();
    const customer = await admin.create("customers", {
      name: "　 Ａｃｍｅ 　 公司  ",
      phones: [
        { kind: "mobile", number: "138 0013 8000" },
        { kind: "work", number: "(010) 6505-1234" },
        { number: "+1 (415) 555-2671" },
      ],
      emails: [{ kind: "work", address: "Zhang.San@Example.COM" }],
      creditCode: `${code.slice(0, 8)}${code.slice(8).toLowerCase()}`,
      website: "www.Example.cn/关于",
      addresses: [{ kind: "billing", province: "广东省", city: "深圳市", district: "南山区", street: "科技园一路 1 号" }],
    });
    expect(customer).toMatchObject({
      name: "Ａｃｍｅ 公司",
      phones: [{ kind: "mobile", number: "+8613800138000" }, { kind: "work", number: "+861065051234" }, { number: "+14155552671" }],
      emails: [{ kind: "work", address: "zhang.san@example.com" }],
      creditCode: code,
      website: "https://www.example.cn/关于",
      addresses: [{ kind: "billing", province: "广东省", city: "深圳市", district: "南山区", street: "科技园一路 1 号" }],
    });
    expect(await admin.read("customers", customer.id)).toEqual(customer);
  });

  test("takes a credit code as it is written on licences, in groups @CUS-01", async ({ admin }) => {
    const code = newCreditCode();
    const grouped = code.replace(/^(.{8})(.{8})(.)/, "$1 $2-$3");
    expect(await admin.create("customers", { name: uniqueWord(), creditCode: grouped })).toMatchObject({ creditCode: code });
  });

  test("gets the defaults that the definition names", async ({ admin }) => {
    const customer = await admin.create("customers", { name: uniqueWord() });
    expect(customer).toMatchObject({ kind: "company", stage: "prospect", ownerId: admin.id });
    const now = Date.now();
    const activity = await admin.create("activities", { subject: "来电", customerId: customer.id });
    expect(activity).toMatchObject({ kind: "note", ownerId: admin.id });
    expect(Math.abs(Date.parse(String(activity["occurTime"])) - now)).toBeLessThan(60_000);
  });
});

test.describe("a refusal", () => {
  const wrong = {
    name: " ",
    phones: [{ number: "10086" }, { kind: "work" }],
    emails: [{ address: "not an address" }],
    creditCode: withWrongCheck("91440300123456789X"),
    website: "ftp://example.com",
    employees: -1,
    parentId: "not-an-id",
    description: "x".repeat(4001),
  };
  const codes = {
    "/name": "required",
    "/phones/0/number": "bad_phone",
    "/phones/1/number": "required",
    "/emails/0/address": "bad_email",
    "/creditCode": "bad_credit_code",
    "/website": "bad_url",
    "/employees": "too_small",
    "/parentId": "bad_id",
    "/description": "too_long",
  };

  test("names every wrong value by pointer and code, in English and in Chinese @CUS-01 @SYS-16", async ({ admin }) => {
    for (const [language, chinese] of [["en", false], ["zh", true], ["zh-CN,zh;q=0.9,en;q=0.5", true], ["fr, en;q=0.3", false]] as const) {
      const reply = await admin.post("/api/v1/customers", wrong, { "accept-language": language });
      const problem = expectProblem(reply, 400, "invalid", codes);
      expect(reply.header("content-language")).toBe(chinese ? "zh" : "en");
      for (const text of [problem.title, problem.detail, ...(problem.errors ?? []).map((error) => error.message)])
        expect(/\p{Script=Han}/u.test(text), `${language}: ${text}`).toBe(chinese);
    }
  });

  test("is the same for a change, and leaves the record as it was", async ({ admin }) => {
    const { id } = await newCustomer(admin);
    const before = await admin.read("customers", id);
    expectProblem(await admin.patch(`/api/v1/customers/${id}`, wrong), 400, "invalid", codes);
    expect(await admin.read("customers", id)).toEqual(before);
    expect(await admin.history("customers", id, 1)).toHaveLength(1);
  });

  test("tells which choices there are, and which fields", async ({ admin }) => {
    const reply = await admin.post("/api/v1/customers", { name: "x", stage: "winning", shoeSize: 43 });
    const problem = expectProblem(reply, 400, "invalid", { "/stage": "bad_enum", "/shoeSize": "unknown_field" });
    expect(problem.errors?.find((error) => error.code === "bad_enum")?.message).toContain("prospect, active, dormant, lost");
    expect(problem.errors?.find((error) => error.code === "unknown_field")?.message).toContain("creditCode");
  });

  test("meets what the system sets itself, at creation and at change", async ({ admin }) => {
    const given = { id: nobody, version: "7", createTime: "2026-01-01T00:00:00Z", updateTime: "2026-01-01T00:00:00Z", deleteTime: "2026-01-01T00:00:00Z" };
    const refused = Object.fromEntries(Object.keys(given).map((name) => [`/${name}`, "output_only"]));
    expectProblem(await admin.post("/api/v1/customers", { name: "x", ...given }), 400, "invalid", refused);
    const { id } = await newCustomer(admin);
    expectProblem(await admin.patch(`/api/v1/customers/${id}`, given), 400, "invalid", refused);
  });

  test("meets limits of length and number exactly at the limit", async ({ admin }) => {
    const at = { name: "名".repeat(200), description: "述".repeat(4000), phones: Array.from({ length: 20 }, (_, i) => ({ number: `1380013${8000 + i}` })), employees: 10_000_000 };
    const { id } = await admin.create("customers", at);
    expect(await admin.read("customers", id)).toMatchObject({ name: at.name, description: at.description, employees: "10000000" });
    const over = { name: "名".repeat(201), description: "述".repeat(4001), phones: [...at.phones, { number: "13800139000" }], employees: 10_000_001 };
    expectProblem(await admin.patch(`/api/v1/customers/${id}`, over), 400, "invalid", {
      "/name": "too_long",
      "/description": "too_long",
      "/phones": "too_many",
      "/employees": "too_large_number",
    });
  });

  test("meets a reference to nothing", async ({ admin }) => {
    const all = { name: "x", parentId: nobody, ownerId: nobody, teamId: nobody };
    expectProblem(await admin.post("/api/v1/customers", all), 400, "invalid", { "/parentId": "bad_reference", "/ownerId": "bad_reference", "/teamId": "bad_reference" });
    expectProblem(await admin.post("/api/v1/contacts", { name: "x", customerId: nobody }), 400, "invalid", { "/customerId": "bad_reference" });
    const { id } = await newCustomer(admin);
    expectProblem(await admin.patch(`/api/v1/customers/${id}`, { parentId: nobody }), 400, "invalid", { "/parentId": "bad_reference" });
    expectProblem(await admin.patch(`/api/v1/customers/${id}`, { parentId: id }), 400, "invalid", { "/parentId": "parent_cycle" });
  });

  test("meets a contact of a deleted customer", async ({ admin }) => {
    const { id } = await newCustomer(admin);
    await admin.remove("customers", id);
    expectProblem(await admin.post("/api/v1/contacts", { name: "x", customerId: id }), 400, "invalid", { "/customerId": "bad_reference" });
  });

  test("meets an activity with another customer's contact", async ({ admin }) => {
    const [one, other] = [await newCustomer(admin), await newCustomer(admin)];
    const contact = await admin.create("contacts", { name: "李四", customerId: other.id });
    expectProblem(await admin.post("/api/v1/activities", { subject: "x", customerId: one.id, contactId: contact.id }), 400, "invalid", { "/contactId": "wrong_customer" });
    const activity = await admin.create("activities", { subject: "x", customerId: one.id });
    expectProblem(await admin.patch(`/api/v1/activities/${activity.id}`, { contactId: contact.id }), 400, "invalid", { "/contactId": "wrong_customer" });
    await admin.create("activities", { subject: "x", customerId: other.id, contactId: contact.id });
  });
});

test.describe("a credit code", () => {
  test("belongs to one customer: a second one is 409 and names the first @CUS-01", async ({ admin }) => {
    const code = newCreditCode();
    const first = await admin.create("customers", { name: "第一", creditCode: code });
    const second = await admin.create("customers", { name: "第二" });
    for (const reply of [await admin.post("/api/v1/customers", { name: "第三", creditCode: code.toLowerCase() }), await admin.patch(`/api/v1/customers/${second.id}`, { creditCode: code })]) {
      expectProblem(reply, 409, "duplicate", { "/creditCode": "duplicate" });
      expect(reply.text, "the id of the other record").toContain(first.id);
    }
    expect((await admin.read("customers", second.id)).version).toBe("1");
  });

  test("of a deleted customer blocks nobody, and restoring into a clash is 409 @CUS-01", async ({ admin }) => {
    const code = newCreditCode();
    const first = await admin.create("customers", { name: "第一", creditCode: code });
    await admin.remove("customers", first.id);
    const second = await admin.create("customers", { name: "第二", creditCode: code });
    expectProblem(await admin.post(`/api/v1/customers/${first.id}:restore`), 409, "duplicate", { "/creditCode": "duplicate" });
    await admin.remove("customers", second.id);
    expect(expectOk(await admin.post(`/api/v1/customers/${first.id}:restore`), 200).json()).toMatchObject({ creditCode: code });
  });

  test("given to sixteen customers at once ends with one of them", async ({ admin }) => {
    const code = newCreditCode();
    const replies = await Promise.all(Array.from({ length: 16 }, (_, i) => admin.post("/api/v1/customers", { name: `同 ${i}`, creditCode: code })));
    expect(replies.map((reply) => reply.status).sort()).toEqual([201, ...Array<number>(15).fill(409)]);
    expect((await admin.list("customers", { "filter[creditCode][eq]": code })).data).toHaveLength(1);
  });
});

test.describe("a merge patch", () => {
  test("leaves what it does not name, clears what it sets to null, replaces lists whole", async ({ admin }) => {
    const { id } = await admin.create("customers", {
      name: "甲",
      industry: "制造业",
      source: "展会",
      employees: 12,
      phones: [{ kind: "work", number: "13800138000" }, { kind: "home", number: "13900139000" }],
      emails: [{ address: "a@example.com" }],
    });
    const patched = await admin.update("customers", id, { industry: null, phones: [{ number: "13700137000" }], emails: [] });
    expect(patched).toMatchObject({ name: "甲", source: "展会", employees: "12", phones: [{ number: "+8613700137000" }] });
    expect(patched).not.toHaveProperty("industry");
    expect(patched).not.toHaveProperty("emails");
    expect(await admin.read("customers", id)).toEqual(patched);
    const [change] = await admin.history("customers", id, 2);
    expect(change?.fields).toEqual(["phones", "emails", "industry"]);
    expect(change?.before).toEqual({ industry: "制造业", phones: [{ kind: "work", number: "+8613800138000" }, { kind: "home", number: "+8613900139000" }], emails: [{ address: "a@example.com" }] });
    expect(change?.after).toEqual({ phones: [{ number: "+8613700137000" }] });
  });

  test("cannot clear what is required", async ({ admin }) => {
    const { id } = await newCustomer(admin);
    expectProblem(await admin.patch(`/api/v1/customers/${id}`, { name: null, kind: null }), 400, "invalid", { "/name": "required", "/kind": "required" });
  });

  test("that changes nothing makes no version and no event", async ({ admin }) => {
    const created = await admin.create("customers", { name: "乙", phones: [{ number: "13800138000" }] });
    const patched = await admin.update("customers", created.id, { name: " 乙 ", phones: [{ number: "+86 138-0013-8000" }] });
    expect(patched).toEqual(created);
    expect(await admin.history("customers", created.id, 1)).toHaveLength(1);
  });

  test("cannot move a contact or an activity to another customer", async ({ admin }) => {
    const [one, other] = [await newCustomer(admin), await newCustomer(admin)];
    const contact = await admin.create("contacts", { name: "李四", customerId: one.id });
    const activity = await admin.create("activities", { subject: "拜访", customerId: one.id });
    expectProblem(await admin.patch(`/api/v1/contacts/${contact.id}`, { customerId: other.id }), 400, "invalid", { "/customerId": "immutable" });
    expectProblem(await admin.patch(`/api/v1/activities/${activity.id}`, { customerId: other.id }), 400, "invalid", { "/customerId": "immutable" });
    expect(await admin.update("contacts", contact.id, { customerId: one.id, jobTitle: "经理" })).toMatchObject({ jobTitle: "经理" });
  });
});

test.describe("versions", () => {
  test("If-Match lets the named version through and refuses every other with 412", async ({ admin }) => {
    const { id } = await newCustomer(admin);
    const path = `/api/v1/customers/${id}`;
    expectOk(await admin.patch(path, { source: "一" }, { "if-match": '"1"' }), 200);
    const stale = expectProblem(await admin.patch(path, { source: "二" }, { "if-match": '"1"' }), 412, "stale_version");
    expect(stale.detail).toContain("2");
    expectProblem(await admin.delete(path, { "if-match": '"1"' }), 412, "stale_version");
    expectProblem(await admin.patch(path, { source: "二" }, { "if-match": 'W/"2"' }), 412, "bad_if_match");
    expectProblem(await admin.patch(path, { source: "二" }, { "if-match": "2" }), 400, "bad_if_match");
    expectProblem(await admin.patch(path, { source: "二" }, { "if-match": '"1", "2"' }), 400, "bad_if_match");
    expect(await admin.read("customers", id)).toMatchObject({ source: "一", version: "2" });
    expectOk(await admin.patch(path, { source: "二" }, { "if-match": "*" }), 200);
    expectOk(await admin.delete(path, { "if-match": '"3"' }), 204);
    expectProblem(await admin.post(`${path}:restore`, undefined, { "if-match": '"1"' }), 412, "stale_version");
    expectOk(await admin.post(`${path}:restore`, undefined, { "if-match": '"4"' }), 200);
  });

  test("of eight writers that read the same version one wins, and the seven others are told", async ({ admin }) => {
    const { id } = await newCustomer(admin);
    const replies = await Promise.all(Array.from({ length: 8 }, (_, i) => admin.patch(`/api/v1/customers/${id}`, { source: `来源 ${i}` }, { "if-match": '"1"' })));
    expect(replies.map((reply) => reply.status).sort()).toEqual([200, ...Array<number>(7).fill(412)]);
    expect((await admin.read("customers", id)).version).toBe("2");
  });

  test("If-None-Match of the present version is 304 without a body, of another one the record", async ({ admin }) => {
    const { id } = await newCustomer(admin);
    const path = `/api/v1/customers/${id}`;
    for (const known of ['"1"', 'W/"1"', '"7", "1"', "*"]) {
      const reply = expectOk(await admin.get(path, { "if-none-match": known }), 304);
      expect(reply.bytes.length).toBe(0);
      expect(reply.header("etag")).toBe('"1"');
    }
    expectOk(await admin.get(path, { "if-none-match": '"2"' }), 200);
  });
});

test.describe("an idempotency key", () => {
  test("is replayed: the same record, and it says so", async ({ admin }) => {
    const key = newKey();
    const name = uniqueWord();
    const first = expectOk(await admin.post("/api/v1/customers", { name }, { "idempotency-key": key }), 201);
    expect(first.header("idempotency-replayed")).toBe("");
    await admin.update("customers", first.json().id, { source: "后来改的" });
    const second = expectOk(await admin.post("/api/v1/customers", { name }, { "idempotency-key": key }), 201);
    expect(second.header("idempotency-replayed")).toBe("true");
    expect(second.header("location")).toBe(first.header("location"));
    expect(second.json(), "the record as that request made it").toEqual(first.json());
    expect((await admin.list("customers", { "filter[name][eq]": name })).data).toHaveLength(1);
  });

  test("with another body is 422, and of another person is another key", async ({ admin }) => {
    const key = newKey();
    const name = uniqueWord();
    await admin.create("customers", { name }, { "idempotency-key": key });
    expectProblem(await admin.post("/api/v1/customers", { name: `${name} 2` }, { "idempotency-key": key }), 422, "idempotency_key_reused");
    const member = await newMember(admin, "另一人");
    await member.create("customers", { name }, { "idempotency-key": key });
    expect((await admin.list("customers", { "filter[name][eq]": name })).data).toHaveLength(2);
  });

  test("sixteen times at once makes one record and fifteen replays", async ({ admin }) => {
    const key = newKey();
    const name = uniqueWord();
    const replies = await Promise.all(Array.from({ length: 16 }, () => admin.post("/api/v1/customers", { name }, { "idempotency-key": key })));
    expect(replies.map((reply) => reply.status), replies.join("\n")).toEqual(Array<number>(16).fill(201));
    expect(new Set(replies.map((reply) => reply.json().id)).size).toBe(1);
    expect(replies.filter((reply) => reply.header("idempotency-replayed") === "true")).toHaveLength(15);
    expect((await admin.list("customers", { "filter[name][eq]": name })).data).toHaveLength(1);
  });

  test("whose request was refused may be used again", async ({ admin }) => {
    const key = newKey();
    const code = newCreditCode();
    const other = await admin.create("customers", { name: uniqueWord(), creditCode: code });
    const body = { name: uniqueWord(), creditCode: code };
    expectProblem(await admin.post("/api/v1/customers", body, { "idempotency-key": key }), 409, "duplicate");
    await admin.remove("customers", other.id);
    const done = expectOk(await admin.post("/api/v1/customers", body, { "idempotency-key": key }), 201);
    expect(done.header("idempotency-replayed")).toBe("");
  });

  test("keeps a restore from happening twice", async ({ admin }) => {
    const { id } = await newCustomer(admin);
    const key = newKey();
    await admin.remove("customers", id);
    const first = expectOk(await admin.post(`/api/v1/customers/${id}:restore`, undefined, { "idempotency-key": key }), 200);
    await admin.remove("customers", id);
    const second = expectOk(await admin.post(`/api/v1/customers/${id}:restore`, undefined, { "idempotency-key": key }), 200);
    expect(second.header("idempotency-replayed")).toBe("true");
    expect(second.json()).toEqual(first.json());
    expectProblem(await admin.get(`/api/v1/customers/${id}`), 404, "not_found");
  });

  test("has one to 255 visible ASCII characters", async ({ admin }) => {
    for (const key of ["", "a b", "a\tb", "x".repeat(256)])
      expectProblem(await admin.post("/api/v1/customers", { name: "x" }, { "idempotency-key": key }), 400, "bad_idempotency_key");
    await admin.create("customers", { name: uniqueWord() }, { "idempotency-key": `${newKey()}${"~".repeat(219)}` });
  });
});

test.describe("contacts and activities", () => {
  test("are found by their customer and carry its owner and team @SAL-05", async ({ admin }) => {
    const customer = await newCustomer(admin);
    const contact = await admin.create("contacts", { name: "王五", customerId: customer.id, jobTitle: "采购经理", birthday: "1980-02-29", phones: [{ number: "13600136000" }] });
    const visit = await admin.create("activities", {
      kind: "visit",
      subject: "拜访",
      body: "第一行\n第二行",
      customerId: customer.id,
      contactId: contact.id,
      occurTime: "2026-03-01T09:00:00+08:00",
      place: "深圳",
      outcome: "有意向",
    });
    expect(contact).toMatchObject({ birthday: "1980-02-29", ownerId: admin.id });
    expect(visit).toMatchObject({ kind: "visit", occurTime: "2026-03-01T01:00:00Z", body: "第一行\n第二行" });
    const task = await admin.create("activities", { kind: "task", subject: "回访", customerId: customer.id, dueTime: "2026-03-08T09:00:00Z", done: false });
    expect((await admin.list("contacts", { "filter[customerId][eq]": customer.id })).data.map((row) => row.id)).toEqual([contact.id]);
    expect((await admin.list("activities", { "filter[customerId][eq]": customer.id, sort: "occurTime" })).data.map((row) => row.id)).toEqual([visit.id, task.id]);
    expect((await admin.list("activities", { "filter[contactId][eq]": contact.id })).data.map((row) => row.id)).toEqual([visit.id]);
    expect((await admin.list("activities", { "filter[customerId][eq]": customer.id, "filter[done][eq]": false })).data.map((row) => row.id)).toEqual([task.id]);
  });

  test("refuse a birthday that is none and a time without its zone", async ({ admin }) => {
    const { id } = await newCustomer(admin);
    for (const birthday of ["1981-02-29", "2026-13-01", "26-01-01", "yesterday"])
      expectProblem(await admin.post("/api/v1/contacts", { name: "x", customerId: id, birthday }), 400, "invalid", { "/birthday": "bad_date" });
    for (const dueTime of ["2026-03-01", "2026-03-01T09:00:00", "2026-02-30T09:00:00Z", "2026-03-01T25:00:00Z"])
      expectProblem(await admin.post("/api/v1/activities", { subject: "x", customerId: id, dueTime }), 400, "invalid", { "/dueTime": "bad_time" });
  });
});

test("times have microseconds and survive the round trip", async ({ admin }) => {
  const { id } = await newCustomer(admin);
  const activity = await admin.create("activities", { subject: "x", customerId: id, dueTime: "2026-03-01T23:59:59.123456-08:00" });
  expect(activity).toMatchObject({ dueTime: "2026-03-02T07:59:59.123456Z" });
  expect((await admin.list("activities", { "filter[dueTime][eq]": "2026-03-02T07:59:59.123456Z", "filter[customerId][eq]": id })).data).toHaveLength(1);
});

test("every answer carries a trace id, the caller's own when it sent one", async ({ admin }) => {
  const sent = `00-${"ab".repeat(16)}-${"12".repeat(8)}-01`;
  const reply = await admin.get(`/api/v1/customers${search({ limit: 1 })}`, { traceparent: sent });
  expect(reply.header("traceparent").slice(3, 35)).toBe("ab".repeat(16));
  const refused = expectProblem(await admin.get(`/api/v1/customers/${nobody}`, { traceparent: sent }), 404, "not_found");
  expect(refused.traceId).toBe("ab".repeat(16));
  for (const broken of [`00-${"0".repeat(32)}-${"12".repeat(8)}-01`, "nonsense", `ff-${"ab".repeat(16)}-${"12".repeat(8)}-01`])
    expect((await admin.get("/api/v1/me", { traceparent: broken })).header("traceparent")).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/);
});
