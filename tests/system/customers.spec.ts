import { eventually } from "./harness/system";
import { type Client, expectOk, expectProblem, type Json, type Row, search, uniqueWord } from "./lib/client";
import { newCreditCode } from "./lib/credit-code";
import { jobEnd, upload } from "./lib/csv";
import { expect, test } from "./lib/fixtures";
import { administrator, newMember, newTeam } from "./lib/people";

// Customers as people need them: classified, complete, related, and each there once.

const customers = "/api/v1/customers";
const newCustomer = (client: Client, more: Record<string, Json> = {}): Promise<Row> => client.create("customers", { name: `客户 ${uniqueWord()}`, ...more });
let numbers = Math.floor(Math.random() * 1e7);
const newPhone = (): string => `+861390${String((numbers += 1) % 1e7).padStart(7, "0")}`;

interface Graph {
  nodes: { id: string; collection: string; name: string; depth: number }[];
  edges?: { from: string; to: string; type: string; kind?: string; relationshipId?: string }[];
}
interface Candidates {
  candidates?: { id?: string; name?: string; ownerName?: string; reasons: string[]; score: number }[];
}

test.describe("invoice details", () => {
  test("are kept with the customer, their phone in normal form @CUS-01", async ({ admin }) => {
    const invoice = { type: "special", title: "长沙仇记有限公司", taxNumber: "91430100MA4L000007", address: "长沙市岳麓区 1 号", phone: "0731-88880000", bank: "工商银行岳麓支行", account: "1901 0000 0000 0001" };
    const customer = await newCustomer(admin, { invoices: [invoice] });
    expect(customer["invoices"]).toEqual([{ ...invoice, phone: "+8673188880000" }]);
    expectProblem(await admin.patch(`${customers}/${customer.id}`, { invoices: [{ phone: "12" }] }), 400, "invalid", { "/invoices/0/phone": "bad_phone" });
    expect(await admin.read("customers", customer.id)).toEqual(customer);
  });
});

test.describe("a customer with ten thousand activities", () => {
  test("shows the newest first, page by page, also of those that became part of it @CUS-02", async ({ admin }) => {
    test.setTimeout(120_000);
    const [busy, other] = [await newCustomer(admin), await newCustomer(admin)];
    const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString().replace(".000", "");
    const lines = Array.from({ length: 10_000 }, (_, i) => `${i},visit,${i % 4 === 0 ? other.id : busy.id},${at(i)}`);
    const file = await upload(admin, "visits.csv", `subject,kind,customerId,occurTime\n${lines.join("\n")}\n`);
    const job = await jobEnd(admin, expectOk(await admin.post("/api/v1/activities:import", { fileId: file.id }), 202).json().id);
    expect(job).toMatchObject({ created: "10000", refused: "0" });
    expectOk(await admin.post(`${customers}/${busy.id}:merge`, { others: [other.id] }), 200);
    const wanted = Array.from({ length: 150 }, (_, i) => String(9_999 - i));
    const shown: Json[] = [];
    for (let cursor: string | undefined; shown.length < wanted.length; ) {
      const page = await admin.list("activities", { "filter[customerId][eq]": busy.id, sort: "-occurTime", limit: 50, ...(cursor === undefined ? {} : { cursor }) });
      shown.push(...page.data.map((row) => row["subject"] ?? null));
      cursor = page.page.next;
    }
    expect(shown).toEqual(wanted);
  });
});

test.describe("tags and roles", () => {
  test("tags that are spelt alike are one, and lists are filtered by any, all and none of them @CUS-04", async ({ admin }) => {
    const [red, blue] = [uniqueWord(), uniqueWord()];
    const both = await newCustomer(admin, { tags: [red, red.toUpperCase(), ` ${blue} `] });
    expect(both["tags"]).toEqual([red, blue]);
    const one = await newCustomer(admin, { tags: [red] });
    const ids = async (filter: Record<string, string>): Promise<string[]> => (await admin.list("customers", filter)).data.map((row) => row.id).sort();
    expect(await ids({ "filter[tags][any]": `${red},${blue}` })).toEqual([both.id, one.id].sort());
    expect(await ids({ "filter[tags][all]": `${red},${blue}` })).toEqual([both.id]);
    expect(await ids({ "filter[tags][any]": red, "filter[tags][none]": blue })).toEqual([one.id]);
    expectProblem(await admin.get(`${customers}${search({ "filter[tags][eq]": red })}`), 400, "invalid", { "/filter[tags][eq]": "bad_operator" });
    const suggested = expectOk(await admin.get(`${customers}:tags${search({ q: red.slice(0, 12).toUpperCase() })}`), 200).json<{ tags: Json }>();
    expect(suggested.tags).toEqual([{ tag: red, customers: "2" }]);
  });

  test("a customer has several supply-chain roles, and lists are filtered by them @CUS-18", async ({ admin }) => {
    const name = uniqueWord();
    const customer = await newCustomer(admin, { name, roles: ["supplier", "distributor"] });
    await newCustomer(admin, { name, roles: ["carrier"] });
    const found = await admin.list("customers", { "filter[roles][any]": "distributor", "filter[name][eq]": name });
    expect(found.data.map((row) => row.id)).toEqual([customer.id]);
    expectProblem(await admin.get(`${customers}${search({ "filter[roles][any]": "king" })}`), 400, "invalid", { "/filter[roles][any]": "bad_value" });
  });
});

test.describe("categories", () => {
  test("follow a rule within two seconds, and keep what a hand assigned @CUS-04", async ({ admin }) => {
    const industry = uniqueWord();
    const key = await admin.create("categories", { name: `重点 ${industry}`, colour: "red" });
    const large = await admin.create("categories", { name: `大客户 ${industry}`, rule: `filter[employees][gte]=1000&filter[industry][eq]=${industry}` });
    const customer = await newCustomer(admin, { industry, handCategoryIds: [key.id] });
    expect(customer["categoryIds"]).toEqual([key.id]);

    const ids = async (): Promise<Json | undefined> => (await admin.read("customers", customer.id))["categoryIds"];
    const began = Date.now();
    await admin.update("customers", customer.id, { employees: 2000 });
    await eventually("the rule has found it", async () => ((await ids()) as string[]).includes(large.id) || undefined);
    expect(Date.now() - began).toBeLessThan(2000);
    expect(await ids()).toEqual([key.id, large.id]);
    expect((await admin.list("customers", { "filter[categoryIds][any]": large.id })).data.map((row) => row.id)).toEqual([customer.id]);

    await admin.update("customers", customer.id, { handCategoryIds: [key.id, large.id] });
    await admin.update("customers", customer.id, { employees: 5 });
    await eventually("the rule has let it go", async () => (await admin.read("customers", customer.id))["ruleCategoryIds"] === undefined || undefined);
    expect(await ids()).toEqual([key.id, large.id]);
  });

  test("a changed rule is asked of all customers, also of those that change meanwhile @CUS-04", async ({ admin }) => {
    const industry = uniqueWord();
    const made = await Promise.all(Array.from({ length: 30 }, (_, index) => newCustomer(admin, { industry, employees: index })));
    const category = await admin.create("categories", { name: industry, rule: `filter[industry][eq]=${industry}&filter[employees][gte]=10` });
    await Promise.all(made.map((row, index) => admin.update("customers", row.id, { employees: 29 - index })));
    const found = await eventually("all that fit", async () => {
      const { data } = await admin.list("customers", { "filter[categoryIds][any]": category.id, limit: 100 });
      return data.length === 20 ? data : undefined;
    });
    expect(found.every((row) => Number(row["employees"]) >= 10)).toBe(true);
    await admin.remove("categories", category.id);
    await eventually("none has it", async () => (await admin.list("customers", { "filter[categoryIds][any]": category.id })).data.length === 0 || undefined);
  });

  test("a rule that no list would take is refused, and so is a category that is not there @CUS-04", async ({ admin }) => {
    for (const [rule, code] of [["stage=active", "bad_rule"], ["filter[stage][eq]=king", "bad_value"], ["filter[nothing][eq]=1", "not_filterable"], ["filter[stage][lt]=active", "bad_operator"]] as const)
      expectProblem(await admin.post("/api/v1/categories", { name: uniqueWord(), rule }), 400, "invalid", { "/rule": code });
    expectProblem(await admin.post(customers, { name: uniqueWord(), handCategoryIds: ["01912d3c-5b7a-7c3e-8f00-0123456789ab"] }), 400, "invalid", { "/handCategoryIds/0": "bad_reference" });
    const client = await newMember(admin, "李雷");
    expectProblem(await client.post("/api/v1/categories", { name: uniqueWord() }), 403, "forbidden");
  });
});

test.describe("completeness", () => {
  // A policy is everybody's: on a system of its own, so that no other test's customers are refused by it.
  test("is scored by the policy of the stage, and a stage that asks for more refuses @CUS-19", async ({ ownSystem }) => {
    await ownSystem.start();
    const admin = await administrator(ownSystem);
    const policy = await admin.create("fieldPolicies", {
      name: "流失", stage: "lost", action: "refuse",
      fields: [{ field: "phones", weight: 3, must: true }, { field: "industry", weight: 1, must: true }, { field: "website", weight: 1 }],
    });
    const customer = await newCustomer(admin);
    expect(customer).not.toHaveProperty("completeness");
    const path = `${customers}/${customer.id}`;
    expectProblem(await admin.patch(path, { stage: "lost" }), 400, "invalid", { "/phones": "stage_needs_field", "/industry": "stage_needs_field" });
    const lost = expectOk(await admin.patch(path, { stage: "lost", industry: "制造业", phones: [{ number: newPhone() }] }), 200).json();
    expect(lost).toMatchObject({ completeness: 80, missing: ["website"] });
    expect((await admin.list("customers", { "filter[completeness][gte]": 80, "filter[id][eq]": customer.id, sort: "completeness" })).data).toHaveLength(1);

    await admin.update("fieldPolicies", policy.id, { fields: [{ field: "phones", weight: 1 }, { field: "website", weight: 1 }] });
    await eventually("the new policy has been applied", async () => (await admin.read("customers", customer.id))["completeness"] === 50 || undefined);
    await admin.remove("fieldPolicies", policy.id);
    await eventually("no policy, no score", async () => (await admin.read("customers", customer.id))["completeness"] === undefined || undefined);
    expectProblem(await admin.post("/api/v1/fieldPolicies", { name: "x", stage: "lost", fields: [{ field: "version", weight: 1 }] }), 400, "invalid", { "/fields/0/field": "bad_policy_field" });
  });
});

test.describe("relationships", () => {
  const graphOf = async (client: Client, id: string, depth = 1): Promise<Graph> => expectOk(await client.get(`${customers}/${id}/graph?depth=${depth}`), 200).json<Graph>();

  test("one row is read from both ends, over several customers @CUS-03", async ({ admin }) => {
    const [parent, child, other] = [await newCustomer(admin), await newCustomer(admin), await newCustomer(admin)];
    await admin.update("customers", child.id, { parentId: parent.id });
    const boss = await admin.create("contacts", { name: "张总", customerId: child.id });
    const aide = await admin.create("contacts", { name: "李助理", customerId: other.id });
    const decides = await admin.create("relationships", { kind: "decisionMaker", customerId: child.id, contactId: boss.id, otherCustomerId: other.id, startDate: "2026-01-01" });
    await admin.create("relationships", { kind: "superior", customerId: child.id, contactId: boss.id, otherContactId: aide.id });

    const far = await graphOf(admin, other.id, 3);
    expect(far.nodes.map((node) => [node.id, node.depth])).toEqual(expect.arrayContaining([[other.id, 0], [boss.id, 1], [aide.id, 1], [child.id, 2], [parent.id, 3]]));
    expect(far.nodes).toHaveLength(5);
    expect(far.edges).toEqual(expect.arrayContaining([
      expect.objectContaining({ from: boss.id, to: other.id, type: "relationship", kind: "decisionMaker", relationshipId: decides.id, startDate: "2026-01-01" }),
      expect.objectContaining({ from: boss.id, to: aide.id, kind: "superior" }),
      { from: child.id, to: boss.id, type: "contact" },
      { from: other.id, to: aide.id, type: "contact" },
      { from: parent.id, to: child.id, type: "parent" },
    ]));
    expect(far.edges).toHaveLength(5);
    const near = await graphOf(admin, child.id);
    expect(near.nodes.map((node) => node.id).sort()).toEqual([child.id, parent.id, boss.id].sort());

    await admin.remove("relationships", decides.id);
    expect((await graphOf(admin, other.id)).nodes.map((node) => node.id).sort()).toEqual([other.id, aide.id].sort());
  });

  test("what cannot be is refused @CUS-03", async ({ admin }) => {
    const [one, two] = [await newCustomer(admin), await newCustomer(admin)];
    const contact = await admin.create("contacts", { name: "王", customerId: two.id });
    const post = (body: Record<string, Json>): ReturnType<Client["post"]> => admin.post("/api/v1/relationships", { kind: "partner", customerId: one.id, ...body });
    expectProblem(await post({}), 400, "invalid", { "/otherCustomerId": "bad_relationship_ends" });
    expectProblem(await post({ otherCustomerId: one.id }), 400, "invalid", { "/otherCustomerId": "related_to_itself" });
    expectProblem(await post({ otherCustomerId: two.id, contactId: contact.id }), 400, "invalid", { "/contactId": "wrong_customer" });
    expectProblem(await post({ otherCustomerId: two.id, startDate: "2026-02-01", endDate: "2026-01-01" }), 400, "invalid", { "/endDate": "ends_before_start" });
    expectProblem(await admin.get(`${customers}/${one.id}/graph?depth=4`), 400, "invalid", { "/depth": "too_large_number" });
    expectProblem(await admin.get(`${customers}/${one.id}/graph?deep=1`), 400, "invalid", { "/deep": "unknown_parameter" });
  });

  test("a member sees no one in it whom they may not see @CUS-03", async ({ admin }) => {
    const client = await newMember(admin, "李雷");
    const mine = await newCustomer(client);
    const hidden = await newCustomer(admin);
    await admin.create("relationships", { kind: "competitor", customerId: hidden.id, otherCustomerId: mine.id });
    expect((await graphOf(admin, mine.id)).nodes).toHaveLength(2);
    expect(await graphOf(client, mine.id)).toEqual({ nodes: [expect.objectContaining({ id: mine.id })] });
    expectProblem(await client.get(`${customers}/${hidden.id}/graph`), 404, "not_found");
  });

  test("a member sees no relationship in it that they may not see, though both ends are theirs @CUS-03 @SYS-03", async ({ admin }) => {
    const client = await newMember(admin, "李雷");
    const [mine, hidden] = [await newCustomer(client), await newCustomer(admin)];
    const contact = await admin.create("contacts", { name: "王", customerId: hidden.id, ownerId: client.id });
    const secret = await admin.create("relationships", { kind: "supplier", customerId: hidden.id, contactId: contact.id, otherCustomerId: mine.id, note: "回扣" });
    expectProblem(await client.get(`/api/v1/relationships/${secret.id}`), 404, "not_found");
    expect((await graphOf(admin, mine.id)).edges).toHaveLength(1);
    expect(await graphOf(client, mine.id)).toEqual({ nodes: [expect.objectContaining({ id: mine.id })] });
  });
});

test.describe("duplicates", () => {
  const look = async (client: Client, query: Record<string, string>): Promise<NonNullable<Candidates["candidates"]>> =>
    expectOk(await client.get(`${customers}:duplicates${search(query)}`), 200).json<Candidates>().candidates ?? [];

  test("are found by phone, e-mail, credit code and name as they are typed @CUS-19", async ({ admin }) => {
    const [word, phone, code] = [uniqueWord(), newPhone(), newCreditCode()];
    const customer = await newCustomer(admin, { name: `${word} 贸易有限责任公司`, phones: [{ number: phone }], emails: [{ address: `${word}@example.com` }], creditCode: code });
    for (const [query, reason] of [
      [{ phone: phone.replace("+86", "").replace(/(...)(....)/, "$1 $2-") }, "phones"],
      [{ email: `${word.toUpperCase()}@Example.com` }, "emails"],
      [{ creditCode: code.toLowerCase() }, "creditCode"],
      [{ name: `${word.toUpperCase()}贸易 有限公司` }, "name"],
    ] as const)
      expect(await look(admin, query), reason).toEqual([expect.objectContaining({ id: customer.id, name: customer["name"], reasons: [reason] })]);
    expect(await look(admin, { phone, except: customer.id })).toEqual([]);
    expect(await look(admin, { phone: "12" })).toEqual([]);
  });

  test("a name with one slip is found too, one that is different is not @CUS-19", async ({ admin }) => {
    const word = uniqueWord();
    const customer = await newCustomer(admin, { name: `湖南${word}新材料科技有限公司` });
    expect(await look(admin, { name: `湖南${word}新材抖科技有限公司` })).toEqual([expect.objectContaining({ id: customer.id, reasons: ["name"] })]);
    expect(await look(admin, { name: `广东${uniqueWord()}新材料科技有限公司` })).toEqual([]);
    const latin = await newCustomer(admin, { name: `Acme ${word}` });
    expect(await look(admin, { name: `ACME ${word}` })).toEqual([expect.objectContaining({ id: latin.id, reasons: ["name"], score: 75 })]);
  });

  test("of a customer out of sight it is told that it exists, and no more; its history says so @CUS-19", async ({ admin }) => {
    const client = await newMember(admin, "李雷");
    const phone = newPhone();
    const hidden = await newCustomer(admin, { phones: [{ number: phone }] });
    expect(await look(client, { phone })).toEqual([{ reasons: ["phones"], score: 90 }]);
    await eventually("the look is on record", async () => {
      const { data } = expectOk(await admin.get(`${customers}/${hidden.id}/history`), 200).json<{ data: { type: string }[] }>();
      return data.some((change) => change.type === "guanxi.customer.customer.duplicate_told.v1") || undefined;
    });
  });

  test("are in the queue of those who may see both, also after a customer went to somebody else @CUS-19 @SYS-03", async ({ admin }) => {
    const team = await newTeam(admin);
    const [one, colleague, stranger] = [await newMember(admin, "甲", team.id), await newMember(admin, "乙", team.id), await newMember(admin, "丙")];
    const phones = [{ number: newPhone() }];
    const [first, second] = [await newCustomer(one, { phones }), await newCustomer(stranger, { phones })];
    const pair = await eventually("the pair", async () => (await admin.all("duplicates", { "filter[customerId][eq]": second.id }))[0]);
    const seenBy = (): Promise<boolean[]> => Promise.all([one, colleague, stranger].map(async (client) => (await client.get(`/api/v1/duplicates/${pair.id}`)).status === 200));
    expect(await seenBy(), "two owners, no team in common").toEqual([false, false, false]);
    expectProblem(await admin.patch(`/api/v1/duplicates/${pair.id}`, { ownerId: stranger.id }), 400, "invalid", { "/ownerId": "output_only" });
    const becomes = async (what: string, wanted: boolean[]): Promise<void> => {
      await eventually(what, async () => ((await seenBy()).join() === wanted.join() ? true : undefined));
    };
    await admin.update("customers", second.id, { ownerId: colleague.id, teamId: team.id });
    await becomes("both are the team's", [true, true, false]);
    await admin.update("customers", first.id, { ownerId: stranger.id, teamId: null });
    await becomes("they are apart again", [false, false, false]);
    await admin.update("customers", second.id, { ownerId: stranger.id });
    await becomes("both are one person's", [false, false, true]);
  });

  test("come into the queue by themselves, leave it when they no longer match, and are dismissed @CUS-19", async ({ admin }) => {
    const phone = newPhone();
    const first = await newCustomer(admin, { phones: [{ number: phone }] });
    const second = await newCustomer(admin, { phones: [{ number: phone }] });
    const pairs = (): Promise<Row[]> => admin.all("duplicates", { "filter[customerId][eq]": second.id });
    const pair = await eventually("the pair", async () => (await pairs())[0]);
    expect(pair).toMatchObject({ customerId: second.id, otherId: first.id, reason: "phones", score: "90", state: "open", names: `${second["name"]} / ${first["name"]}` });
    expectProblem(await admin.patch(`/api/v1/duplicates/${pair.id}`, { state: "merged" }), 400, "invalid", { "/state": "bad_duplicate_state" });
    expectProblem(await admin.post("/api/v1/duplicates", { customerId: first.id, otherId: second.id, reason: "name", names: "x", score: "1" }), 405, "method_not_allowed");
    expect(await admin.update("duplicates", pair.id, { state: "dismissed" })).toMatchObject({ state: "dismissed" });
    await admin.update("duplicates", pair.id, { state: "open" });
    await admin.update("customers", second.id, { phones: [] });
    await eventually("the pair is gone", async () => (await pairs()).length === 0 || undefined);
  });
});

test.describe("merging", () => {
  test("takes what was chosen, leads from the others to the survivor, and is undone @CUS-19", async ({ admin }) => {
    const code = newCreditCode();
    const [one, two, three] = [
      await newCustomer(admin, { phones: [{ number: newPhone() }], tags: ["甲"] }),
      await newCustomer(admin, { phones: [{ number: newPhone() }], tags: ["乙"], creditCode: code, industry: "制造业", website: "https://a.cn" }),
      await newCustomer(admin, { tags: ["乙", "丙"] }),
    ];
    const contact = await admin.create("contacts", { name: "赵", customerId: two.id });
    const path = `${customers}/${one.id}`;
    const merged = expectOk(await admin.post(`${path}:merge`, {
      others: [two.id, three.id],
      fields: [{ field: "creditCode", fromId: two.id }, { field: "industry", fromId: two.id }, { field: "website", fromId: two.id }, { field: "tags", fromId: "*" }, { field: "phones", fromId: "*" }],
    }), 200).json();
    expect(merged).toMatchObject({ id: one.id, name: one["name"], creditCode: code, industry: "制造业", tags: ["甲", "乙", "丙"] });
    expect(merged["phones"]).toHaveLength(2);

    const led = expectOk(await admin.get(`${customers}/${two.id}`), 200);
    expect(led.header("content-location")).toBe(path);
    expect(led.json()).toEqual(merged);
    expect((await admin.list("customers", { "filter[id][in]": `${one.id},${two.id},${three.id}` })).data.map((row) => row.id)).toEqual([one.id]);
    expect((await admin.list("contacts", { "filter[customerId][eq]": one.id })).data.map((row) => row.id)).toEqual([contact.id]);
    expectProblem(await admin.post(`${customers}/${two.id}:restore`), 409, "merged");

    await admin.update("customers", one.id, { website: "https://b.cn", source: "展会" });
    const undone = expectOk(await admin.post(`${path}:unmerge`, {}), 200).json();
    expect(undone).toMatchObject({ tags: ["甲"], phones: one["phones"], website: "https://b.cn", source: "展会" });
    expect(undone).not.toHaveProperty("creditCode");
    expect(undone).not.toHaveProperty("industry");
    const unchanged = ["name", "phones", "tags", "creditCode", "industry", "website", "ownerId"];
    for (const row of [two, three]) {
      const back = await admin.read("customers", row.id);
      expect(back["mergedInto"]).toBeUndefined();
      expect(unchanged.map((name) => back[name])).toEqual(unchanged.map((name) => row[name]));
    }
    expect((await admin.list("contacts", { "filter[customerId][eq]": one.id })).data).toEqual([]);
    expectProblem(await admin.post(`${path}:unmerge`, {}), 409, "nothing_to_unmerge");
  });

  test("a merged customer merged again leads to the end of the chain @CUS-19", async ({ admin }) => {
    const [one, two, three] = [await newCustomer(admin), await newCustomer(admin), await newCustomer(admin)];
    const activity = await admin.create("activities", { subject: "来电", customerId: one.id });
    expectOk(await admin.post(`${customers}/${two.id}:merge`, { others: [one.id] }), 200);
    expectOk(await admin.post(`${customers}/${three.id}:merge`, { others: [two.id] }), 200);
    expect((await admin.read("customers", one.id)).id).toBe(three.id);
    expect((await admin.list("activities", { "filter[customerId][eq]": three.id })).data.map((row) => row.id)).toEqual([activity.id]);
  });

  test("what cannot be merged is refused, and nothing of it happens @CUS-19", async ({ admin }) => {
    const client = await newMember(admin, "李雷");
    const [mine, hidden] = [await newCustomer(client), await newCustomer(admin)];
    const merge = (who: Client, body: Record<string, Json>): ReturnType<Client["post"]> => who.post(`${customers}/${mine.id}:merge`, body as Json);
    expectProblem(await merge(client, { others: [hidden.id] }), 404, "not_found");
    expectProblem(await merge(client, { others: [mine.id] }), 400, "invalid", { "/others/0": "merge_with_itself" });
    expectProblem(await merge(client, { others: [] }), 400, "invalid", { "/others": "required" });
    expectProblem(await merge(admin, { others: [hidden.id], fields: [{ field: "name", fromId: "01912d3c-5b7a-7c3e-8f00-0123456789ab" }] }), 400, "invalid", { "/fields/0/fromId": "merge_choice" });
    expect(await admin.read("customers", hidden.id)).toEqual(hidden);
  });
});
