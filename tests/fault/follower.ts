import http from "node:http";
import { nowMs, pause } from "./client";
import type { Random } from "./random";

// A subscriber to GET /api/v1/events that notes all it gets (workload D of research/events.md §6). It can be cut at random places,
// in the middle of an event too, and goes on from the last event that it had whole; it can stop reading for a while.

export interface Delivery {
  source: string; // "customer", "identity"
  epoch: number;
  position: number;
  id: string;
  type: string;
  subject: string;
  version: number;
  marker: string;
  atMs: number;
}

interface CloudEvent {
  id: string;
  source: string;
  type: string;
  subject: string;
  sequence: string;
  data?: { version: string; after?: { description?: string } };
}

export interface FollowerOptions {
  url: string;
  token: string;
  cutMs?: (() => number) | undefined; // how long each connection lives; undefined: until it breaks
  after?: Follower | undefined; // begins where that one ended; undefined: with what comes next
  random: Random;
}

export class Follower {
  readonly deliveries: Delivery[] = [];
  readonly controls: string[] = []; // kinds of control events
  connections = 0;
  private readonly positions = new Map<string, number>();
  cursor: string | undefined;
  private running = true;
  private paused = false;
  private response: http.IncomingMessage | undefined;
  private loop: Promise<void>;

  constructor(private readonly options: FollowerOptions) {
    this.cursor = options.after?.cursor;
    this.loop = this.run();
  }

  position(source: string): number {
    return this.positions.get(source) ?? 0;
  }

  /** Takes nothing from the connection until resume(): what the kernel does not hold, the gateway must. */
  stopReading(): void {
    this.paused = true;
    this.response?.pause();
  }

  resumeReading(): void {
    this.paused = false;
    this.response?.resume();
  }

  async end(): Promise<void> {
    this.running = false;
    this.response?.destroy();
    await this.loop;
  }

  private async run(): Promise<void> {
    while (this.running) {
      await this.connect();
      if (this.running) await pause(20);
    }
  }

  /** One connection, until it ends in whichever way. The cursor goes once as Last-Event-ID and once as ?from=. */
  private connect(): Promise<void> {
    const { url, token, cutMs, random } = this.options;
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    const asHeader = this.cursor !== undefined && random.next() < 0.5;
    if (asHeader) headers["last-event-id"] = this.cursor ?? "";
    const query = asHeader ? "" : `?from=${this.cursor ?? "latest"}`;
    return new Promise((resolve) => {
      const request = http.get(`${url}/api/v1/events${query}`, { agent: false, headers });
      const silent = setTimeout(() => request.destroy(), 25_000); // comments come each 15 s
      const cut = cutMs === undefined ? undefined : setTimeout(() => request.destroy(), cutMs());
      request.on("error", () => undefined);
      request.on("close", () => {
        clearTimeout(silent);
        clearTimeout(cut);
        this.response = undefined;
        resolve();
      });
      request.on("response", (response) => {
        if (response.statusCode !== 200) {
          this.note(response.statusCode ?? 0);
          request.destroy();
          return;
        }
        this.connections++;
        this.response = response;
        this.read(response, () => silent.refresh());
      });
    });
  }

  /** 503 while the system is away is as announced; anything else is a fault of the door. */
  private note(status: number): void {
    if (status !== 503 && status !== 504) this.controls.push(`HTTP ${status}`);
  }

  private read(response: http.IncomingMessage, alive: () => void): void {
    let rest = "";
    response.setEncoding("utf8");
    response.on("error", () => undefined);
    response.on("data", (chunk: string) => {
      alive();
      const blocks = (rest + chunk).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) this.take(block);
    });
    if (this.paused) response.pause();
  }

  private take(block: string): void {
    const fields = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
    const data = fields.get("data");
    if (data === undefined) return;
    if (fields.get("event") === "control") {
      this.controls.push((JSON.parse(data) as { kind: string }).kind);
    } else if (fields.get("event") === "hidden") {
      this.controls.push("hidden");
    } else {
      this.deliver(JSON.parse(data) as CloudEvent);
    }
    this.cursor = fields.get("id") ?? this.cursor;
  }

  private deliver(event: CloudEvent): void {
    const source = event.source.replace("/guanxi/", "");
    const position = parseInt(event.sequence.slice(8), 16);
    this.positions.set(source, position);
    this.deliveries.push({
      source,
      epoch: parseInt(event.sequence.slice(0, 8), 16),
      position,
      id: event.id,
      type: event.type,
      subject: event.subject,
      version: Number(event.data?.version ?? 0),
      marker: event.data?.after?.description?.split(" ")[0] ?? "",
      atMs: nowMs(),
    });
  }
}
