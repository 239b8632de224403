import { nowMs, type Client, type Known } from "./client";
import type { Random } from "./random";

// Load with a recorded history. Updaters change random fields of a set of customers (workload A of research/events.md §6), creators
// register new ones (C), each operation under a key of its own and until its outcome is known. Every change carries a marker
// that occurs nowhere else, so that the checker can tell from the log which operation made which event.

export interface Operation {
  marker: string; // also its idempotency key; becomes the description
  writer: number;
  kind: "create" | "update";
  record: string; // its id; of a create: once known
  ifVersion?: number;
  beganMs: number;
  endedMs: number;
  attempts: string[];
  status: number; // HTTP; 0: never known
  version: number; // that it made, when done
  echoed: string; // the description in the answer
}

export interface LoadOptions {
  updaters: number;
  creators: number;
  records: number; // customers that the updaters share
  ifMatchShare: number; // of the updates, from 0 to 1
  paddingBytes: number; // makes events larger
}

export const ordinaryLoad: LoadOptions = { updaters: 6, creators: 2, records: 12, ifMatchShare: 0.5, paddingBytes: 0 };

interface Customer {
  id: string;
  version: string;
  description?: string;
}

const updatable = ["industry", "source", "wechat"] as const;

export class Load {
  readonly history: Operation[] = [];
  private readonly versions = new Map<string, number>(); // the newest that an answer told of, by record
  private running = true;
  private writers: Promise<void>[] = [];
  private counted = 0;

  private constructor(
    private readonly client: Client,
    private readonly name: string,
    private readonly options: LoadOptions,
  ) {}

  /** Makes the customers that the updaters share, then starts all writers. */
  static async begin(client: Client, random: Random, options: LoadOptions): Promise<Load> {
    const load = new Load(client, random.between(0, 2 ** 32 - 1).toString(36), options);
    const ids: string[] = [];
    for (let i = 0; i < options.records; i++) ids.push((await load.create(0)).record);
    for (let i = 0; i < options.updaters + options.creators; i++) {
      const own = random.fork();
      load.writers.push(load.write(async () => void (await (i < options.updaters ? load.update(i, own, own.pick(ids)) : load.create(i)))));
    }
    return load;
  }

  get writerCount(): number {
    return this.options.updaters + this.options.creators;
  }

  /** Ends after the operations under way; rejects when a writer broke. */
  async end(): Promise<Operation[]> {
    this.running = false;
    await Promise.all(this.writers);
    return this.history;
  }

  /** Until this many more operations are acknowledged than at the call. */
  async acknowledged(count: number, timeoutMs = 45_000): Promise<void> {
    const wanted = this.done().length + count;
    await this.until(`${count} more acknowledgements`, () => this.done().length >= wanted, timeoutMs);
  }

  /** Until each writer has an acknowledgement of an operation that it began after `sinceMs`; how long that took. */
  async recovered(sinceMs: number, timeoutMs = 45_000): Promise<number> {
    const first = (writer: number): Operation | undefined => this.done().find((o) => o.writer === writer && o.beganMs >= sinceMs);
    const all = (): (Operation | undefined)[] => Array.from({ length: this.writerCount }, (_, writer) => first(writer));
    await this.until("every writer gets on", () => all().every(Boolean), timeoutMs);
    return Math.max(...all().map((o) => o?.endedMs ?? Infinity)) - sinceMs;
  }

  /** Nothing was acknowledged for this long. */
  isStuck(forMs: number): boolean {
    return nowMs() - (this.done().at(-1)?.endedMs ?? 0) > forMs;
  }

  private done(): Operation[] {
    return this.history.filter((o) => o.status === 200 || o.status === 201);
  }

  private async until(what: string, holds: () => boolean, timeoutMs: number): Promise<void> {
    for (const deadline = nowMs() + timeoutMs; !holds(); ) {
      if (nowMs() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}; last: ${JSON.stringify(this.history.slice(-5))}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  private async write(operation: () => Promise<void>): Promise<void> {
    while (this.running) await operation();
  }

  private padded(marker: string): string {
    return `${marker} ${"x".repeat(this.options.paddingBytes)}`.trimEnd();
  }

  private async perform(operation: Operation, send: () => Promise<Known>): Promise<Operation> {
    const { answer, attempts } = await send();
    operation.endedMs = nowMs();
    operation.attempts = attempts;
    operation.status = answer?.status ?? 0;
    if (answer?.status === 200 || answer?.status === 201) {
      const customer = JSON.parse(answer.body) as Customer;
      operation.record = customer.id;
      operation.version = Number(customer.version);
      operation.echoed = (customer.description ?? "").split(" ")[0] ?? "";
      this.learn(customer.id, operation.version);
    } else if (answer?.status === 412) {
      this.learn(operation.record, Number((JSON.parse(answer.body) as { version: string }).version));
    }
    this.history.push(operation);
    return operation;
  }

  private learn(record: string, version: number): void {
    this.versions.set(record, Math.max(version, this.versions.get(record) ?? 0));
  }

  private begun(writer: number, kind: Operation["kind"], record: string): Operation {
    const marker = `${this.name}-${writer}-${this.counted++}`;
    return { marker, writer, kind, record, beganMs: nowMs(), endedMs: 0, attempts: [], status: 0, version: 0, echoed: "" };
  }

  private create(writer: number): Promise<Operation> {
    const operation = this.begun(writer, "create", "");
    const body = { name: `客户 ${operation.marker}`, description: this.padded(operation.marker) };
    return this.perform(operation, () => this.client.change("POST", "/api/v1/customers", operation.marker, body));
  }

  private update(writer: number, random: Random, record: string): Promise<Operation> {
    const operation = this.begun(writer, "update", record);
    if (random.next() < this.options.ifMatchShare) operation.ifVersion = this.versions.get(record) ?? 1;
    const body: Record<string, string | null> = { description: this.padded(operation.marker) };
    const field = random.pick(updatable);
    body[field] = random.next() < 0.2 ? null : `${field} ${random.between(0, 9)}`;
    return this.perform(operation, () => this.client.change("PATCH", `/api/v1/customers/${record}`, operation.marker, body, operation.ifVersion));
  }
}
