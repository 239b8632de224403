import { signIn } from "../system/harness/fixtures";
import { eventually, type System } from "../system/harness/system";
import { checkLog } from "./checker";
import { Client, nowMs, pause } from "./client";
import { expect, test } from "./fixtures";
import { headOf, readLog } from "./log";
import { Random, seedOfRun } from "./random";

// An import that is killed again and again ends as one that ran through.

const rowCount = 20_000;
const badEach = 997; // every so many rows, one that must be refused

interface Job {
  id: string;
  state: string;
  done?: string;
  created?: string;
  refused?: string;
  refusedFileId?: string;
  problem?: string;
}

function file(prefix: string): string {
  const lines = ["name,industry,website,employees"];
  for (let i = 1; i <= rowCount; i++) lines.push(`${prefix} 客户 ${i},行业 ${i % 17},${i % badEach === 0 ? "nowhere" : `https://example.com/${i}`},${i % 1000}`);
  return `${lines.join("\n")}\n`;
}

async function startImport(client: Client, prefix: string): Promise<string> {
  const upload = await client.once("POST", `/api/v1/files?name=${prefix}.csv`, { headers: { "content-type": "text/csv" }, body: file(prefix) });
  expect(upload.status, upload.body).toBe(201);
  const { id } = JSON.parse(upload.body) as { id: string };
  const { answer } = await client.change("POST", "/api/v1/customers:import", prefix, { fileId: id });
  expect(answer?.status, answer?.body).toBe(202);
  return (JSON.parse(answer?.body ?? "{}") as Job).id;
}

const look = (client: Client, id: string): Promise<Job> => client.get<Job>(`/api/v1/jobs/${id}`);
const hasEnded = (job: Job): boolean => !["queued", "running"].includes(job.state);

/** Follows the job to its end; after each piece of progress `meddle` may do harm. */
async function follow(client: Client, id: string, meddle: (job: Job) => Promise<void>): Promise<Job> {
  let seen = "";
  for (;;) {
    const job = await eventually("the import gets on", async () => {
      const now = await look(client, id);
      return hasEnded(now) || (now.created ?? "") !== seen ? now : undefined;
    });
    if (hasEnded(job)) return job;
    seen = job.created ?? "";
    await meddle(job);
  }
}

/** What came of it, told without what is its own (ids, times, the prefix). */
async function outcomeOf(system: System, client: Client, prefix: string, job: Job): Promise<unknown> {
  const rows = await system.sql(`select replace(name, '${prefix}', ''), industry, website, employees, version, count(*) from customer.customer
    where name like '${prefix} %' group by 1, 2, 3, 4, 5 order by 1`);
  const refused = await client.once("GET", `/api/v1/files/${job.refusedFileId ?? ""}`);
  expect(refused.status).toBe(200);
  return { state: job.state, created: job.created, refused: job.refused, rows, refusedRows: refused.body.replaceAll(prefix, "") };
}

test("an import of 20,000 rows killed at random places equals one that was left alone @SYS-18", async ({ system }) => {
  const random = new Random(seedOfRun());
  const client = new Client(system.url, await signIn(system));
  const from = await headOf(system, "customer");
  const [alone, hunted] = [`alone${random.seed}`, `hunted${random.seed}`];
  const beganMs = nowMs();
  const aloneJob = await follow(client, await startImport(client, alone), async () => undefined);
  const aloneMs = nowMs() - beganMs;
  const waits: number[] = [];
  const huntedJob = await follow(client, await startImport(client, hunted), async () => {
    if (waits.length === 4) return;
    await pause(random.between(0, 150));
    const killedMs = nowMs();
    await system.killAndWait("customer");
    waits.push(nowMs() - killedMs);
  });
  process.stdout.write(`import: ${rowCount} rows in ${Math.round(aloneMs)} ms; killed ${waits.length} times in ${Math.round(nowMs() - beganMs - aloneMs)} ms (seed ${random.seed})\n`);
  expect(waits.length, "times it was killed").toBeGreaterThan(2);
  expect(aloneJob).toMatchObject({ state: "succeeded", created: String(rowCount - Math.floor(rowCount / badEach)), refused: String(Math.floor(rowCount / badEach)) });
  expect(await outcomeOf(system, client, hunted, huntedJob)).toEqual(await outcomeOf(system, client, alone, aloneJob));
  await eventually("the outbox is empty", async () => ((await system.sql("select from customer.event_outbox limit 1")).length === 0 ? true : undefined));
  const log = await readLog(system, "customer", from);
  expect(checkLog(log).slice(0, 10)).toEqual([]);
  const created = log.events.filter((event) => event.type === "guanxi.customer.customer.created.v1");
  expect(created).toHaveLength(2 * (rowCount - Math.floor(rowCount / badEach)));
  client.close();
});
