import { expectOk } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { administrator, newPerson } from "./lib/people";

const ROUNDS = 50;

// Each of these is allowed by itself; both at once would leave nobody.
for (const [what, change, undo] of [
  ["demote", { role: "member" }, { role: "administrator" }],
  ["deactivate", { active: false }, { active: true }],
] as const)
  test(`two administrators who ${what} each other in the same moment leave one, ${ROUNDS} times`, async ({ ownSystem }) => {
    await ownSystem.start();
    const first = await administrator(ownSystem);
    const second = (await newPerson(first, { role: "administrator" })).client;
    const people = [first, second] as const;
    const path = (index: 0 | 1) => `/api/v1/users/${people[index].user?.id ?? ""}`;
    const told = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const replies = await Promise.all([first.patch(path(1), change), second.patch(path(0), change)]);
      const done = replies.filter((reply) => reply.status === 200);
      expect(done, replies.join("\n")).toHaveLength(1);
      const winner = replies[0].status === 200 ? 0 : 1;
      const refused = replies[winner === 0 ? 1 : 0];
      told.add(refused.json<{ code: string }>().code);
      expectOk(await people[winner].patch(path(winner === 0 ? 1 : 0), undo), 200);
    }
    expect([...told].every((code) => ["last_administrator", "forbidden", "session_expired", "unauthenticated"].includes(code)), [...told].join(" ")).toBe(true);
  });
