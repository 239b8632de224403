import { System } from "./harness/system";
import { type Client, type Row, expectOk, uniqueWord } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { administrator } from "./lib/people";
import { Receiver } from "./lib/receiver";

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
