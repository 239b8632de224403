import http from "node:http";
import { signIn } from "../system/harness/fixtures";
import { eventually } from "../system/harness/system";
import { Client } from "./client";
import { expect, memoryMib, test } from "./fixtures";

// Subscribers that are cut or do not read, and Redis gone: none of it may lose an event or trouble others.

test("subscribers cut every 500 ms, every 50 to 300 ms and at random get everything once, in order", async ({ trial }) => {
  const run = await trial({ followers: [() => 500, (random) => random.between(50, 300), (random) => random.between(1, 2_000)] });
  await run.load.acknowledged(1_500);
  run.now();
  await run.recovers();
  await run.check();
});

test("subscribers cut at random while customer and brokers are killed in turn get everything once, in order", async ({ trial }) => {
  const run = await trial({ followers: [() => 500, (random) => random.between(100, 1_000)] });
  for (const name of ["customer", "broker", "broker-2", "customer"]) {
    await run.system.killAndWait(name);
    await run.load.acknowledged(100);
  }
  run.now();
  await run.recovers();
  await run.check();
});

test("a subscriber that stops reading costs the gateway little and others nothing, and gets all once it reads again", async ({ trial }) => {
  const run = await trial({ followers: [() => 3_600_000], load: { paddingBytes: 3_500, updaters: 8, creators: 0 } });
  const [reader, sleeper] = run.followers;
  if (reader === undefined || sleeper === undefined) throw new Error("two subscribers were asked for");
  const pid = (await run.system.pid("gateway")) ?? 0;
  const before = memoryMib(pid);
  sleeper.stopReading();
  const missed = reader.deliveries.length;
  // 16 MB and more that the sleeper does not take: beyond what the kernel holds for it.
  await run.load.acknowledged(2_400, 90_000);
  await eventually("others get theirs meanwhile", async () => (reader.deliveries.length > missed + 2_000 ? true : undefined));
  expect(sleeper.deliveries.length, "what the sleeper has").toBeLessThan(reader.deliveries.length - 500);
  const grown = memoryMib(pid) - before;
  run.notes.push(`the gateway grew by ${grown.toFixed(1)} MiB while the sleeper missed ${reader.deliveries.length - sleeper.deliveries.length} events`);
  expect(grown, "MiB that the gateway grew").toBeLessThan(24);
  sleeper.resumeReading();
  run.now();
  await run.recovers();
  await run.check();
});

test("two hundred subscribers that never read leave the gateway small and the load alone", async ({ trial }) => {
  const run = await trial();
  const pid = (await run.system.pid("gateway")) ?? 0;
  const before = memoryMib(pid);
  const sleepers = Array.from({ length: 200 }, () =>
    http.get(`${run.system.url}/api/v1/events?from=earliest`, { agent: false, headers: { authorization: `Bearer ${run.client.token}` } }, (response) => response.pause()).on("error", () => undefined),
  );
  await run.load.acknowledged(500);
  const grown = memoryMib(pid) - before;
  run.notes.push(`the gateway grew by ${grown.toFixed(1)} MiB for 200`);
  expect(grown, "MiB that the gateway grew").toBeLessThan(64);
  run.now();
  await run.recovers();
  for (const sleeper of sleepers) sleeper.destroy();
  await run.check();
});

test("without Redis everything goes on, also signing in", async ({ trial }) => {
  const run = await trial();
  await run.system.setUp("redis", false);
  try {
    run.now();
    await run.recovers();
    const client = new Client(run.system.url, await signIn(run.system));
    expect((await client.once("GET", "/api/v1/customers?limit=1")).status).toBe(200);
    client.close();
  } finally {
    await run.system.setUp("redis", true);
  }
  run.now();
  await run.recovers();
  await run.check();
});
