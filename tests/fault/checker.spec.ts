import { createHash } from "node:crypto";
import { expect, test } from "@playwright/test";
import { checkDelivery, checkHistory, checkLog, checkRecords } from "./checker";
import type { Delivery } from "./follower";
import type { Operation } from "./load";
import type { Log, Logged, Seal } from "./log";

// The checker checked: a sound world passes, and each way to break it is found.

interface World {
  log: Log;
  history: Operation[];
  deliveries: Delivery[];
}

const digestOf = (...parts: Buffer[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();

function eventAt(position: number, version: number, marker: string, before: string | undefined): Logged {
  const salt = Buffer.from(`salt ${position}`);
  const payload = Buffer.from(`payload ${position}`);
  const what = version === 1 ? "created" : "updated";
  return {
    position, epoch: 1, xid: `x${position}`, id: `e${position}`, payloadId: `e${position}`, type: `guanxi.customer.customer.${what}.v1`,
    subject: "customers/r", version, salt, payload, digest: digestOf(salt, payload), fields: ["description"],
    after: { description: marker }, before: before === undefined ? {} : { description: before },
  };
}

function operation(marker: string, version: number, beganMs: number): Operation {
  return { marker, writer: 0, kind: version === 1 ? "create" : "update", record: "r", beganMs, endedMs: beganMs + 1, attempts: [], status: 200, version, echoed: marker };
}

function deliveryOf(event: Logged): Delivery {
  const { epoch, position, id, type, subject, version } = event;
  return { source: "customer", epoch, position, id, type, subject, version, marker: String(event.after["description"]), atMs: 0 };
}

/** Four versions of one customer at positions 11 to 14, sealed two by two, delivered once. */
function sound(): World {
  const markers = ["a", "b", "c", "d"];
  const events = markers.map((marker, i) => eventAt(11 + i, i + 1, marker, markers[i - 1]));
  const digests = events.map((event) => event.digest);
  const first: Seal = { upTo: 12, previous: Buffer.from("s"), seal: digestOf(Buffer.from("s"), ...digests.slice(0, 2)) };
  const second: Seal = { upTo: 14, previous: first.seal, seal: digestOf(first.seal, ...digests.slice(2)) };
  return {
    log: {
      from: 10, head: { position: 14, epoch: 1, seal: second.seal }, waiting: 0, events, seals: [first, second],
      rows: [{ id: "r", version: 4, values: { description: "d" } }],
    },
    history: markers.map((marker, i) => operation(marker, i + 1, i * 10)),
    deliveries: events.map(deliveryOf),
  };
}

function violations({ log, history, deliveries }: World): string[] {
  return [...checkLog(log), ...checkRecords(log), ...checkHistory(history, log), ...checkDelivery("it", "customer", deliveries, log)];
}

function at<T>(list: T[], i: number): T {
  const item = list[i];
  if (item === undefined) throw new Error(`no item ${i}`);
  return item;
}

test("the checker finds nothing in a sound world", () => {
  expect(violations(sound())).toEqual([]);
});

const ways: Record<string, (world: World) => void> = {
  "an event that is missing": ({ log }) => log.events.splice(1, 1),
  "an event that is logged twice": ({ log }) => (at(log.events, 2).id = at(log.events, 2).payloadId = at(log.events, 1).id),
  "positions that are exchanged": ({ log }) => log.events.reverse(),
  "a transaction that is split": ({ log }) => (at(log.events, 2).xid = at(log.events, 0).xid),
  "a payload that was rewritten": ({ log }) => (at(log.events, 1).payload = Buffer.from("other")),
  "a seal that does not continue": ({ log }) => (at(log.seals, 1).previous = Buffer.from("other")),
  "a seal that is missing": ({ log }) => log.seals.pop(),
  "a head that is ahead": ({ log }) => (log.head.position = 15),
  "an outbox that is not empty": ({ log }) => (log.waiting = 1),
  "a version that is left out": ({ log }) => (at(log.events, 3).version = 5),
  "a row that is not what its events say": ({ log }) => (at(log.rows, 0).values["description"] = "c"),
  "a row that is behind its events": ({ log }) => (at(log.rows, 0).version = 3),
  "a before that never was": ({ log }) => (at(log.events, 2).before["description"] = "z"),
  "an acknowledged write that is lost": ({ history }) => history.push(operation("lost", 5, 50)),
  "a key with two effects": ({ log }) => (at(log.events, 3).after["description"] = "c"),
  "an effect that nobody asked for": ({ history }) => history.pop(),
  "a refusal that had an effect": ({ history }) => Object.assign(at(history, 3), { status: 412, ifVersion: 3 }),
  "an outcome that never became known": ({ history }) => (at(history, 3).status = 0),
  "an answer that must not be": ({ history }) => (at(history, 3).status = 500),
  "an answer with another's version": ({ history }) => (at(history, 3).version = 3),
  "an If-Match that was not heeded": ({ history }) => (at(history, 3).ifVersion = 2),
  "an order that is not that of time": ({ history }) => (at(history, 0).beganMs = 100),
  "an event that is not delivered": ({ deliveries }) => deliveries.splice(2, 1),
  "an end that is not delivered": ({ deliveries }) => deliveries.pop(),
  "an event that is delivered twice": ({ deliveries }) => deliveries.splice(2, 0, at(deliveries, 2)),
  "an event that is delivered and not in the log": ({ deliveries }) => deliveries.push({ ...at(deliveries, 3), position: 15 }),
  "an event that is delivered as another": ({ deliveries }) => (at(deliveries, 3).marker = "z"),
};

for (const [name, breakIt] of Object.entries(ways)) {
  test(`the checker finds ${name}`, () => {
    const world = sound();
    breakIt(world);
    expect(violations(world)).not.toEqual([]);
  });
}
