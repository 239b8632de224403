import { test as base } from "../harness/fixtures";
import { type System } from "../harness/system";
import type { Client } from "./client";
import { administrator } from "./people";

// `test` of the suites over the public API: the harness's, with
//   admin      a client with a session of the first administrator

export const test = base.extend<{}, { admin: Client }>({
  admin: [async ({ system }: { system: System }, use: (client: Client) => Promise<void>) => use(await administrator(system)), { scope: "worker" }],
});
export { expect } from "@playwright/test";
