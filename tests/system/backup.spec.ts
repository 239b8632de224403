import { appendFileSync, copyFileSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "./harness/fixtures";
import { System, outcome, temporaryDirectory, top, type Outcome } from "./harness/system";

// Backup and restore, on whole systems of their own.

const restore = (system: System, ...args: string[]): Promise<Outcome> =>
  outcome(path.join(top, "deploy/backup/restore"), args, system.environment);

/** A backup of the system, which keeps running; gives its directory. */
async function backup(system: System): Promise<string> {
  const done = await outcome(path.join(top, "deploy/backup/backup"), [], system.environment);
  expect(done.stderr).toBe("");
  expect(done.code).toBe(0);
  const [newest] = readdirSync(path.join(system.directory, "backup")).sort().reverse();
  return path.join(system.directory, "backup", newest ?? "");
}

/** Copies a backup out of the system's state, as one would keep it. */
function keep(directory: string): string {
  const kept = temporaryDirectory();
  for (const name of readdirSync(directory)) copyFileSync(path.join(directory, name), path.join(kept, name));
  return kept;
}

/** Each table and its rows in the system, which is stopped: once it serves, what works in the background goes on. */
async function rowCounts(system: System): Promise<string> {
  const connection = `host=${system.directory}/run user=guanxi dbname=guanxi passfile=${system.directory}/secrets/superuser.pgpass`;
  const done = await system.command("cluster", "offline", "psql", "-XqAt", "-f", path.join(top, "deploy/backup/tables.sql"), connection);
  expect(done.code, done.stderr).toBe(0);
  return done.stdout;
}

async function withRows(system: System): Promise<void> {
  await system.start();
  await system.sqlAs("customer", true, "create table kept (id int primary key, name text)");
  await system.sqlAs("customer", false, "insert into kept select i, '客户 ' || i from generate_series(1, 500) i");
}

test("a backup comes back, row for row, in an empty state directory with the old secrets", async ({ ownSystem }) => {
  await withRows(ownSystem);
  const kept = keep(await backup(ownSystem));
  const secrets = temporaryDirectory();
  for (const name of ["secret", "signing-key"]) copyFileSync(path.join(ownSystem.directory, "secrets", name), path.join(secrets, name));
  await ownSystem.remove();

  mkdirSync(ownSystem.directory);
  const restored = await restore(ownSystem, kept, secrets);
  expect(restored.stderr).toBe("");
  expect(restored.code).toBe(0);
  const counted = await rowCounts(ownSystem);
  expect(counted).toBe(readFileSync(path.join(kept, "tables.tsv"), "utf8"));
  expect(counted).toContain("customer.kept\t500\n");
  await ownSystem.start();
  expect(await ownSystem.sql("select name from customer.kept where id = 7")).toEqual([["客户 7"]]);
  expect((await ownSystem.sqlAs("customer", false, "update kept set name = name")).stderr).toBe("");
  expect((await ownSystem.sqlAs("identity", false, "select * from customer.kept")).stderr).toContain("permission denied");
});

test("what was there before a restore is kept under another name", async ({ ownSystem }) => {
  await withRows(ownSystem);
  const kept = keep(await backup(ownSystem));
  await ownSystem.sql("delete from customer.kept where id > 100");
  await ownSystem.stop();
  const restored = await restore(ownSystem, kept);
  expect(restored.code, restored.stderr).toBe(0);
  await ownSystem.start();
  expect(await ownSystem.sql("select count(*) from customer.kept")).toEqual([["500"]]);
  const [aside] = await ownSystem.sql("select datname from pg_database where datname like 'guanxi_before_%'");
  expect(restored.stdout).toContain(aside?.[0]);
});

test("a restore refuses a damaged backup, other secrets and a running system, and changes nothing", async ({ ownSystem }) => {
  await withRows(ownSystem);
  const kept = keep(await backup(ownSystem));
  expect((await restore(ownSystem, kept)).stderr).toContain("the system is running; stop it first");
  await ownSystem.stop();

  const other = temporaryDirectory();
  for (const name of ["secret", "signing-key"]) copyFileSync("/proc/sys/kernel/random/uuid", path.join(other, name));
  expect((await restore(ownSystem, kept, other)).stderr).toContain("made under other secrets");

  appendFileSync(path.join(kept, "guanxi.dump"), "x");
  expect((await restore(ownSystem, kept)).stderr).toContain("is damaged");

  await ownSystem.start();
  expect(await ownSystem.sql("select count(*) from customer.kept")).toEqual([["500"]]);
});

test("a backup has no secret in it", async ({ ownSystem }) => {
  await withRows(ownSystem);
  const directory = await backup(ownSystem);
  const dump = await outcome("pg_restore", ["-f", "-", path.join(directory, "guanxi.dump")]);
  expect(dump.stdout).toContain("客户 7");
  const all = dump.stdout + ["manifest", "tables.tsv"].map((name) => readFileSync(path.join(directory, name), "utf8")).join("");
  const secrets = readdirSync(path.join(ownSystem.directory, "secrets"))
    .flatMap((name) => readFileSync(path.join(ownSystem.directory, "secrets", name), "utf8").trim().split(/[\n:]/))
    .filter((word) => word.length >= 16 && !word.startsWith("guanxi"));
  expect(secrets.length).toBeGreaterThan(5);
  for (const secret of secrets) expect(all).not.toContain(secret);
  expect(readdirSync(directory).sort()).toEqual(["SHA256SUMS", "guanxi.dump", "manifest", "tables.tsv"]);
});
