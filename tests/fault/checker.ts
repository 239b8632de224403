import { createHash } from "node:crypto";
import type { Delivery } from "./follower";
import type { Operation } from "./load";
import { rowFields, type Log, type Logged } from "./log";

// Holds recorded histories against the log and the rows, after the fact. Each function returns what is wrong as sentences; none, when
// the promises of DESIGN.md §1 held. checker.spec.ts shows that each of them can fail.

const sha256 = (...parts: Buffer[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const markerOf = (event: Logged): string => String(event.after["description"] ?? "").split(" ")[0] ?? "";
const at = (event: Logged): string => `position ${event.position} (${event.type} of ${event.subject} version ${event.version})`;
const isDone = (o: Operation): boolean => o.status === 200 || o.status === 201;

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** Positions are dense, transactions whole, nothing waits; digests and the chain of seals verify up to the head. */
export function checkLog(log: Log): string[] {
  const wrong: string[] = [];
  if (log.waiting > 0) wrong.push(`${log.waiting} events still wait in the outbox`);
  log.events.forEach((event, i) => {
    if (event.position !== log.from + 1 + i) wrong.push(`${at(event)} follows position ${log.events[i - 1]?.position ?? log.from}`);
    if (!sha256(event.salt, event.payload).equals(event.digest)) wrong.push(`${at(event)} has a digest that is not its payload's`);
    if (event.id !== event.payloadId) wrong.push(`${at(event)} has the id ${event.id} outside and ${event.payloadId} in its payload`);
  });
  const last = log.events.at(-1)?.position ?? log.from;
  if (log.head.position !== last) wrong.push(`the head says ${log.head.position} but the last event is at ${last}`);
  const ids = groupBy(log.events, (event) => event.id);
  for (const [id, events] of ids) if (events.length > 1) wrong.push(`event ${id} is logged ${events.length} times`);
  return [...wrong, ...checkTransactions(log), ...checkSeals(log)];
}

function checkTransactions(log: Log): string[] {
  const closed = new Set<string>();
  const wrong: string[] = [];
  log.events.forEach((event, i) => {
    const before = log.events[i - 1];
    if (before !== undefined && before.xid !== event.xid) closed.add(before.xid);
    if (closed.has(event.xid)) wrong.push(`${at(event)} is apart from the rest of transaction ${event.xid}`);
  });
  return wrong;
}

function checkSeals(log: Log): string[] {
  const wrong: string[] = [];
  let position = log.from;
  let previous: Buffer | undefined;
  for (const seal of log.seals) {
    const digests = log.events.filter((event) => event.position > position && event.position <= seal.upTo).map((event) => event.digest);
    if (previous !== undefined && !previous.equals(seal.previous)) wrong.push(`the seal up to ${seal.upTo} does not continue the one before`);
    if (!sha256(seal.previous, ...digests).equals(seal.seal)) wrong.push(`the seal up to ${seal.upTo} does not verify`);
    position = seal.upTo;
    previous = seal.seal;
  }
  if (position !== log.head.position) wrong.push(`seals reach ${position}, the head ${log.head.position}`);
  if (previous !== undefined && !previous.equals(log.head.seal)) wrong.push("the head's seal is not the last one");
  return wrong;
}

/** For one record: each version has one event, in order, and what they tell adds up to the stored row. */
export function checkRecords(log: Log): string[] {
  const wrong: string[] = [];
  const events = groupBy(log.events.filter((event) => event.version > 0), (event) => event.subject);
  for (const [subject, changes] of events) {
    changes.forEach((event, i) => {
      const before = changes[i - 1]?.version ?? event.version - 1;
      if (event.version !== before + 1) wrong.push(`${at(event)} follows version ${before}`);
    });
    const row = log.rows.find((candidate) => `customers/${candidate.id}` === subject);
    if (subject.startsWith("customers/")) wrong.push(...checkFold(subject, changes, row));
  }
  return wrong;
}

function checkFold(subject: string, changes: Logged[], row: Log["rows"][number] | undefined): string[] {
  if (row === undefined) return [`${subject} has events and no row`];
  const folded: Record<string, unknown> = {};
  const wrong: string[] = [];
  for (const event of changes) {
    for (const field of rowFields) {
      if (!event.fields.includes(field)) continue;
      if (changes[0]?.version === 1 && event.version > 1 && event.before[field] !== folded[field])
        wrong.push(`${at(event)} says that ${field} was ${String(event.before[field])} before, and it was ${String(folded[field])}`);
      folded[field] = event.after[field];
    }
  }
  const last = changes.at(-1)?.version;
  if (row.version !== last) wrong.push(`${subject} is at version ${row.version}, its last event at ${last}`);
  for (const field of rowFields) {
    const known = changes[0]?.version === 1 || field in folded;
    if (known && row.values[field] !== folded[field]) wrong.push(`${subject} has ${field} ${row.values[field]}, its events say ${String(folded[field])}`);
  }
  return wrong;
}

/**
 * What was acknowledged is in the log exactly once and as it was told; what was refused is not; nothing is that nobody asked for; and
 * for one record, who was answered before another began has the lower version.
 */
export function checkHistory(history: readonly Operation[], log: Log): string[] {
  const wrong: string[] = [];
  const effects = groupBy(log.events.filter((event) => event.fields.includes("description") && event.subject.startsWith("customers/")), markerOf);
  const asked = new Set(history.map((o) => o.marker));
  for (const [marker, events] of effects) if (!asked.has(marker)) wrong.push(`${events.map(at).join(", ")}: nobody asked for "${marker}"`);
  for (const operation of history) wrong.push(...checkOperation(operation, effects.get(operation.marker) ?? []));
  return [...wrong, ...checkRealTime(history)];
}

function checkOperation(o: Operation, effects: Logged[]): string[] {
  const name = `${o.kind} ${o.marker} (${[...o.attempts, o.status].join(", ")})`;
  const where = effects.map(at).join(" and ") || "nowhere";
  if (o.status === 0) return [`${name}: its outcome never became known; it is logged ${where}`];
  if (o.status === 412 && o.ifVersion !== undefined) return effects.length === 0 ? [] : [`${name}: refused as stale, and yet logged at ${where}`];
  if (!isDone(o)) return [`${name}: an answer that must not be; it is logged ${where}`];
  const [effect, ...more] = effects;
  if (effect === undefined) return [`${name}: acknowledged and lost`];
  const wrong: string[] = [];
  if (more.length > 0) wrong.push(`${name}: one key, ${effects.length} effects: ${where}`);
  if (effect.subject !== `customers/${o.record}` || effect.version !== o.version) wrong.push(`${name}: told of ${o.record} version ${o.version}, logged at ${where}`);
  if (o.echoed !== o.marker) wrong.push(`${name}: the answer told of "${o.echoed}"`);
  if (o.ifVersion !== undefined && o.version !== o.ifVersion + 1) wrong.push(`${name}: wanted version ${o.ifVersion} and made ${o.version}`);
  return wrong;
}

function checkRealTime(history: readonly Operation[]): string[] {
  const wrong: string[] = [];
  for (const [record, operations] of groupBy(history.filter(isDone), (o) => o.record)) {
    const byVersion = [...operations].sort((a, b) => a.version - b.version);
    let latestBegin = -Infinity;
    for (const o of byVersion) {
      if (o.endedMs < latestBegin) wrong.push(`${record}: version ${o.version} was acknowledged before a lower version was asked for`);
      latestBegin = Math.max(latestBegin, o.beganMs);
    }
  }
  return wrong;
}

/** What a subscriber got tiles the log: all of it, in order, once, and as it was logged. */
export function checkDelivery(name: string, source: string, deliveries: readonly Delivery[], log: Log): string[] {
  const wrong: string[] = [];
  const got = deliveries.filter((delivery) => delivery.source === source);
  const byPosition = new Map(log.events.map((event) => [event.position, event]));
  got.forEach((delivery, i) => {
    const event = byPosition.get(delivery.position);
    const place = `${name} of ${source}: position ${delivery.position}`;
    if (delivery.position !== log.from + 1 + i) wrong.push(`${place} came after ${got[i - 1]?.position ?? log.from}`);
    if (event === undefined) wrong.push(`${place} (${delivery.type} of ${delivery.subject}) is not in the log`);
    else if (!isSame(delivery, event)) wrong.push(`${place} is ${JSON.stringify(delivery)}, logged as ${at(event)} ${event.id}`);
  });
  const last = got.at(-1)?.position ?? log.from;
  if (last !== log.head.position) wrong.push(`${name} of ${source}: ends at ${last}, the log at ${log.head.position}`);
  return wrong;
}

function isSame(delivery: Delivery, event: Logged): boolean {
  const sameMarker = !event.subject.startsWith("customers/") || delivery.marker === markerOf(event);
  return (
    delivery.id === event.id &&
    delivery.epoch === event.epoch &&
    delivery.type === event.type &&
    delivery.subject === event.subject &&
    delivery.version === event.version &&
    sameMarker
  );
}
