import { readFileSync } from "node:fs";
import { expect, signIn, test as base } from "../system/harness/fixtures";
import { eventually, type System } from "../system/harness/system";
import { checkDelivery, checkHistory, checkLog, checkRecords } from "./checker";
import { Client, nowMs } from "./client";
import { Follower } from "./follower";
import { Load, ordinaryLoad, type LoadOptions } from "./load";
import { headOf, readLog } from "./log";
import { Random, seedOfRun } from "./random";

// A trial is load on the system with subscribers beside it, a fault in the middle, and the checker at the end:
//
//   test("kill -9 of customer", async ({ trial }) => {
//     const run = await trial();
//     await run.system.kill("customer", "SIGKILL");
//     await run.recovers();
//     await run.check();
//   });

const streams = ["customer", "identity"];
const showAtMost = 12;

export interface TrialOptions {
  system?: System;
  load?: Partial<LoadOptions>;
  followers?: ((random: Random) => number)[]; // beside the one that is never cut: how long each connection of these lives, ms
  warmUp?: number; // acknowledgements before the fault
}

export class Trial {
  readonly notes: string[] = [];
  private faultMs = nowMs();

  private constructor(
    readonly name: string,
    readonly system: System,
    readonly random: Random,
    readonly client: Client,
    readonly load: Load,
    readonly followers: readonly Follower[], // the first is never cut
    private readonly from: ReadonlyMap<string, number>,
  ) {}

  static async begin(name: string, system: System, options: TrialOptions = {}): Promise<Trial> {
    const random = new Random(seedOfRun());
    const token = await signIn(system);
    const client = new Client(system.url, token);
    const mark = await markedPlace(system, client, random);
    const cuts = [undefined, ...(options.followers ?? [])];
    const followers = cuts.map((cut) => {
      const own = random.fork();
      return new Follower({ url: system.url, token, random: own, after: mark, cutMs: cut === undefined ? undefined : () => cut(own) });
    });
    const from = new Map(streams.map((stream) => [stream, mark.position(stream)]));
    const load = await Load.begin(client, random, { ...ordinaryLoad, ...options.load });
    const trial = new Trial(name, system, random, client, load, followers, from);
    await load.acknowledged(options.warmUp ?? 150);
    trial.now();
    return trial;
  }

  /** The fault, or its end, is now: recovery counts from here. */
  now(): void {
    this.faultMs = nowMs();
  }

  /** Until each writer gets on and an event of an operation begun since is delivered; fails when that took longer than promised. */
  async recovers(withinMs = 5_000): Promise<void> {
    const writing = await this.load.recovered(this.faultMs);
    const follower = this.followers[0];
    const isNew = new Set(this.load.history.filter((o) => o.beganMs >= this.faultMs).map((o) => o.marker));
    const delivery = await eventually("an event of after the fault is delivered", async () => follower?.deliveries.find((d) => isNew.has(d.marker)));
    this.notes.push(`writers recovered in ${Math.round(writing)} ms, delivery in ${Math.round(delivery.atMs - this.faultMs)} ms`);
    expect.soft(writing, "recovery of the writers, ms").toBeLessThan(withinMs);
    expect.soft(delivery.atMs - this.faultMs, "recovery of delivery, ms").toBeLessThan(withinMs);
    await this.load.acknowledged(100);
  }

  /** Ends the load, waits until everything is delivered, and holds all that was recorded against the log. */
  async check(): Promise<void> {
    const history = await this.load.end();
    const settled = nowMs();
    await this.settle();
    this.notes.push(`settled ${Math.round(nowMs() - settled)} ms after the load`);
    for (const follower of this.followers) await follower.end();
    const wrong: string[] = [];
    for (const stream of streams) {
      const log = await readLog(this.system, stream, this.from.get(stream) ?? 0);
      wrong.push(...checkLog(log), ...checkRecords(log));
      if (stream === "customer") wrong.push(...checkHistory(history, log));
      this.followers.forEach((follower, i) => wrong.push(...checkDelivery(`subscriber ${i}`, stream, follower.deliveries, log)));
    }
    for (const follower of this.followers) wrong.push(...follower.controls.filter((kind) => kind !== "RECONNECT").map((kind) => `a subscriber was told ${kind}`));
    this.report();
    expect(wrong.length, `${wrong.slice(0, showAtMost).join("\n")}\n${wrong.length} violations, seed ${this.random.seed}`).toBe(0);
  }

  /** Ends everything without judging: after a test has failed on its way. */
  async abandon(): Promise<void> {
    await Promise.all(this.followers.map((follower) => follower.end()));
    await this.load.end().catch(() => undefined);
    this.client.close();
  }

  private async settle(): Promise<void> {
    for (const stream of streams) {
      await eventually(`the outbox of ${stream} is empty`, async () => ((await this.system.sql(`select from ${stream}.event_outbox limit 1`)).length === 0 ? true : undefined));
      const head = await headOf(this.system, stream);
      const reached = (follower: Follower): number => Math.max(follower.position(stream), this.from.get(stream) ?? 0);
      await eventually(`every subscriber of ${stream} gets to ${head}`, async () => (this.followers.every((f) => reached(f) >= head) ? true : undefined), 10_000).catch((error: unknown) => {
        this.notes.push(`${String(error)}; they are at ${this.followers.map(reached).join(", ")}`);
      });
    }
  }

  private report(): void {
    const history = this.load.history;
    const done = history.filter((o) => o.status === 200 || o.status === 201);
    const retried = history.filter((o) => o.attempts.length > 0);
    const longest = Math.max(...history.map((o) => o.endedMs - o.beganMs));
    const reasons = [...new Set(retried.flatMap((o) => o.attempts))].sort().join(" ");
    const delivered = this.followers.map((f) => `${f.deliveries.length} in ${f.connections}`).join(", ");
    const lines = [
      `${this.name} (seed ${this.random.seed}): ${this.notes.join("; ")}`,
      `  ${done.length} acknowledged, ${history.filter((o) => o.status === 412).length} stale, ${retried.length} retried${reasons && ` (${reasons})`}, longest ${Math.round(longest)} ms; delivered in connections: ${delivered}`,
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  }
}

/** A subscriber that knows its place in both streams, ended: others begin where it ended. */
async function markedPlace(system: System, client: Client, random: Random): Promise<Follower> {
  const mark = new Follower({ url: system.url, token: client.token, random });
  await eventually("a subscriber hears of both streams", async () => {
    await signIn(system);
    await client.once("POST", "/api/v1/customers", { headers: { "content-type": "application/json" }, body: '{"name":"这里"}' });
    return streams.every((stream) => mark.position(stream) > 0) ? true : undefined;
  });
  for (const stream of streams) {
    const head = await headOf(system, stream);
    await eventually(`the subscriber gets to ${head}`, async () => (mark.position(stream) >= head ? true : undefined));
  }
  await mark.end();
  return mark;
}

/** Proportional set size, MiB. */
export function memoryMib(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]) / 1024;
}

interface Fixtures {
  trial: (options?: TrialOptions) => Promise<Trial>;
}

export const test = base.extend<Fixtures>({
  trial: async ({ system }, use, testInfo) => {
    const begun: Trial[] = [];
    await use(async (options = {}) => {
      const trial = await Trial.begin(testInfo.title, options.system ?? system, options);
      begun.push(trial);
      return trial;
    });
    for (const trial of begun) await trial.abandon();
  },
});

export { expect };
