import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { eventually, freePorts, outcome, System, temporaryDirectory, top } from "../system/harness/system";
import { nowMs, pause } from "./client";
import { expect, test } from "./fixtures";

// PostgreSQL dies, hangs, fills up, or somebody else in it misbehaves.

test("PostgreSQL shut down at once (immediate), twice, loses nothing", async ({ trial }) => {
  const run = await trial();
  for (let i = 0; i < 2; i++) {
    const before = await run.system.kill("postgres", "SIGQUIT");
    run.now();
    await eventually("another PostgreSQL serves", async () => ((await run.system.pid("postgres")) !== before && (await run.system.isReady("postgres")) ? true : undefined));
    await run.recovers();
  }
  await run.check();
});

test("kill -9 of a backend in the middle of its work loses nothing", async ({ trial }) => {
  const run = await trial();
  const [backend] = await run.system.sql("select pid from pg_stat_activity where application_name like 'write-%' and usename = 'guanxi_customer' order by pid limit 1");
  process.kill(Number(backend?.[0]), "SIGKILL");
  run.now();
  await run.recovers();
  await run.check();
});

test("connections that PostgreSQL ends again and again cost retries and nothing else", async ({ trial }) => {
  const run = await trial();
  for (let i = 0; i < 10; i++) {
    await run.system.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename in ('guanxi_customer', 'guanxi_identity')");
    await run.load.acknowledged(20);
  }
  run.now();
  await run.recovers();
  await run.check();
});

// --- somebody else's transaction

/** A superuser's session in which the statements were run and which stays open; end() rolls back. */
async function openTransaction(system: System, database: string, statements: string): Promise<{ end: () => Promise<void> }> {
  const child = spawn(path.join(top, "deploy/local/cluster"), ["psql", "-At"], { env: { ...process.env, ...system.environment, database }, stdio: ["pipe", "pipe", "inherit"] });
  const said = new Promise<void>((resolve) => child.stdout.setEncoding("utf8").on("data", (text: string) => text.includes("open") && resolve()));
  child.stdin.write(`set idle_in_transaction_session_timeout = 0;\nbegin;\n${statements}\nselect 'open';\n`);
  await said;
  return {
    end: () =>
      new Promise<void>((resolve) => {
        child.on("exit", () => resolve());
        child.stdin.end();
      }),
  };
}

test("a transaction left open in the schema, its event in the outbox, holds nobody up and leaves nothing behind", async ({ trial }) => {
  const run = await trial();
  const open = await openTransaction(run.system, "guanxi", `insert into customer.event_outbox (event_id, request_id, type, subject_type, subject_id, subject_version, audience, occurred_at, salt, payload)
    values (gen_random_uuid(), gen_random_uuid(), 'guanxi.customer.customer.created.v1', 'customers', gen_random_uuid(), 1, '', now(), '', '');`);
  run.now();
  await run.recovers(1_500);
  await open.end();
  await run.check();
});

test("a transaction left open in another database, with an xid, holds nobody up", async ({ trial }) => {
  const run = await trial();
  const open = await openTransaction(run.system, "postgres", "select pg_current_xact_id();");
  run.now();
  await run.recovers(1_500);
  await open.end();
  await run.check();
});

test("somebody who locks the rows that all want delays those who want them, and no one else", async ({ trial }) => {
  const run = await trial({ load: { records: 4, creators: 3 } });
  const locked = run.load.history[0]?.record ?? "";
  const open = await openTransaction(run.system, "guanxi", `select from customer.customer where id = '${locked}' for update;`);
  await run.load.acknowledged(30);
  await open.end();
  run.now();
  await run.recovers();
  await run.check();
});

test("sixteen writers on four customers, taken by two lanes in whichever order, deadlock never", async ({ trial }) => {
  const deadlocks = "select deadlocks from pg_stat_database where datname = 'guanxi'";
  const run = await trial({ load: { updaters: 16, creators: 0, records: 4, ifMatchShare: 0.1 } });
  const [before] = await run.system.sql(deadlocks);
  await run.load.acknowledged(1500);
  expect(await run.system.sql(deadlocks)).toEqual([before]);
  run.now();
  await run.recovers();
  await run.check();
});

// --- two sequencers

/** A second customer process beside the supervised one, with the same environment but an admin port of its own. */
async function secondCustomer(system: System): Promise<ChildProcess> {
  const directory = path.join(system.directory, "supervise/customer/env");
  const env: Record<string, string> = {};
  for (const name of readdirSync(directory)) env[name] = readFileSync(path.join(directory, name), "utf8");
  env["GUANXI_ADMIN"] = `127.0.0.1:${await freePorts()}`;
  const { uid, gid } = statSync(path.join(system.directory, "run"));
  const child = spawn(path.join(system.directory, "app/bin/guanxi-customer"), { env, uid, gid, cwd: "/", stdio: ["ignore", "ignore", "ignore", "pipe"] });
  await new Promise<void>((resolve, reject) => {
    child.stdio[3]?.once("data", () => resolve());
    child.once("exit", (code, signal) => reject(new Error(`a second customer process ended at once: ${code ?? signal}`)));
  });
  return child;
}

test("two customer processes, two sequencers on one log: kill -9 of one, and later of the other", async ({ trial }) => {
  const run = await trial({ followers: [(random) => random.between(300, 1500)] });
  const second = await secondCustomer(run.system);
  try {
    await run.load.acknowledged(300);
    await run.system.kill("customer", "SIGKILL");
    run.now();
    await run.recovers();
    await run.system.waitReady("customer");
    second.kill("SIGKILL");
    run.now();
    await run.recovers();
  } finally {
    second.kill("SIGKILL");
  }
  await run.check();
});

test("one of two customer processes freezes in the middle of its work: the other takes over while it is frozen", async ({ trial }) => {
  const run = await trial({ load: { updaters: 12, records: 6 } });
  const second = await secondCustomer(run.system);
  try {
    await run.load.acknowledged(300);
    second.kill("SIGSTOP");
    run.now();
    await run.recovers(9_000); // three seconds until it is missed, five until PostgreSQL takes its locks away
    second.kill("SIGCONT");
    await run.load.acknowledged(300);
  } finally {
    second.kill("SIGKILL");
  }
  run.now();
  await run.recovers();
  await run.check();
});

// --- no room

test("a disk that fills up under load refuses writes, loses none that was acknowledged, and goes on when there is room", async ({ trial }) => {
  const mount = temporaryDirectory();
  const mounted = await outcome("mount", ["-t", "tmpfs", "-o", "size=420m,mode=755", "none", mount]);
  test.skip(mounted.code !== 0, "no right to mount a small disk here");
  const system = await System.prepare({ GUANXI_VAR: path.join(mount, "var"), GUANXI_FREE_MB: "10", GUANXI_DEATHS: "4000", GUANXI_BROKERS: "2" });
  try {
    await system.start();
    const run = await trial({ system, load: { paddingBytes: 3_000 } });
    await outcome("dd", ["if=/dev/zero", `of=${path.join(mount, "fill")}`, "bs=1M"]);
    const fullMs = nowMs();
    await eventually("writes are refused for want of room", async () => (run.load.isStuck(1_000) ? true : undefined), 60_000);
    run.notes.push(`stuck ${Math.round(nowMs() - fullMs)} ms after the disk was full`);
    await pause(2_000);
    await outcome("rm", [path.join(mount, "fill")]);
    run.now();
    await run.recovers(15_000);
    await run.check();
  } finally {
    await system.stop();
    await outcome("umount", ["-l", mount]);
  }
});
