import { EventSource } from "eventsource";
import type { Client, Json } from "./client";
import { type Query, search } from "./client";

// An event stream, read with the `eventsource` package as an integrator would: what came is kept in order.
//
//   const stream = await Stream.open(admin, { types: "guanxi.customer.*", from: "latest" });
//   await stream.wait("the creation", (event) => event.subject === `customers/${id}`);
//   stream.close();

export interface CloudEvent {
  specversion: string;
  id: string;
  source: string;
  type: string;
  subject: string;
  time: string;
  sequence: string;
  datacontenttype: string;
  data: { version: string; fields: string[]; before?: Record<string, Json>; after?: Record<string, Json>; principalId?: string };
}

export interface Received {
  /** The SSE event name: the CloudEvents type, "hidden" or "control". */
  name: string;
  /** The cursor behind it. */
  cursor: string;
  text: string;
  subject: string;
  atMs: number;
}

/** The CloudEvent that an SSE event carries. */
export const cloudEvent = (received: Received): CloudEvent => JSON.parse(received.text) as CloudEvent;

/** Every name that an event of the definition can have: the package wants a listener for each. */
async function eventNames(client: Client): Promise<string[]> {
  const { resources } = (await client.get("/api/schema")).json<{ resources: { name: string }[] }>();
  const kinds = ["created", "updated", "deleted", "restored", "snapshot"];
  const names = resources.flatMap(({ name }) => {
    const [, service, , message] = name.split(".");
    const singular = (message ?? "").replace(/[A-Z]/g, (letter, at) => (at === 0 ? "" : "_") + letter.toLowerCase());
    return kinds.map((kind) => `guanxi.${service ?? ""}.${singular}.${kind}.v1`);
  });
  return [...names, "hidden", "control"];
}

export class Stream {
  readonly received: Received[] = [];
  private waiting: (() => void)[] = [];
  private failure: Error | undefined;

  private constructor(private readonly source: EventSource) {}

  /** Returns once the server has answered. `headers` go with the first request alone, as Last-Event-ID of an earlier life does. */
  static async open(client: Client, query: Query = {}, headers: Record<string, string> = {}): Promise<Stream> {
    const names = await eventNames(client);
    let first = true;
    const source = new EventSource(`${client.url}/api/v1/events${search(query)}`, {
      fetch: (url, init) => {
        const extra = first ? headers : {};
        first = false;
        return fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${client.token ?? ""}`, ...client.headers, ...extra } });
      },
    });
    const stream = new Stream(source);
    for (const name of names)
      source.addEventListener(name, (event) => {
        stream.take(name, event);
      });
    await new Promise<void>((resolve, reject) => {
      source.addEventListener("open", () => {
        resolve();
      });
      source.addEventListener("error", (event) => {
        if (source.readyState === source.CLOSED) stream.failure = new Error(`the stream ended: ${String(event.code)} ${event.message ?? ""}`);
        if (stream.failure !== undefined) reject(stream.failure);
        stream.wake();
      });
    });
    return stream;
  }

  private take(name: string, event: MessageEvent): void {
    const text = String(event.data);
    const { subject } = JSON.parse(text) as { subject?: string };
    this.received.push({ name, cursor: event.lastEventId, text, subject: subject ?? "", atMs: performance.now() });
    this.wake();
  }

  private wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resume of waiting) resume();
  }

  /** The first event that fits, also when it came before; fails with all that did come when it does not within the time. */
  async wait(what: string, fits: (event: Received) => boolean, timeoutMs = 15_000): Promise<Received> {
    return this.until(what, () => this.received.find(fits), timeoutMs);
  }

  /** Waits until `look` gives something. */
  async until<T>(what: string, look: () => T | undefined, timeoutMs = 15_000): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.failure !== undefined) throw this.failure;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`waited ${timeoutMs} ms in vain for ${what}; ${this.received.length} events came, the last: ${this.received.slice(-5).map((event) => `${event.name} ${event.subject}`).join(", ")}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Waits until the server has ended it for good. */
  async ended(timeoutMs: number): Promise<number> {
    const since = performance.now();
    await this.until("its end", () => (this.source.readyState === EventSource.OPEN ? undefined : true), timeoutMs);
    return performance.now() - since;
  }

  names(subject: string): string[] {
    return this.received.filter((event) => event.subject === subject).map((event) => event.name);
  }

  close(): void {
    this.source.close();
  }
}
