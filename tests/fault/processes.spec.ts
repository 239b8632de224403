import { eventually } from "../system/harness/system";
import { pause } from "./client";
import { expect, test } from "./fixtures";

// Every process dies, or stops for a while, under load. A process that died is up again within five seconds, and no
// acknowledged write is lost or done twice.

for (const name of ["broker", "broker-2", "identity", "customer", "gateway"]) {
  test(`kill -9 of ${name} loses nothing and does nothing twice @SYS-23`, async ({ trial }) => {
    const run = await trial({ followers: [(random) => random.between(300, 1500)] });
    await run.system.kill(name, "SIGKILL");
    run.now();
    await run.recovers();
    await run.check();
  });
}

test("kill -9 of broker, broker-2, identity, customer and gateway at once", async ({ trial }) => {
  const run = await trial();
  await Promise.all(["broker", "broker-2", "identity", "customer", "gateway"].map((name) => run.system.kill(name, "SIGKILL")));
  run.now();
  await run.recovers();
  await run.check();
});

test("a power cut: kill -9 of everything, PostgreSQL and Redis too", async ({ trial }) => {
  const run = await trial();
  await Promise.all(run.system.processes().map((name) => run.system.kill(name, "SIGKILL")));
  run.now();
  await run.recovers(10_000);
  await run.check();
});

for (const [name, forMs] of [["customer", 5_000], ["broker", 5_000], ["gateway", 3_000]] as const) {
  test(`${name} stopped for ${forMs / 1000} s and continued is no other than before`, async ({ trial }) => {
    const run = await trial();
    const pid = await run.system.kill(name, "SIGSTOP");
    try {
      await pause(forMs);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    run.now();
    await run.recovers();
    expect(await run.system.pid(name)).toBe(pid);
    await run.check();
  });
}

test("the same key sixteen times at once while customer is killed has one effect", async ({ trial }) => {
  const run = await trial({ load: { updaters: 2, creators: 0 } });
  const copies = 16;
  for (let round = 0; round < 6; round++) {
    const marker = `sixteen-${run.random.seed}-${round}`;
    const beganMs = performance.now();
    const before = (await run.system.pid("customer")) ?? 0;
    const sent = Array.from({ length: copies }, () => run.client.change("POST", "/api/v1/customers", marker, { name: marker, description: marker }));
    await pause(run.random.between(0, 15));
    process.kill(before, "SIGKILL");
    const ids = new Set<string>();
    for (const { answer, attempts } of await Promise.all(sent)) {
      expect(answer?.status, `${attempts.join(" ")} ${answer?.body ?? ""}`).toBe(201);
      ids.add((JSON.parse(answer?.body ?? "{}") as { id: string }).id);
    }
    expect([...ids], `one customer for the key ${marker}`).toHaveLength(1);
    run.load.history.push({ marker, writer: -1, kind: "create", record: [...ids][0] ?? "", beganMs, endedMs: performance.now(), attempts: [], status: 201, version: 1, echoed: marker });
    await eventually("another customer process serves", async () => ((await run.system.pid("customer")) !== before && (await run.system.isReady("customer")) ? true : undefined));
  }
  run.now();
  await run.recovers();
  await run.check();
});
