import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { System, eventually, outcome, temporaryDirectory, top, type Outcome } from "./harness/system";
import { Client, type Row, expectOk, uniqueWord } from "./lib/client";
import { expect, test as base } from "./lib/fixtures";
import { administrator, newPerson } from "./lib/people";

// The command `guanxi`, as an operator runs it: what it prints, and how it ends.

const program = path.join(top, "build", process.env["GUANXI_MODE"] ?? "release", "bin/guanxi");
const code = { done: 0, refused: 1, usage: 2, away: 3, found: 4 };

function passwordFile(system: System): string {
  const file = path.join(temporaryDirectory(), "password");
  writeFileSync(file, `${system.admin.password}\n`);
  return file;
}
function guanxi(system: System, ...args: string[]): Promise<Outcome> {
  return outcome(program, [...args, "--password-file", passwordFile(system)], { GUANXI_VAR: system.directory, GUANXI_URL: system.url, LC_ALL: "en_GB.UTF-8" });
}
async function rows<T = Row>(system: System, ...args: string[]): Promise<T[]> {
  const done = await guanxi(system, ...args, "--output", "json");
  expect(done.code, done.stderr).toBe(code.done);
  return JSON.parse(done.stdout) as T[];
}

const test = base.extend<{}, { own: System }>({
  own: [
    async ({}, use) => {
      const own = await System.start();
      await use(own);
      await own.remove();
    },
    { scope: "worker", timeout: 120_000 },
  ],
});

test.describe("guanxi", () => {
  test("tells in both languages what it can do, and refuses what it does not know", async ({ system }) => {
    const english = await guanxi(system, "help");
    const chinese = await guanxi(system, "help", "--lang", "zh");
    expect(english.code).toBe(code.done);
    const commands = [...english.stdout.matchAll(/^ {2}([a-z][a-z-]+(?: [a-z-]+)?)/gm)].map((match) => match[1] ?? "");
    expect(commands.length).toBeGreaterThan(20);
    expect([...chinese.stdout.matchAll(/^ {2}([a-z][a-z-]+(?: [a-z-]+)?)/gm)].map((match) => match[1])).toEqual(commands);
    for (const line of chinese.stdout.split("\n").filter((one) => /^ {2}[a-z]/.test(one))) expect(line).toMatch(/\p{Script=Han}/u);
    for (const command of commands) expect((await guanxi(system, "help", ...command.split(" "))).stdout, command).toContain(`Usage: guanxi ${command}`);
    for (const wrong of [["frobnicate"], ["show"], ["tail", "--scopes", "x"], ["status", "--output", "xml"], ["key", "revoke"], ["status", "extra"], ["tail", "--from"], ["tail", "--count", "0"], ["status", "--lang", "fr"]]) {
      const refused = await guanxi(system, ...wrong);
      expect(refused.code, wrong.join(" ")).toBe(code.usage);
      expect(refused.stderr).toMatch(/^guanxi: .+/);
      expect(refused.stdout).toBe("");
    }
  });

  test("completes its commands and options in bash", async ({ system }) => {
    const script = (await guanxi(system, "completion")).stdout;
    const complete = async (...words: string[]): Promise<string[]> => {
      const quoted = words.map((word) => `'${word}'`).join(" ");
      const done = await outcome("bash", ["-c", `${script}\nCOMP_WORDS=(guanxi ${quoted}) COMP_CWORD=${words.length}; _guanxi; printf '%s\\n' "\${COMPREPLY[@]}"`]);
      expect(done.stderr).toBe("");
      return done.stdout.trim().split("\n");
    };
    expect(new Set(await complete("s"))).toEqual(new Set(["status", "show"]));
    expect((await complete("key", "")).sort()).toEqual(["create", "list", "revoke"]);
    expect(await complete("key", "create", "x", "--sc")).toEqual(["--scopes"]);
  });

  test("tells that everything is ready, and which process is not", async ({ own }) => {
    const all = await rows<{ process: string; ready: boolean }>(own, "status");
    expect(all.map((row) => row.process)).toEqual(own.processes().filter((name) => !["postgres", "redis"].includes(name)));
    expect(all.every((row) => row.ready)).toBe(true);
    await own.setUp("customer", false);
    const down = await guanxi(own, "status");
    expect(down.code).toBe(code.found);
    expect(down.stdout).toMatch(/^customer +\S+ +no +no +no/m);
    await own.setUp("customer", true);
    await own.waitReady("customer");
    const nowhere = await outcome(program, ["status", "--state", temporaryDirectory()]);
    expect(nowhere.code).toBe(code.away);
    expect(nowhere.stderr).toContain("--state");
  });

  test("shows requests, streams, lag, parked events and jobs", async ({ own }) => {
    const admin = await administrator(own);
    await admin.create("customers", { name: uniqueWord() });
    await eventually("the stream is told", async () => {
      const streams = await rows<{ process: string; metric: string; value: number }>(own, "show", "streams");
      return streams.some((row) => row.process === "customer" && row.metric === "guanxi_event_log_head" && row.value > 0) ? true : undefined;
    });
    const lag = await rows<{ metric: string; of: string }>(own, "show", "lag");
    expect(lag.filter((row) => row.metric === "guanxi_consumer_lag_events").map((row) => row.of)).toContain("customer.ownership");
    expect(await rows(own, "show", "jobs")).toEqual([]);
    expect(await rows(own, "show", "parked")).toEqual([]);
    await own.sql("insert into customer.event_parked (consumer, stream, epoch, pos, subject_id, event, error) values ('customer.identity', 'identity', 1, 1, gen_random_uuid(), '', '试验')");
    expect(await rows(own, "show", "parked")).toMatchObject([{ process: "customer", consumer: "customer.identity", stream: "identity", position: "1", error: "试验" }]);
    await own.sql("delete from customer.event_parked");
    // A row that is held shows the request that waits for it.
    const customer = await admin.create("customers", { name: uniqueWord() });
    const held = outcome(path.join(top, "deploy/local/cluster"), ["query", `begin; select from customer.customer where id = '${customer.id}' for update; select pg_sleep(2); rollback`], own.environment);
    const patched = eventually("the row is held", async () => {
      const [one] = await own.sql("select count(*) from pg_stat_activity where query like '%pg_sleep(2)%' and wait_event = 'PgSleep'");
      return one?.[0] === "1" ? true : undefined;
    }).then(() => admin.patch(`/api/v1/customers/${customer.id}`, { name: uniqueWord() }));
    await eventually("the request is shown", async () => {
      const shown = await rows<{ method: string }>(own, "show", "requests");
      return shown.some((row) => row.method === "customers.update") ? true : undefined;
    });
    await held;
    await patched;
  });

  test("makes users who can sign in, and lets them in no more", async ({ own }) => {
    const email = `${uniqueWord()}@example.com`;
    const [made] = await rows<{ id: string; firstPassword: string }>(own, "user", "create", email, "王小明");
    const session = await new Client(own.url, undefined).post("/api/v1/sessions", { email, password: made?.firstPassword ?? "" });
    expect(expectOk(session, 201).json<{ user: Row }>().user).toMatchObject({ name: "王小明", mustChangePassword: true });
    expect((await rows(own, "user", "list")).find((row) => row.id === made?.id)).toMatchObject({ email, role: "member", active: true });
    expect(await rows(own, "user", "deactivate", email)).toMatchObject([{ active: false }]);
    expect((await new Client(own.url, undefined).post("/api/v1/sessions", { email, password: made?.firstPassword ?? "" })).status).toBe(401);
    expect(await rows(own, "user", "activate", email)).toMatchObject([{ active: true }]);
    const again = await guanxi(own, "user", "create", email, "王小明");
    expect(again.code).toBe(code.refused);
    expect(again.stderr).toContain("/email");
    expect((await guanxi(own, "user", "activate", "nobody@example.com")).stderr).toContain("nobody@example.com");
  });

  test("makes API keys that work, also for itself, and revokes them @SYS-04", async ({ own }) => {
    const admin = await administrator(own);
    const member = await newPerson(admin, { name: "钥匙主人" });
    const [made] = await rows<{ id: string; secret: string }>(own, "key", "create", "夜间同步", "--scopes", "users:read,customers:read", "--days", "7", "--owner", member.email);
    const key = { GUANXI_API_KEY: made?.secret ?? "", GUANXI_URL: own.url };
    expect((await new Client(own.url, made?.secret).get("/api/v1/me")).json()).toMatchObject({ id: member.client.id });
    const listed = await outcome(program, ["user", "list", "--output", "json"], key);
    expect((JSON.parse(listed.stdout) as Row[]).map((row) => row["email"])).toContain(member.email);
    const refused = await outcome(program, ["key", "list", "--lang", "zh"], key);
    expect(refused).toMatchObject({ code: code.refused, stdout: "" });
    expect(refused.stderr).toContain("not_by_key");
    expect(refused.stderr).toMatch(/\p{Script=Han}/u);
    expect((await rows(own, "key", "list")).find((row) => row.id === made?.id)).toMatchObject({ name: "夜间同步", scopes: ["users:read", "customers:read"] });
    expect((await guanxi(own, "key", "revoke", made?.id ?? "")).code).toBe(code.done);
    await eventually("the key is refused", async () => ((await new Client(own.url, made?.secret).get("/api/v1/me")).status === 401 ? true : undefined), 1000);
    expect((await guanxi(own, "key", "create", "x", "--scopes", "everything")).stderr).toContain("/scopes/0");
  });

  test("makes users with an API key, and says who gives them a password @SYS-04", async ({ own }) => {
    const [made] = await rows<{ secret: string }>(own, "key", "create", "人事系统", "--scopes", "users:write", "--days", "7");
    const email = `${uniqueWord()}@example.com`;
    const created = await outcome(program, ["user", "create", email, "新人", "--output", "json"], { GUANXI_API_KEY: made?.secret ?? "", GUANXI_URL: own.url });
    expect(created.code).toBe(code.done);
    expect(JSON.parse(created.stdout)).toMatchObject([{ email, role: "member" }]);
    expect(created.stderr).toContain(`guanxi user set-password ${email}`);
    expect((await guanxi(own, "user", "set-password", email)).code).toBe(code.done);
  });

  test("leaves no session behind", async ({ own }) => {
    await guanxi(own, "user", "list");
    const [left] = await own.sql("select count(*) from identity.session where client = 'guanxi' and delete_time is null");
    expect(left).toEqual(["0"]);
  });

  test("follows events from the first one on, only those asked for, and goes on after a break @NRM-04", async ({ own }) => {
    const admin = await administrator(own);
    const names = [uniqueWord(), uniqueWord(), uniqueWord()];
    for (const name of names.slice(0, 2)) await admin.create("customers", { name });
    const [position] = await own.sql("select count(*) from customer.event_log where subject_type = 'customers'");
    const wanted = Number(position?.[0] ?? 0) + 1;
    const tail = guanxi(own, "tail", "--from", "earliest", "--types", "guanxi.customer.customer.*", "--count", String(wanted), "--output", "json");
    await eventually("it follows", async () => {
      const metrics = await (await fetch(`${own.adminUrl("gateway")}/metrics`)).text();
      return /^guanxi_sse_events_total [1-9]/m.test(metrics) ? true : undefined;
    });
    await own.killAndWait("gateway");
    await eventually("the gateway serves", async () => ((await fetch(`${own.url}/readyz`).catch(() => undefined))?.status === 200 ? true : undefined));
    const client = await administrator(own);
    await client.create("customers", { name: names[2] ?? "" });
    const done = await tail;
    expect(done.code, done.stderr).toBe(code.done);
    const events = done.stdout.trim().split("\n").map((line) => JSON.parse(line) as { type: string; id: string; data: { after?: { name?: string } } });
    expect(events).toHaveLength(wanted);
    expect(new Set(events.map((event) => event.id)).size).toBe(wanted);
    expect(events.every((event) => event.type.startsWith("guanxi.customer.customer."))).toBe(true);
    expect(events.map((event) => event.data.after?.name)).toEqual(expect.arrayContaining(names));
    const refused = await guanxi(own, "tail", "--from", "yesterday");
    expect(refused.code).toBe(code.refused);
    expect(refused.stderr).toContain("bad_from");
  });

  test("imports a file and waits for its end", async ({ own }) => {
    const file = path.join(temporaryDirectory(), "客户.csv");
    const name = uniqueWord();
    writeFileSync(file, `name,employees\n${name},12\n,3\n`);
    const [job] = await rows(own, "import", file);
    expect(job).toMatchObject({ state: "succeeded", created: "1", refused: "1" });
    const admin = await administrator(own);
    expect((await admin.list("customers", { q: name })).data).toMatchObject([{ name, employees: "12" }]);
    expect((await guanxi(own, "import", "/nowhere.csv")).stderr).toContain("/nowhere.csv");
  });

  test("imports by a policy and a key, tries without keeping, and writes what was refused to a file @SYS-18", async ({ own }) => {
    const directory = temporaryDirectory();
    const [file, refused] = [path.join(directory, "rows.csv"), path.join(directory, "refused.csv")];
    const word = uniqueWord();
    const phone = `138${String(Math.floor(Math.random() * 1e8)).padStart(8, "0")}`;
    writeFileSync(file, `name,phones,source\n甲,${phone},${word}\n`);
    expect(await rows(own, "import", file, "--trial")).toMatchObject([{ state: "succeeded", dryRun: true, created: "1" }]);
    const admin = await administrator(own);
    expect((await admin.list("customers", { "filter[source][eq]": word })).data).toEqual([]);
    await rows(own, "import", file, "--refused", refused);
    expect(existsSync(refused), "nothing was refused").toBe(false);
    writeFileSync(file, `name,phones,source\n乙,${phone},${word}\n,139,${word}\n`);
    expect(await rows(own, "import", file, "--policy", "upsert", "--key", "phones", "--refused", refused)).toMatchObject([{ created: "0", updated: "1", refused: "1" }]);
    expect(readFileSync(refused, "utf8")).toContain("139");
    expect((await admin.list("customers", { "filter[source][eq]": word })).data).toMatchObject([{ name: "乙" }]);
    const contacts = path.join(directory, "contacts.csv");
    writeFileSync(contacts, "name,customerId\n张三,乙\n");
    expect(await rows(own, "import", contacts, "--collection", "contacts")).toMatchObject([{ collection: "contacts" }]);
    for (const [args, says] of [[["--policy", "merge"], "/policy"], [["--policy", "update"], "/key"], [["--collection", "nothing"], "no_such_endpoint"]] as const) {
      const done = await guanxi(own, "import", file, ...args);
      expect(done, args.join(" ")).toMatchObject({ code: code.refused, stdout: "" });
      expect(done.stderr).toContain(says);
    }
    expect((await guanxi(own, "import", file, "--trial=yes")).code).toBe(code.usage);
  });

  test("exports a list in its order to a file or standard output, in each form @SYS-24", async ({ own }) => {
    const admin = await administrator(own);
    const source = uniqueWord();
    for (const [name, stage] of [["丙", "active"], ["甲", "lost"], ["乙", "dormant"]] as const) await admin.create("customers", { name, stage, source });
    const list = `filter[source][eq]=${source}&filter[stage][in]=active,dormant&sort=-name`;
    const csv = await guanxi(own, "export", "customers", "--filter", list, "--fields", "name,stage");
    expect(csv.code, csv.stderr).toBe(code.done);
    expect(csv.stdout.trim().split(/\r?\n/).slice(1)).toEqual(["乙,Dormant", "丙,Active"]);
    const file = path.join(temporaryDirectory(), "list.ndjson");
    expect(await guanxi(own, "export", "customers", "--filter", `?${encodeURI(list)}`, "--format", "ndjson", "--to", file)).toMatchObject({ code: code.done, stdout: "" });
    expect(readFileSync(file, "utf8").trim().split("\n").map((line) => (JSON.parse(line) as Row)["name"])).toEqual(["乙", "丙"]);
    const workbook = path.join(temporaryDirectory(), "list.xlsx");
    await guanxi(own, "export", "customers", "--filter", list, "--format", "xlsx", "--to", workbook);
    expect(readFileSync(workbook).subarray(0, 2).toString()).toBe("PK");
    for (const [args, ends, says] of [
      [["customers", "--format", "pdf"], code.refused, "/format"],
      [["customers", "--filter", "filter[nothing][eq]=1"], code.refused, "nothing"],
      [["customers", "--filter", "stage=active"], code.usage, "stage=active"],
      [["nothings"], code.refused, "no_such_endpoint"],
      [["customers", "--to", "/nowhere/file"], code.refused, "/nowhere/file"],
    ] as const) {
      const done = await guanxi(own, "export", ...args);
      expect(done.code, args.join(" ")).toBe(ends);
      expect(done.stderr).toContain(says);
    }
  });

  test("says so when nothing answers", async ({ system }) => {
    const nowhere = { GUANXI_URL: "http://127.0.0.1:1", GUANXI_VAR: system.directory };
    for (const args of [["show", "jobs"], ["user", "list"], ["key", "list"], ["export", "customers"], ["import", "/etc/hostname"], ["tail", "--count", "1"]]) {
      const done = await outcome(program, [...args, "--password-file", passwordFile(system), "--output", "json"], nowhere);
      expect(done, args.join(" ")).toMatchObject({ code: code.away, stdout: "" });
      expect(done.stderr, args.join(" ")).toContain("127.0.0.1:1");
    }
  });

  test("makes CURVE keys of which the public one belongs to the secret one", async ({ system }) => {
    const keys = await rows<{ variable: string; value: string }>(system, "curve-keys");
    expect(keys.map((row) => row.variable)).toEqual(["GUANXI_CURVE_PUBLIC_KEY", "GUANXI_CURVE_SECRET_KEY"]);
    const { curveKeyPair } = await import("zeromq");
    expect(curveKeyPair().publicKey).toHaveLength(keys[0]?.value.length ?? 0);
    for (const { value } of keys) expect(value).toMatch(/^[0-9a-zA-Z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/);
  });
});

test.describe("guanxi verify-log", () => {
  interface Verdict {
    stream: string;
    whole: boolean;
    events: number;
    signatures: number;
    sealsInLogOutput: number;
    firstFault: number | null;
  }
  const verify = async (system: System, ...args: string[]): Promise<{ done: Outcome; verdict: Verdict | undefined }> => {
    const done = await guanxi(system, "verify-log", "customer", ...args, "--output", "json");
    return { done, verdict: done.stdout === "" ? undefined : (JSON.parse(done.stdout) as Verdict[])[0] };
  };
  /** At least ten events and a signature that came after them. */
  async function withLog(own: System): Promise<number> {
    const admin = await administrator(own);
    for (let i = 0; i < 10; i++) await admin.create("customers", { name: uniqueWord() });
    return eventually("all is sealed", async () => {
      const [row] = await own.sql("select pos, (select count(*) from customer.event_outbox) from customer.event_head");
      return row?.[1] === "0" && Number(row[0]) >= 10 ? Number(row[0]) : undefined;
    });
  }

  const signature = (own: System): Promise<true> => eventually("a seal is signed", async () => ((await own.sql("select count(*) from customer.event_signature"))[0]?.[0] === "0" ? undefined : true), 90_000);

  test("finds a log whole that nobody touched @NRM-04", async ({ own }) => {
    await withLog(own);
    await signature(own);
    const head = await withLog(own);
    const { done, verdict } = await verify(own);
    expect(done.code, done.stderr).toBe(code.done);
    expect(verdict).toMatchObject({ whole: true, events: head, firstFault: null });
    expect(verdict?.signatures).toBeGreaterThan(0);
    expect(verdict?.sealsInLogOutput).toBeGreaterThan(0);
    expect((await verify(own, "--public-key", "00".repeat(32))).done.stderr).toContain("signature");
    expect((await guanxi(own, "verify-log", "nothing")).code).toBe(code.away);
    expect((await guanxi(own, "verify-log", "--public-key", "xyz")).code).toBe(code.usage);
  });

  // Each with what undoes it: the log of the next is whole again. The superuser is who tampers: the services' roles may not.
  const log = "customer.event_log";
  const tamperings: { what: string; change: string; undo: string; position: (head: number) => number; says: string }[] = [
    { what: "a changed payload", change: `update ${log} set payload = payload || '\\x00' where pos = 4`, undo: `update ${log} set payload = substr(payload, 1, length(payload) - 1) where pos = 4`, position: () => 4, says: "digest" },
    { what: "a changed payload with its digest made anew", change: `update ${log} set payload = payload || '\\xc03e00', digest = sha256(salt || payload || '\\xc03e00') where pos = 4`, undo: `update ${log} set payload = substr(payload, 1, length(payload) - 3), digest = sha256(salt || substr(payload, 1, length(payload) - 3)) where pos = 4`, position: () => 4, says: "does not fit its events" },
    { what: "a changed column", change: `update ${log} set subject_type = 'contacts' where pos = 5`, undo: `update ${log} set subject_type = 'customers' where pos = 5`, position: () => 5, says: "column" },
    { what: "a removed event", change: `create table kept as select * from ${log} where pos = 3; delete from ${log} where pos = 3`, undo: `insert into ${log} select * from kept; drop table kept`, position: () => 3, says: "missing" },
    { what: "two events that changed places", change: `update ${log} set pos = 1000 where pos = 6; update ${log} set pos = 6 where pos = 7; update ${log} set pos = 7 where pos = 1000`, undo: `update ${log} set pos = 1000 where pos = 6; update ${log} set pos = 6 where pos = 7; update ${log} set pos = 7 where pos = 1000`, position: () => 6, says: "does not fit its events" },
    { what: "a seal that was made anew", change: `create table kept as select * from customer.event_seal where up_to = (select max(up_to) from customer.event_seal where up_to < 9); update customer.event_seal set seal = sha256('x') where up_to in (select up_to from kept)`, undo: `update customer.event_seal s set seal = kept.seal from kept where kept.up_to = s.up_to; drop table kept`, position: () => 8, says: "does not fit its events" },
    { what: "an event that was added behind the end", change: `insert into ${log} select (jsonb_populate_record(l, jsonb_build_object('pos', l.pos + 1))).* from ${log} l order by pos desc limit 1`, undo: `delete from ${log} where pos > (select pos from customer.event_head)`, position: (head) => head + 1, says: "not sealed" },
    { what: "a wrong head", change: "update customer.event_head set pos = pos + 1", undo: "update customer.event_head set pos = pos - 1", position: (head) => head + 1, says: "does not end where its head says" },
    { what: "a signature by someone else", change: "create table kept as select * from customer.event_signature; update customer.event_signature set signature = decode(repeat('00', 64), 'hex')", undo: "update customer.event_signature g set signature = kept.signature from kept where kept.up_to = g.up_to; drop table kept", position: () => -1, says: "signature" },
  ];
  for (const { what, change, undo, position, says } of tamperings)
    test(`finds ${what} and tells where @NRM-04`, async ({ own }) => {
      if (what.includes("signature")) await signature(own);
      const head = await withLog(own);
      await own.sql(change);
      const { done, verdict } = await verify(own);
      await own.sql(undo);
      expect(done.code, done.stdout).toBe(code.found);
      expect(done.stderr).toContain(says);
      expect(verdict?.whole).toBe(false);
      // A seal is of a batch: what does not fit it lies between its first position and its last.
      if (says === "does not fit its events") expect(verdict?.firstFault).toBeLessThanOrEqual(position(head));
      else if (position(head) > 0) expect(verdict?.firstFault).toBe(position(head));
      expect((await verify(own)).done.code).toBe(code.done);
    });

  test("finds an end that was cut off, seals, head and all, by the log output @NRM-04", async ({ own }) => {
    await withLog(own);
    // Rewritten as someone would who can write everything in PostgreSQL: consistent in itself.
    const output = path.join(temporaryDirectory(), "output");
    const last = (await own.sql("select up_to, encode(seal, 'hex') from customer.event_seal order by up_to desc limit 1"))[0];
    writeFileSync(output, `2026-11-21T12:00:00Z info seal stream=customer up_to=${last?.[0] ?? ""} seal=${last?.[1] ?? ""} key=00 signature=00\n`);
    expect((await verify(own, "--log", output)).verdict).toMatchObject({ whole: true, sealsInLogOutput: 1 });
    await own.sql(`create table kept_log as select * from ${log} where pos > 2; create table kept_seal as select * from customer.event_seal where up_to > 2; create table kept_signature as select * from customer.event_signature where up_to > 2; create table kept_head as select * from customer.event_head;
      delete from customer.event_signature where up_to > 2; delete from customer.event_seal where up_to > 2; delete from ${log} where pos > (select coalesce(max(up_to), 0) from customer.event_seal);
      update customer.event_head set pos = (select coalesce(max(up_to), 0) from customer.event_seal), seal = (select seal from customer.event_seal order by up_to desc limit 1)`);
    const cut = await verify(own, "--log", output);
    await own.sql(`insert into ${log} select * from kept_log where pos not in (select pos from ${log}); insert into customer.event_seal select * from kept_seal; insert into customer.event_signature select * from kept_signature; update customer.event_head h set pos = k.pos, seal = k.seal from kept_head k; drop table kept_log, kept_seal, kept_signature, kept_head`);
    expect(cut.done.code, cut.done.stdout).toBe(code.found);
    expect(cut.done.stderr).toContain("cut off");
    expect((await verify(own)).done.code).toBe(code.done);
    // Another seal in the log output than in the table.
    writeFileSync(output, `seal stream=customer up_to=${last?.[0] ?? ""} seal=${"00".repeat(32)} key=00\n`);
    expect((await verify(own, "--log", output)).done.stderr).toContain("log output");
  });

  test("finds the log of a restored backup whole, and guanxi makes and restores it @NRM-04 @SYS-23", async ({ ownSystem }) => {
    await ownSystem.start();
    const head = await withLog(ownSystem);
    const [made] = await rows<{ backup: string; rows: number; tables: number; bytes: number }>(ownSystem, "backup", "--state", ownSystem.directory);
    expect(made?.rows).toBeGreaterThan(head);
    expect(readdirSync(made?.backup ?? "")).toContain("guanxi.dump");
    expect(await guanxi(ownSystem, "restore", made?.backup ?? ""), "it runs").toMatchObject({ code: code.refused, stdout: "" });
    // What came after the backup is gone with the restore; the log goes on from there in another epoch.
    const admin = await administrator(ownSystem);
    await admin.create("customers", { name: uniqueWord() });
    await ownSystem.stop();
    expect((await guanxi(ownSystem, "backup")).stderr).toContain("must be running");
    expect((await guanxi(ownSystem, "restore", temporaryDirectory())).stderr).toContain("not a backup");
    expect(await rows(ownSystem, "restore", made?.backup ?? "")).toMatchObject([{ restored: made?.backup }]);
    await ownSystem.start();
    const { done, verdict } = await verify(ownSystem, "--log", "/dev/null");
    expect(done.code, done.stderr).toBe(code.done);
    expect(verdict).toMatchObject({ whole: true, firstFault: null });
    expect(verdict?.events).toBeGreaterThanOrEqual(head);
    const after = await withLog(ownSystem);
    expect((await verify(ownSystem, "--log", "/dev/null")).verdict).toMatchObject({ whole: true, events: after });
  });

  test("needs no more than a connection @NRM-04", async ({ own }) => {
    const head = await withLog(own);
    const conninfo = own.setting("customer", "GUANXI_DATABASE");
    const done = await outcome(program, ["verify-log", "customer", "--output", "json", "--database", conninfo, "--state", temporaryDirectory()]);
    expect(done.code, done.stderr).toBe(code.done);
    expect(done.stderr).toContain("--signing-key");
    expect((JSON.parse(done.stdout) as Verdict[])[0]).toMatchObject({ whole: true, events: head, signaturesChecked: false });
  });
});
