import { System, eventually } from "./harness/system";
import { type Client, type Row, expectOk, expectProblem, uniqueWord } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { administrator, newMember, newTeam } from "./lib/people";
import { type Answer, Receiver, type Taken } from "./lib/receiver";

// Webhooks as an integrator meets them: a receiver of their own on loopback, which this system allows and no other does.

test.describe.configure({ mode: "serial" });

let system: System;
let admin: Client;
let open: Receiver[] = [];

test.beforeAll(async () => {
  system = await System.start({
    GUANXI_WEBHOOK_ALLOW: "127.0.0.1/32",
    GUANXI_WEBHOOK_SCHEDULE: "0,0,1,1,1",
    GUANXI_WEBHOOK_PAUSE_AFTER_S: "4",
  });
  admin = await administrator(system);
});
test.afterAll(() => system.remove());
test.afterEach(async () => {
  await Promise.all(open.map((receiver) => receiver.close()));
  open = [];
});

async function receiver(...given: Parameters<typeof Receiver.open>): Promise<Receiver> {
  const made = await Receiver.open(...given);
  open.push(made);
  return made;
}

/** A webhook that delivers there; the receiver knows its secret. */
async function webhookTo(to: Receiver, fields: Record<string, string | string[]> = {}, client = admin): Promise<Row> {
  const webhook = await client.create("webhooks", { name: uniqueWord(), url: to.url, types: ["guanxi.customer.customer.*"], ...fields });
  const { secret } = expectOk(await client.post(`/api/v1/webhooks/${webhook.id}:rotateSecret`), 200).json<{ secret: string }>();
  to.secret = secret;
  return webhook;
}

test("an event arrives, signed, as a CloudEvent @NRM-04", async () => {
  const to = await receiver();
  await webhookTo(to);
  const customer = await admin.create("customers", { name: "仇记" });
  const [taken] = await to.wait("the event of the customer", 1, (t) => t.event.subject === `customers/${customer.id}`);
  expect(taken?.headers["content-type"]).toContain("application/cloudevents+json");
  expect(taken?.event.type).toBe("guanxi.customer.customer.created.v1");
  expect(taken?.event.data?.after).toMatchObject({ name: "仇记" });
  expect(to.faults).toEqual([]);
});

const ofCustomer = (id: string) => (taken: Taken) => taken.event.subject === `customers/${id}`;

type Try = {
  time: string;
  status?: number;
  durationMs: number;
  error?: string;
  answer?: string;
};
type Delivery = Pick<Row, "id" | "version"> & { tries: Try[] };

/** The delivery of the first event of a customer, once it is in that state. */
function delivery(webhook: Row, subject: string, state: string, client = admin): Promise<Delivery> {
  return eventually(`the delivery of ${subject} is ${state}`, async () => {
    const page = await client.list("deliveries", { "filter[webhookId][eq]": webhook.id, "filter[subject][eq]": `customers/${subject}` });
    const found = page.data.at(-1);
    return found?.["state"] === state ? { id: found.id, version: found.version, tries: (found["tries"] ?? []) as Try[] } : undefined;
  });
}

test.describe("what an endpoint answers", () => {
  const cases: { name: string; answer: Answer; error: string }[] = [
    { name: "500", answer: (response) => response.writeHead(500).end("our database is away"), error: "HTTP 500" },
    { name: "a redirect", answer: (response) => response.writeHead(307, { location: "http://127.0.0.1/" }).end(), error: "HTTP 307: redirects are not followed." },
    { name: "half an answer", answer: (response) => void (response.writeHead(200, { "content-length": "100" }).write("half"), response.socket?.end()), error: "" },
    { name: "a closed connection", answer: (response) => void response.socket?.destroy(), error: "" },
  ];
  for (const { name, answer, error } of cases)
    test(`${name} is tried again under the same webhook-id until it is taken @NRM-04`, async () => {
      const to = await receiver((response, taken, count) => (count <= 2 ? answer(response, taken, count) : response.writeHead(200).end("thanks")));
      const webhook = await webhookTo(to);
      const customer = await admin.create("customers", { name: uniqueWord() });
      const tries = await to.wait("three tries", 3);
      expect(new Set(tries.map((taken) => taken.id)).size).toBe(1);
      const done = await delivery(webhook, customer.id, "delivered");
      expect(done.id).toBe(tries[0]?.id);
      expect(done.tries).toHaveLength(3);
      expect(done.tries[0]?.error).toMatch(error === "" ? /./ : error);
      expect(done.tries[2]).toMatchObject({ status: 200, answer: "thanks" });
      expect(done.tries[2]).not.toHaveProperty("error");
    });

  test("no answer within fifteen seconds is a failure @NRM-04", async () => {
    const to = await receiver((response, _, count) => void (count > 1 && response.writeHead(204).end()));
    const webhook = await webhookTo(to);
    const customer = await admin.create("customers", { name: uniqueWord() });
    const done = await delivery(webhook, customer.id, "delivered");
    expect(done.tries[0]?.durationMs).toBeGreaterThanOrEqual(14_900);
    expect(done.tries[0]).not.toHaveProperty("status");
  });

  test("429 with Retry-After is waited for @NRM-04", async () => {
    const to = await receiver((response, _, count) => void (count > 1 ? response.writeHead(204).end() : response.writeHead(429, { "retry-after": "3" }).end()));
    await webhookTo(to);
    await admin.create("customers", { name: uniqueWord() });
    const [first, second] = await to.wait("the second try", 2);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(2900);
  });

  test("410 disables the webhook, tells its owner, and loses nothing @NRM-04", async () => {
    const to = await receiver((response, _, count) => void response.writeHead(count > 1 ? 204 : 410).end());
    const webhook = await webhookTo(to);
    const customer = await admin.create("customers", { name: uniqueWord() });
    await eventually("the webhook is disabled", async () => {
      const now = await admin.read("webhooks", webhook.id);
      return now["state"] === "disabled" && now["reason"] === "gone" ? now : undefined;
    });
    const told = await admin.list("notifications", { "filter[kind][eq]": "webhookDisabled" });
    expect(told.data.filter((notice) => notice["link"] === `webhooks/${webhook.id}`)).toHaveLength(1);
    const later = await admin.create("customers", { name: uniqueWord() });
    expectOk(await admin.post(`/api/v1/webhooks/${webhook.id}:resume`), 200);
    await to.wait("both events", 2, (taken) => taken !== to.taken[0] && (ofCustomer(customer.id)(taken) || ofCustomer(later.id)(taken)));
  });

  test("what nobody takes is given up after the last try, and can be delivered again by hand @NRM-04", async () => {
    let well = false;
    const to = await receiver((response) => void response.writeHead(well ? 204 : 503).end());
    const webhook = await webhookTo(to);
    const customer = await admin.create("customers", { name: uniqueWord() });
    const failed = await delivery(webhook, customer.id, "failed");
    expect(failed.tries).toHaveLength(5);
    well = true;
    expectOk(await admin.post(`/api/v1/deliveries/${failed.id}:redeliver`), 200);
    const done = await delivery(webhook, customer.id, "delivered");
    expect(done.tries).toHaveLength(6);
    expect(new Set(to.taken.map((taken) => taken.id)).size).toBe(1);
  });
});

test.describe("where webhooks may go", () => {
  test("a private address is not connected to, by number or by name @NRM-04", async () => {
    const elsewhere = await receiver(undefined, "127.0.0.2"); // loopback, but not the address that is allowed
    for (const url of [`http://127.0.0.2:${elsewhere.port}/`, `https://10.0.0.1/`, `https://[::1]:${elsewhere.port}/`, `http://169.254.169.254/latest/meta-data/`, `https://[::ffff:10.0.0.1]/`]) {
      const webhook = await admin.create("webhooks", { name: uniqueWord(), url });
      const tried = expectOk(await admin.post(`/api/v1/webhooks/${webhook.id}:test`), 200).json<{ ok?: boolean; error: string }>();
      expect(tried.error, url).toContain("private");
      await admin.remove("webhooks", webhook.id);
    }
    expect(elsewhere.taken).toEqual([]);
  });

  test("a test sends a signed event now and tells what came back", async () => {
    const to = await receiver((response) => void response.writeHead(202).end("收到"));
    const webhook = await webhookTo(to);
    const tried = expectOk(await admin.post(`/api/v1/webhooks/${webhook.id}:test`), 200).json<object>();
    expect(tried).toMatchObject({ ok: true, status: 202, answer: "收到" });
    expect(to.taken[0]?.event.type).toBe("guanxi.notification.webhook.tested.v1");
  });

  test("types that cannot come are refused", async () => {
    const refused = await admin.post("/api/v1/webhooks", { name: "x", url: "https://example.com/", types: ["guanxi.*", "customer", "guanxi.notification.*"] });
    expectProblem(refused, 400, "invalid", { "/types/1": "bad_event_type", "/types/2": "webhook_own_events" });
  });
});

test("changes of one record arrive in their order, also when one fails; another record does not wait @NRM-04", async () => {
  const failing = { id: "", left: 3 };
  const to = await receiver((response, taken) => {
    const fails = taken.event.subject === `customers/${failing.id}` && failing.left-- > 0;
    response.writeHead(fails ? 500 : 204).end();
  });
  await webhookTo(to);
  const other = await admin.create("customers", { name: uniqueWord() });
  const one = await admin.create("customers", { name: uniqueWord() });
  failing.id = one.id;
  for (let at = 0; at < 5; at++) await admin.update("customers", one.id, { description: `第 ${at} 次` });
  await admin.update("customers", other.id, { description: "其他" });
  const [seen] = await to.wait("the last change of the one", 1, (taken) => ofCustomer(one.id)(taken) && taken.event.data?.version === "6");
  const versions = to.taken.filter(ofCustomer(one.id)).map((taken) => Number(taken.event.data?.version));
  expect([...versions].sort((a, b) => a - b)).toEqual(versions);
  expect(new Set(versions)).toEqual(new Set([1, 2, 3, 4, 5, 6]));
  const [another] = to.taken.filter((taken) => ofCustomer(other.id)(taken) && taken.event.data?.version === "2");
  expect(another?.at ?? Infinity).toBeLessThan(seen?.at ?? 0);
});

test("an endpoint that fails for too long is paused and its owner told; resuming brings everything @NRM-04", async () => {
  let well = false;
  const to = await receiver((response) => void response.writeHead(well ? 204 : 500).end());
  const webhook = await webhookTo(to);
  const made: string[] = [];
  const paused = await eventually("the webhook is paused", async () => {
    const now = await admin.read("webhooks", webhook.id);
    if (now["state"] === "paused") return now;
    made.push((await admin.create("customers", { name: uniqueWord() })).id);
    await new Promise((resolve) => setTimeout(resolve, 200));
    return undefined;
  });
  expect(paused).toMatchObject({ reason: "failing", lastError: "HTTP 500" });
  const told = await admin.list("notifications", { "filter[kind][eq]": "webhookPaused" });
  expect(told.data.find((notice) => notice["link"] === `webhooks/${webhook.id}`)).toMatchObject({ subject: webhook["name"], read: false });
  for (let at = 0; at < 3; at++) made.push((await admin.create("customers", { name: uniqueWord() })).id);
  well = true;
  const before = to.taken.length;
  const resumed = expectOk(await admin.post(`/api/v1/webhooks/${webhook.id}:resume`), 200).json<{ waiting: string; givenUp?: string; after?: { stream: string }[] }>();
  expect(resumed.after?.map((place) => place.stream)).toContain("customer");
  const failed = await admin.list("deliveries", { "filter[webhookId][eq]": webhook.id, "filter[state][eq]": "failed", limit: "500" });
  expect(Number(resumed.givenUp ?? 0)).toBe(failed.data.length);
  const givenUp = new Set(failed.data.map((row) => String(row["subject"])));
  const rest = made.filter((id) => !givenUp.has(`customers/${id}`));
  await eventually("all that was not given up has come", () => {
    const come = new Set(to.taken.slice(before).map((taken) => taken.event.subject));
    return Promise.resolve(rest.every((id) => come.has(`customers/${id}`)) ? true : undefined);
  });
});

test("a paused webhook keeps its place and catches up; a replay is a new series, marked @NRM-04", async () => {
  const to = await receiver();
  const webhook = await webhookTo(to);
  const first = await admin.create("customers", { name: uniqueWord() });
  const [taken] = await to.wait("the first", 1, ofCustomer(first.id));
  expectOk(await admin.post(`/api/v1/webhooks/${webhook.id}:pause`), 200);
  const missed: Row[] = [];
  for (let at = 0; at < 30; at++) missed.push(await admin.create("customers", { name: uniqueWord() }));
  expect(to.taken).toHaveLength(1);
  expectOk(await admin.post(`/api/v1/webhooks/${webhook.id}:resume`), 200);
  await to.wait("what was missed", 31);
  const live = await admin.create("customers", { name: uniqueWord() });
  await to.wait("what came after", 1, ofCustomer(live.id));
  expect(to.taken.map((one) => one.event.subject).sort()).toEqual([first, ...missed, live].map((row) => `customers/${row.id}`).sort());

  const sequence = String(taken?.event["sequence"]);
  const replay = expectOk(await admin.post(`/api/v1/webhooks/${webhook.id}:replay`, { from: sequence, stream: "customer" }), 200);
  expect(replay.json<{ until: { stream: string }[] }>().until).toMatchObject([{ stream: "customer" }]);
  const again = await to.wait("all of them again", 32, (one) => one.headers["guanxi-replay"] === "true");
  expect(new Set(again.map((one) => one.id)).size).toBe(32);
  expect(again.map((one) => one.event.id).sort()).toEqual(to.taken.slice(0, 32).map((one) => one.event.id).sort());
  expectProblem(await admin.post(`/api/v1/webhooks/${webhook.id}:replay`, { from: "yesterday" }), 400, "invalid", { "/from": "bad_replay" });
  expectProblem(await admin.post(`/api/v1/webhooks/${webhook.id}:replay`, { from: "earliest", stream: "x" }), 400, "invalid", { "/stream": "bad_stream" });
});

test("after a rotation both secrets sign, and no secret is ever told again @NRM-04", async () => {
  const to = await receiver();
  const webhook = await webhookTo(to);
  const old = to.secret;
  const rotated = expectOk(await admin.post(`/api/v1/webhooks/${webhook.id}:rotateSecret`), 200).json<{ secret: string; previousExpireTime: string }>();
  expect(rotated.secret).not.toBe(old);
  expect(Date.parse(rotated.previousExpireTime) - Date.now()).toBeGreaterThan(23 * 3600_000);
  const first = await admin.create("customers", { name: uniqueWord() });
  const [taken] = await to.wait("verified by the old secret", 1, ofCustomer(first.id));
  expect(taken?.headers["webhook-signature"]?.split(" ")).toHaveLength(2);
  to.secret = rotated.secret;
  const second = await admin.create("customers", { name: uniqueWord() });
  await to.wait("verified by the new secret", 1, ofCustomer(second.id));
  expect(to.faults).toEqual([]);
  const everything = [(await admin.get(`/api/v1/webhooks/${webhook.id}`)).text, (await admin.get(`/api/v1/webhooks/${webhook.id}/history`)).text];
  const stored = await system.sql(`select encode(sealed, 'escape') from notification.webhook_secret where webhook_id = '${webhook.id}'`);
  for (const secret of [old, rotated.secret]) {
    expect(everything.join("\n") + JSON.stringify(stored)).not.toContain(String(secret).slice(6));
  }
});

test("an endpoint is told what its owner may see now, and nobody else may turn it elsewhere @NRM-04", async () => {
  const team = await newTeam(admin);
  const member = await newMember(admin, "成员", team.id);
  const colleague = await newMember(admin, "同事", team.id);
  const to = await receiver();
  const webhook = await webhookTo(to, {}, member);
  const hidden = await admin.create("customers", { name: uniqueWord() });
  const own = await member.create("customers", { name: uniqueWord() });
  await to.wait("the own one", 1, ofCustomer(own.id));
  const given = expectOk(await admin.patch(`/api/v1/customers/${own.id}`, { ownerId: admin.id ?? "", teamId: null }), 200).json();
  await to.wait("that it left", 1, (taken) => taken.event.type === "guanxi.hidden.v1" && ofCustomer(own.id)(taken));
  await admin.update("customers", given.id, { description: "再也看不到" });
  const last = await member.create("customers", { name: uniqueWord() });
  await to.wait("the last", 1, ofCustomer(last.id));
  expect(to.taken.filter(ofCustomer(hidden.id))).toEqual([]);
  expect(to.taken.filter(ofCustomer(own.id)).map((taken) => taken.event.type)).toEqual(["guanxi.customer.customer.created.v1", "guanxi.hidden.v1"]);
  expect((await colleague.get(`/api/v1/webhooks/${webhook.id}`)).status).toBe(404);
  expect((await colleague.patch(`/api/v1/webhooks/${webhook.id}`, { url: "https://example.com/" })).status).toBe(404);
  expectProblem(await member.post("/api/v1/webhooks", { name: "x", url: "https://example.com/", ownerId: admin.id ?? "" }), 400, "invalid", { "/ownerId": "output_only" });
  expectProblem(await member.post("/api/v1/notifications", {}), 405, "method_not_allowed");
});

test("killed while it delivers, again and again, it loses nothing and keeps the order of each record @NRM-04", async () => {
  test.setTimeout(180_000);
  const to = await receiver();
  await webhookTo(to);
  const rows = await Promise.all(Array.from({ length: 8 }, () => admin.create("customers", { name: uniqueWord() })));
  const writing = Promise.all(
    rows.map(async (row) => {
      for (let at = 0; at < 40; at++) await admin.update("customers", row.id, { description: String(at) });
    }),
  );
  for (let at = 0; at < 3; at++) {
    await to.wait("more of them", to.taken.length + 20);
    await system.killAndWait("notification");
  }
  await writing;
  await to.wait("the last version of each", 8, (taken) => taken.event.data?.version === "41", 60_000);
  for (const row of rows) {
    const versions = to.taken.filter(ofCustomer(row.id)).map((taken) => Number(taken.event.data?.version));
    expect([...versions].sort((a, b) => a - b)).toEqual(versions);
    expect(new Set(versions).size).toBe(41);
  }
  expect(to.faults).toEqual([]);
});
