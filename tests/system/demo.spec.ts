import { writeFileSync } from "node:fs";
import path from "node:path";
import { eventually, outcome, temporaryDirectory, top, type Outcome, type System } from "./harness/system";
import { expectOk } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { administrator } from "./lib/people";

// `make demo` on a system of its own: what a person who looks at it for the first time finds.

async function fill(system: System): Promise<Outcome> {
  const file = path.join(temporaryDirectory(), "password");
  writeFileSync(file, `${system.admin.password}\n`);
  return outcome("node", [path.join(top, "deploy/demo/fill.mjs"), system.url, system.admin.email, file]);
}

test("the demonstration data hangs together, and making it again changes nothing @CUS-03 @CUS-04 @CUS-19", async ({ ownSystem }) => {
  await ownSystem.start();
  const first = await fill(ownSystem);
  expect(first.stderr).toBe("");
  expect(first.stdout).toContain("demo1@example.com");
  const admin = await administrator(ownSystem);
  const hub = (await admin.list("customers", { q: "桂西新能源项目" })).data[0];
  const { nodes } = expectOk(await admin.get(`/api/v1/customers/${hub?.id ?? ""}/graph?depth=2`), 200).json<{ nodes: { collection: string }[] }>();
  expect(nodes.filter(({ collection }) => collection === "customers").length).toBeGreaterThan(12);
  await eventually("four pairs to review", async () => ((await admin.all("duplicates", { "filter[state][eq]": "open" })).length === 4 ? true : undefined));
  for (const category of await admin.all("categories"))
    await eventually(`customers are ${String(category["name"])}`, async () => ((await admin.list("customers", { "filter[categoryIds][any]": category.id })).data.length > 3 ? true : undefined));
  const newest = (await admin.list("activities", { "filter[kind][ne]": "task", sort: "-occurTime", limit: 1 })).data[0];
  expect(Date.now() - Date.parse(String(newest?.["occurTime"]))).toBeLessThan(4 * 86_400_000);
  const heads = (): Promise<string[][]> =>
    eventually("the outboxes are empty", async () => {
      const [row] = await ownSystem.sql("select (select count(*) from customer.event_outbox) + (select count(*) from identity.event_outbox), (select pos from customer.event_head), (select count(*) from identity.event_log where type not like '%session%' and type not like '%signed%')");
      return row?.[0] === "0" ? [row] : undefined;
    });
  const before = await heads();
  expect(await fill(ownSystem)).toMatchObject({ code: 0, stdout: "The demonstration data is there already.\n", stderr: "" });
  expect(await heads()).toEqual(before);
});
