import { existsSync } from "node:fs";
import path from "node:path";
import protobuf from "protobufjs";
import { top, type System } from "../system/harness/system";

// What PostgreSQL holds, read by SQL and decoded by protobufjs: nothing here goes through our own code.

export interface Logged {
  position: number;
  epoch: number;
  xid: string;
  id: string;
  type: string;
  subject: string; // "customers/<id>"
  version: number; // 0: changes nothing
  salt: Buffer;
  payload: Buffer;
  digest: Buffer;
  payloadId: string;
  fields: string[];
  after: Record<string, unknown>;
  before: Record<string, unknown>;
}

export interface Seal {
  upTo: number;
  previous: Buffer;
  seal: Buffer;
}

export interface Row {
  id: string;
  version: number;
  values: Record<string, string>; // of the fields that the load changes, without those that are empty
}

/** All that a service's schema says of what happened after a position. */
export interface Log {
  from: number; // positions above this one
  head: { position: number; epoch: number; seal: Buffer };
  waiting: number; // rows of the outbox
  events: Logged[];
  seals: Seal[];
  rows: Row[]; // the customers that these events are about; empty for another service
}

export const rowFields = ["name", "description", "industry", "source", "wechat"] as const;

const definitions = new protobuf.Root();
definitions.resolvePath = (_origin, target) => [path.join(top, "proto", target), path.join("/usr/include", target)].find(existsSync) ?? null;
definitions.loadSync(["guanxi/event.proto", "guanxi/customer/v1/customer.proto", "guanxi/customer/v1/relation.proto", "guanxi/identity/v1/identity.proto"]);

interface Change {
  fields: string[];
  resource: string;
  before?: Uint8Array;
  after?: Uint8Array;
}

function decode(type: string, bytes: Uint8Array): Record<string, unknown> {
  const message = definitions.lookupType(type);
  return message.toObject(message.decode(bytes), { longs: String, enums: String });
}

function decodePayload(payload: Buffer): Pick<Logged, "payloadId" | "fields" | "before" | "after"> {
  const event = decode("guanxi.Event", payload) as { id: string; binaryData?: Uint8Array };
  const change = (event.binaryData === undefined ? {} : decode("guanxi.Change", event.binaryData)) as Partial<Change>;
  const part = (bytes?: Uint8Array): Record<string, unknown> => (bytes === undefined || change.resource === undefined ? {} : decode(change.resource, bytes));
  return { payloadId: event.id, fields: change.fields ?? [], before: part(change.before), after: part(change.after) };
}

const hex = (text: string | undefined): Buffer => Buffer.from(text ?? "", "hex");

export async function headOf(system: System, schema: string): Promise<number> {
  const [row] = await system.sql(`select pos from ${schema}.event_head`);
  return Number(row?.[0]);
}

async function readEvents(system: System, schema: string, from: number): Promise<Logged[]> {
  const rows = await system.sql(`select pos, epoch, xid, event_id, type, subject_type || '/' || subject_id, coalesce(subject_version, 0),
    encode(salt, 'hex'), encode(payload, 'hex'), encode(digest, 'hex') from ${schema}.event_log where pos > ${from} order by pos`);
  return rows.map(([position, epoch, xid = "", id = "", type = "", subject = "", version, salt, payload, digest]) => ({
    position: Number(position),
    epoch: Number(epoch),
    xid,
    id,
    type,
    subject,
    version: Number(version),
    salt: hex(salt),
    payload: hex(payload),
    digest: hex(digest),
    ...decodePayload(hex(payload)),
  }));
}

async function readRows(system: System, from: number): Promise<Row[]> {
  const columns = rowFields.map((field) => `'${field}', ${field}`).join(", ");
  const rows = await system.sql(`select id, version, json_strip_nulls(json_build_object(${columns})) from customer.customer
    where id in (select subject_id from customer.event_log where pos > ${from})`);
  return rows.map(([id = "", version, ...json]) => ({ id, version: Number(version), values: JSON.parse(json.join("|")) as Record<string, string> }));
}

export async function readLog(system: System, schema: string, from: number): Promise<Log> {
  const [head] = await system.sql(`select pos, epoch, encode(seal, 'hex'), (select count(*) from ${schema}.event_outbox) from ${schema}.event_head`);
  const seals = await system.sql(`select up_to, encode(previous, 'hex'), encode(seal, 'hex') from ${schema}.event_seal where up_to > ${from} order by up_to`);
  return {
    from,
    head: { position: Number(head?.[0]), epoch: Number(head?.[1]), seal: hex(head?.[2]) },
    waiting: Number(head?.[3]),
    events: await readEvents(system, schema, from),
    seals: seals.map(([upTo, previous, seal]) => ({ upTo: Number(upTo), previous: hex(previous), seal: hex(seal) })),
    rows: schema === "customer" ? await readRows(system, from) : [],
  };
}
