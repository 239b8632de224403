import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

// A whole Guanxi of a test's own: it runs `deploy/local/start` on a state directory and ports of its own, beside
// whatever else runs on the machine, and ends only what it started.
//
//   const system = await System.start();
//   await system.kill("customer", "SIGKILL");
//   await system.waitReady("customer");
//   await system.sql("select count(*) from customer.customer");
//   await system.remove();

const run = promisify(execFile);
export const top = path.resolve(fileURLToPath(import.meta.url), "../../../..");
const local = path.join(top, "deploy/local");

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end and tells how it ended; never throws because of its exit code. */
export function outcome(file: string, args: string[], env: NodeJS.ProcessEnv = {}, timeoutMs = 150_000): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
    child.on("error", reject);
    child.on("exit", (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** A block of free ports below the range that the kernel hands out: the first for the gateway, the rest for admin ports. */
export async function freePorts(): Promise<number> {
  for (;;) {
    const base = 10_000 + 50 * (randomBytes(2).readUInt16LE() % 440);
    const wanted = Array.from({ length: 30 }, (_, offset) => base + offset);
    const free = await Promise.all(wanted.map(isFree));
    if (free.every(Boolean)) return base;
  }
}

/** Waits until `ask` gives something, asking again as fast as it answers, and says what it waited for when it never does. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What another process needs to know to use a system that runs. */
export interface SystemAddress {
  directory: string;
  port: number;
  adminPort: number;
  password: string;
  settings: Record<string, string>;
}

export class System {
  private constructor(private readonly address: SystemAddress) {}

  /** A new state directory and free ports; nothing is started. */
  static async prepare(settings: Record<string, string> = {}): Promise<System> {
    const base = await freePorts();
    const directory = settings["GUANXI_VAR"] ?? mkdtempSync(path.join(tmpdir(), "guanxi-test-"));
    const password = `pw-${randomBytes(12).toString("base64url")}`;
    return new System({ directory, port: base, adminPort: base + 1, password, settings });
  }

  static async start(settings: Record<string, string> = {}): Promise<System> {
    const system = await System.prepare(settings);
    await system.start();
    return system;
  }

  /** A system that another process started: its address() went through the environment. */
  static attach(address: SystemAddress): System {
    return new System(address);
  }

  toAddress(): SystemAddress {
    return this.address;
  }

  get url(): string {
    return `http://127.0.0.1:${this.address.port}`;
  }
  get directory(): string {
    return this.address.directory;
  }
  get admin(): { email: string; password: string } {
    return { email: "admin@example.com", password: this.address.password };
  }
  get environment(): Record<string, string> {
    return {
      GUANXI_VAR: this.address.directory,
      GUANXI_PORT: String(this.address.port),
      GUANXI_ADMIN_PORT: String(this.address.adminPort),
      GUANXI_ADMIN_PASSWORD: this.address.password,
      GUANXI_FREE_MB: "64",
      GUANXI_RATE_LIMIT: "0",
      ...this.address.settings,
    };
  }

  /** Another value for one of deploy/local/settings.sh from the next start on. */
  set(name: string, value: string): void {
    this.address.settings[name] = value;
  }

  /** One of deploy/local's commands on this system. */
  command(name: string, ...args: string[]): Promise<Outcome> {
    return outcome(path.join(local, name), args, this.environment);
  }

  async start(): Promise<Outcome> {
    const started = await this.command("start");
    if (started.code !== 0) throw new Error(`start: ${started.stderr}${started.stdout}\n${this.logs()}`);
    return started;
  }

  async stop(): Promise<Outcome> {
    return this.command("stop");
  }

  /** Stops it and removes its state. What a sanitizer build reported meanwhile is a failure. */
  async remove(): Promise<void> {
    await this.stop();
    const reported = /(ERROR|WARNING): \w+Sanitizer|runtime error: /;
    const logs = this.logNames().filter((name) => reported.test(this.log(name)));
    if (logs.length > 0) throw new Error(`a sanitizer reported:\n${logs.map((name) => this.log(name)).join("\n")}`);
    rmSync(this.directory, { recursive: true, force: true });
  }

  processes(): string[] {
    return readFileSync(path.join(this.directory, "supervise/order"), "utf8").trim().split("\n");
  }

  /** The admin port's address of a process, from the environment that it got. */
  adminUrl(name: string): string {
    return `http://${this.setting(name, "GUANXI_ADMIN")}`;
  }

  /** A variable of the environment of a process. */
  setting(name: string, variable: string): string {
    return readFileSync(path.join(this.directory, "supervise", name, "env", variable), "utf8");
  }

  private async state(name: string, field: string): Promise<string> {
    const { stdout } = await run("s6-svstat", ["-o", field, path.join(this.directory, "supervise", name)]);
    return stdout.trim();
  }

  /** The process id, or undefined while it is down. */
  async pid(name: string): Promise<number | undefined> {
    const pid = Number(await this.state(name, "pid"));
    return pid > 0 ? pid : undefined;
  }

  async isReady(name: string): Promise<boolean> {
    return (await this.state(name, "ready")) === "true";
  }

  async waitReady(name: string, timeoutMs = 30_000): Promise<void> {
    await eventually(`${name} is ready`, async () => ((await this.isReady(name)) ? true : undefined), timeoutMs);
  }

  /** Sends a signal and returns the process id that got it. */
  async kill(name: string, signal: NodeJS.Signals): Promise<number> {
    const pid = await eventually(`${name} runs`, () => this.pid(name));
    process.kill(pid, signal);
    return pid;
  }

  /** SIGKILL, then waits until supervision has brought up another one that serves. */
  async killAndWait(name: string): Promise<void> {
    const before = await this.kill(name, "SIGKILL");
    await eventually(`another ${name} runs`, async () => {
      const pid = await this.pid(name);
      return pid !== undefined && pid !== before ? pid : undefined;
    });
    await this.waitReady(name);
  }

  /** Stops (false) or starts (true) one process and waits for it. Asks for its state: s6-svc -w cannot listen as another user. */
  async setUp(name: string, up: boolean): Promise<void> {
    const done = await outcome("s6-svc", [up ? "-u" : "-d", path.join(this.directory, "supervise", name)]);
    if (done.code !== 0) throw new Error(`${name}: ${done.stderr}`);
    if (up) await this.waitReady(name);
    else await eventually(`${name} is down`, async () => ((await this.pid(name)) === undefined ? true : undefined));
  }

  /** Rows of a query run as superuser; each cell is text. */
  async sql(query: string): Promise<string[][]> {
    const done = await outcome(path.join(local, "cluster"), ["query", query], this.environment);
    if (done.code !== 0) throw new Error(`${query}: ${done.stderr}`);
    const lines = done.stdout.split("\n").slice(0, -1);
    return lines.map((line) => line.split("|"));
  }

  /** As `sql`, with the rights of a role that a service has: its runtime role, or its owner. */
  async sqlAs(schema: string, owner: boolean, query: string): Promise<Outcome> {
    const conninfo = this.setting(schema.replaceAll("_", "-"), owner ? "GUANXI_MIGRATION_DATABASE" : "GUANXI_DATABASE");
    return outcome("psql", ["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-c", query, conninfo]);
  }

  log(name: string): string {
    const file = path.join(this.directory, "log", name, "current");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  private logNames(): string[] {
    const directory = path.join(this.directory, "log");
    if (!existsSync(directory)) return [];
    return readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  }

  /** The end of every log, for a message about a failure. */
  logs(lines = 15): string {
    return this.logNames().map((name) => `--- ${name}\n${this.log(name).split("\n").slice(-lines - 1).join("\n")}`).join("\n");
  }
}

/** A directory for a test, gone when the tests end; with `depth`, one whose path is about that long. */
export function temporaryDirectory(depth = 0): string {
  let directory = mkdtempSync(path.join(tmpdir(), "guanxi-test-"));
  const made = directory;
  process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  while (directory.length < depth) directory = path.join(directory, "a-rather-long-directory-name");
  mkdirSync(directory, { recursive: true });
  return directory;
}
