import { test as base, type APIRequestContext } from "@playwright/test";
import { addressVariable } from "./shared";
import { System, type SystemAddress } from "./system";

// `test` of every system and browser test:
//   system   the private system that the group shares; its logs are shown when a test fails
//   token    a session of the first administrator
//   api      requests to the gateway with that session
//   ownSystem  a second system, not yet started, for tests that break it; removed after the test

interface Worker {
  system: System;
  token: string;
}
interface Each {
  api: APIRequestContext;
  ownSystem: System;
  logsOnFailure: undefined;
}

/** A session of a user: POST /api/v1/sessions. */
export async function signIn(system: System, credentials = system.admin): Promise<string> {
  const response = await fetch(`${system.url}/api/v1/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(credentials),
  });
  if (response.status !== 200 && response.status !== 201) throw new Error(`sign-in: ${response.status} ${await response.text()}`);
  const { token } = (await response.json()) as { token: string };
  return token;
}

export const test = base.extend<Each, Worker>({
  system: [
    async ({}, use) => {
      const address = process.env[addressVariable];
      if (address === undefined) throw new Error("no shared system: the global setup did not run");
      await use(System.attach(JSON.parse(address) as SystemAddress));
    },
    { scope: "worker" },
  ],
  token: [async ({ system }, use) => use(await signIn(system)), { scope: "worker" }],
  baseURL: async ({ system }, use) => use(system.url),
  api: async ({ playwright, system, token }, use) => {
    const context = await playwright.request.newContext({
      baseURL: system.url,
      extraHTTPHeaders: { authorization: `Bearer ${token}` },
    });
    await use(context);
    await context.dispose();
  },
  ownSystem: async ({}, use, testInfo) => {
    const system = await System.prepare();
    try {
      await use(system);
      if (testInfo.status !== testInfo.expectedStatus) process.stderr.write(`${system.logs()}\n`);
    } finally {
      await system.remove();
    }
  },
  logsOnFailure: [
    async ({ system }, use, testInfo) => {
      await use(undefined);
      if (testInfo.status !== testInfo.expectedStatus) process.stderr.write(`${testInfo.title}\n${system.logs()}\n`);
    },
    { auto: true },
  ],
});

export { expect } from "@playwright/test";
