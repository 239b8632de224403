import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { expect, test } from "./harness/fixtures";
import { System, eventually, outcome, temporaryDirectory, top } from "./harness/system";

// `make run`: what it promises about starting, stopping, failing and keeping apart. Each test has a system of its own.

/** Processes whose command line or environment names this directory. */
function processesOf(directory: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const of = (file: string) => readFileSync(`/proc/${pid}/${file}`, "utf8");
      if (Number(pid) !== process.pid && (of("cmdline") + of("environ")).includes(directory)) found.push(`${pid} ${of("cmdline").replaceAll("\0", " ")}`);
    } catch {
      continue; // it ended meanwhile
    }
  }
  return found;
}

function onlySentence(stderr: string): string {
  const lines = stderr.trim().split("\n");
  expect(lines, stderr).toHaveLength(1);
  return lines[0] ?? "";
}

test.describe("start and stop", () => {
  test("every process is ready once start returns, and status says so", async ({ ownSystem }) => {
    const started = await ownSystem.start();
    expect(started.stdout).toContain(ownSystem.url);
    for (const name of ownSystem.processes()) expect(await ownSystem.isReady(name), name).toBe(true);
    const status = await ownSystem.command("status");
    expect(status.code, status.stderr).toBe(0);
    for (const name of ownSystem.processes()) expect(status.stdout).toMatch(new RegExp(`^${name} +\\d+ .* yes `, "m"));
  });

  test("stop leaves no process behind", async ({ ownSystem }) => {
    await ownSystem.start();
    expect(processesOf(ownSystem.directory).length).toBeGreaterThan(0);
    expect((await ownSystem.stop()).code).toBe(0);
    await eventually("all processes are gone", async () => (processesOf(ownSystem.directory).length === 0 ? true : undefined));
  });

  test("a second start says that it is up and starts nothing", async ({ ownSystem }) => {
    await ownSystem.start();
    const before = await ownSystem.pid("gateway");
    const again = await ownSystem.start();
    expect(again.stdout).toContain(ownSystem.url);
    expect(await ownSystem.pid("gateway")).toBe(before);
  });

  test("data outlives stop and start", async ({ ownSystem }) => {
    await ownSystem.start();
    await ownSystem.sql("create table public.kept as select 42 as answer");
    await ownSystem.stop();
    await ownSystem.start();
    expect(await ownSystem.sql("select answer from public.kept")).toEqual([["42"]]);
  });

  for (const moment of ["while it runs", "while it starts"]) {
    test(`Ctrl-C ends make run and everything with it ${moment}`, async ({ ownSystem }) => {
      const run = spawn(path.join(top, "deploy/local/run"), { env: { ...process.env, ...ownSystem.environment }, detached: true });
      let said = "";
      run.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
      const ended = new Promise((resolve) => run.on("exit", resolve));
      const awaited = moment === "while it runs" ? () => said.includes("Ctrl-C stops it") : () => existsSync(path.join(ownSystem.directory, "postgres"));
      await eventually(`make run is there ${moment}`, async () => (awaited() ? true : undefined));
      process.kill(-(run.pid ?? 0), "SIGINT");
      expect(await ended).toBe(0);
      expect(said).toContain("Guanxi is stopped.");
      expect(processesOf(ownSystem.directory)).toEqual([]);
    });
  }

  test("two brokers run side by side when asked for, and every service knows both", async ({ ownSystem }) => {
    ownSystem.set("GUANXI_BROKERS", "2");
    await ownSystem.start();
    expect(await ownSystem.isReady("broker-2")).toBe(true);
    expect(ownSystem.setting("customer", "GUANXI_BROKER_REQUESTS").split(",")).toHaveLength(2);
  });

  test("a state directory with a path too long for a socket works", async () => {
    const system = await System.prepare({ GUANXI_VAR: temporaryDirectory(160) });
    for (let directory = system.directory; directory !== "/tmp"; directory = path.dirname(directory)) chmodSync(directory, 0o755);
    try {
      await system.start();
      expect(await system.sql("select 1")).toEqual([["1"]]);
    } finally {
      await system.remove();
    }
  });
});

test.describe("privacy", () => {
  test("no password is on a command line or in an environment", async ({ ownSystem }) => {
    await ownSystem.start();
    const secrets = readdirSync(path.join(ownSystem.directory, "secrets"))
      .filter((name) => name.endsWith(".pgpass"))
      .flatMap((name) => readFileSync(path.join(ownSystem.directory, "secrets", name), "utf8").trim().split("\n"))
      .map((line) => line.split(":")[4] ?? "");
    expect(secrets.length).toBeGreaterThan(4);
    for (const name of ownSystem.processes()) {
      const pid = (await ownSystem.pid(name)) ?? 0;
      const shown = readFileSync(`/proc/${pid}/cmdline`, "utf8") + readFileSync(`/proc/${pid}/environ`, "utf8");
      for (const secret of [...secrets, ownSystem.admin.password]) expect(shown).not.toContain(secret);
    }
  });

  test("nothing runs as root", async ({ ownSystem }) => {
    await ownSystem.start();
    for (const name of ownSystem.processes()) {
      const status = readFileSync(`/proc/${(await ownSystem.pid(name)) ?? 0}/status`, "utf8");
      expect(/^Uid:\t(\d+)\t(\d+)/m.exec(status)?.slice(1, 3), name).not.toContain("0");
    }
  });

  test("a service's role reaches its own schema only", async ({ ownSystem }) => {
    await ownSystem.start();
    await ownSystem.sql("create table identity.secret_of_identity (id int)");
    expect((await ownSystem.sqlAs("identity", false, "select 1")).code).toBe(0);
    expect((await ownSystem.sqlAs("customer", false, "select * from identity.secret_of_identity")).stderr).toContain("permission denied for schema identity");
    expect((await ownSystem.sqlAs("customer", true, "select * from identity.secret_of_identity")).stderr).toContain("permission denied for schema identity");
    expect((await ownSystem.sqlAs("customer", false, "create table customer.mine (id int)")).stderr).toContain("permission denied for schema customer");
    expect((await ownSystem.sqlAs("customer", false, "create table public.mine (id int)")).stderr).toContain("permission denied for schema public");
  });

  test("what a service's owner creates, its role reads and writes but does not change", async ({ ownSystem }) => {
    await ownSystem.start();
    expect((await ownSystem.sqlAs("customer", true, "create table customer.kept_by_test (id int)")).stderr).toBe("");
    expect((await ownSystem.sqlAs("customer", false, "insert into kept_by_test values (1); update kept_by_test set id = 2; delete from kept_by_test")).stderr).toBe("");
    expect((await ownSystem.sqlAs("customer", false, "drop table kept_by_test")).stderr).toContain("must be owner");
    expect((await ownSystem.sqlAs("customer", false, "truncate kept_by_test")).stderr).toContain("permission denied");
  });

  test("PostgreSQL asks for a password on its socket too", async ({ ownSystem }) => {
    await ownSystem.start();
    const host = ownSystem.setting("postgres", "PGHOST");
    const port = ownSystem.setting("postgres", "PGPORT");
    const tried = await outcome("psql", ["-X", "-w", "-c", "select 1", `host=${host} port=${port} dbname=guanxi user=guanxi`], { PGPASSFILE: "/dev/null" });
    expect(tried.stderr).toContain("no password supplied");
  });
});

test.describe("a process that dies", () => {
  test("is started again and serves", async ({ ownSystem }) => {
    await ownSystem.start();
    for (const name of ["postgres", "redis", "broker", "customer", "gateway"]) await ownSystem.killAndWait(name);
    expect((await ownSystem.command("status")).stdout).toMatch(/^customer .* 1$/m);
  });

  test("five times within a minute stops everything with one sentence", async ({ ownSystem }) => {
    ownSystem.set("GUANXI_DEATHS", "3");
    await ownSystem.start();
    await ownSystem.killAndWait("customer");
    await ownSystem.killAndWait("customer");
    await ownSystem.kill("customer", "SIGKILL");
    await eventually("all processes are gone", async () => (processesOf(ownSystem.directory).length === 0 ? true : undefined));
    const status = await ownSystem.command("status");
    expect(status.code).toBe(1);
    expect(onlySentence(status.stderr)).toMatch(/customer died 3 times within a minute \(last by signal 9\), so everything was stopped; its last log line: .+ \(log: .+\)$/);
  });
});

test.describe("one sentence for", () => {
  test("a port in use: which, by whom and how to change it", async ({ ownSystem }) => {
    const port = Number(new URL(ownSystem.url).port);
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(port, "127.0.0.1", resolve));
    const started = await ownSystem.command("start");
    holder.close();
    expect(started.code).toBe(1);
    expect(onlySentence(started.stderr)).toMatch(new RegExp(`port ${port}, which the gateway needs, is in use by .+ \\(process ${process.pid}\\); .* GUANXI_PORT=`));
    expect(processesOf(ownSystem.directory)).toEqual([]);
  });

  test("a missing package: the command that installs it", async ({ ownSystem }) => {
    const stub = temporaryDirectory();
    chmodSync(stub, 0o755);
    writeFileSync(path.join(stub, "dpkg-query"), '#!/bin/sh\nfor name; do [ "$name" = libzmq3-dev ] || echo "$name ii "; done\n', { mode: 0o755 });
    writeFileSync(path.join(stub, "apt-get"), '#!/bin/sh\necho "E: Unable to locate package libzmq3-dev"\nexit 100\n', { mode: 0o755 });
    const tried = await outcome(path.join(top, "deploy/local/install"), ["build"], { ...ownSystem.environment, PATH: `${stub}:${process.env["PATH"] ?? ""}` });
    expect(tried.code).toBe(1);
    const wanted = process.getuid?.() === 0 ? "apt-get could not install: libzmq3-dev" : "sudo apt-get install -y --no-install-recommends libzmq3-dev";
    expect(tried.stderr).toContain(wanted);
  });

  test("a wrong database password: whose, and what sets it right", async ({ ownSystem }) => {
    await ownSystem.start();
    await ownSystem.sql("alter role guanxi_customer password 'something else'");
    await ownSystem.stop();
    const started = await ownSystem.command("start");
    expect(started.code).toBe(1);
    expect(onlySentence(started.stderr)).toMatch(/PostgreSQL refuses guanxi_customer, the role of customer: password authentication failed .*cluster provision/);
    expect((await ownSystem.command("cluster", "provision")).stderr).toBe("");
    await ownSystem.start();
  });

  test("a disk without room: how much there is and how much is needed", async ({ ownSystem }) => {
    ownSystem.set("GUANXI_FREE_MB", "99999999");
    const started = await ownSystem.command("start");
    expect(started.code).toBe(1);
    expect(onlySentence(started.stderr)).toMatch(/the disk of .+ has \d+ MB free and 99999999 are needed/);
  });

  test("a disk that fills up: PostgreSQL's own complaint, and nothing acknowledged is lost", async () => {
    const mount = temporaryDirectory();
    const mounted = await outcome("mount", ["-t", "tmpfs", "-o", "size=300m,mode=755", "none", mount]);
    test.skip(mounted.code !== 0, "no right to mount a small disk here");
    const system = await System.prepare({ GUANXI_VAR: path.join(mount, "var"), GUANXI_FREE_MB: "10", GUANXI_DEATHS: "3" });
    try {
      await system.start();
      await system.sql("create table public.kept as select 42 as answer");
      await system.stop();
      const fill = () => outcome("dd", ["if=/dev/zero", `of=${path.join(mount, "fill")}`, "bs=1M"]);
      await fill();
      expect(onlySentence((await system.command("start")).stderr)).toMatch(/has 0 MB free and 10 are needed/);
      system.set("GUANXI_FREE_MB", "0");
      const started = await system.command("start");
      expect(started.code).toBe(1);
      expect(onlySentence(started.stderr)).toMatch(/No space left on device/);
      rmSync(path.join(mount, "fill"));
      await system.start();
      expect(await system.sql("select answer from public.kept")).toEqual([["42"]]);
    } finally {
      await system.stop();
      await outcome("umount", ["-l", mount]);
    }
  });

  test("a service that cannot start: its last log line", async ({ ownSystem }) => {
    ownSystem.set("GUANXI_READ_LANES", "none");
    const started = await ownSystem.command("start");
    expect(started.code).toBe(1);
    const sentence = onlySentence(started.stderr);
    expect(sentence).toMatch(/^guanxi: (identity|customer) died 5 times within a minute .* its last log line: .*GUANXI_READ_LANES must be a whole number .*"none"/);
    expect(processesOf(ownSystem.directory)).toEqual([]);
  });

  test("a cluster in the wrong encoding: which it has and which it must have", async ({ ownSystem }) => {
    await ownSystem.start();
    await ownSystem.sql("create database other encoding 'SQL_ASCII' locale 'C' template template0");
    await ownSystem.stop();
    const started = await ownSystem.command("start");
    expect(started.code).toBe(1);
    expect(onlySentence(started.stderr)).toMatch(/has databases in '.*SQL_ASCII C C.*' but all must be in 'UTF8 C.UTF-8 C.UTF-8'/);
    expect(processesOf(ownSystem.directory)).toEqual([]);
  });

  test("a setting that makes no sense", async ({ ownSystem }) => {
    ownSystem.set("GUANXI_BROKERS", "many");
    const started = await ownSystem.command("start");
    expect(started.code).toBe(1);
    expect(onlySentence(started.stderr)).toBe("guanxi: GUANXI_BROKERS is 'many' but must be a whole number.");
  });

  test("a state directory that belongs to somebody else", async () => {
    test.skip(process.getuid?.() !== 0, "only root can make one");
    const directory = temporaryDirectory();
    mkdirSync(path.join(directory, "closed"), { mode: 0o700 });
    const system = await System.prepare({ GUANXI_VAR: path.join(directory, "closed", "var") });
    const started = await system.command("start");
    expect(started.code).toBe(1);
    expect(onlySentence(started.stderr)).toContain("choose another state directory with GUANXI_VAR");
  });
});
