import { defineConfig } from "@playwright/test";

// One project a group of tests. tests/run runs them one after the other and names the group, whose results go to
// results/<group>.json; the tests of a group share one private system (harness/shared.ts) unless they start their own.
const group = process.env["GUANXI_TEST_GROUP"] ?? "system";
const results = process.env["GUANXI_TEST_RESULTS"] ?? "results";

// What Chromium needs as root in a closed network, and so that it calls nobody.
const chromiumArguments = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export default defineConfig({
  outputDir: `${results}/artifacts-${group}`,
  timeout: 120_000,
  expect: { timeout: 10_000 },
  workers: group === "fault" ? 1 : 2,
  fullyParallel: false,
  forbidOnly: true,
  // In CI a test that failed is tried once more, and named as flaky where it then passes: two cores do other work as well there.
  retries: process.env["CI"] ? 1 : 0,
  reporter: [["list"], ["json", { outputFile: `${results}/${group}.json` }]],
  globalSetup: "./system/harness/shared.ts",
  use: {
    baseURL: process.env["GUANXI_TEST_URL"] ?? "http://127.0.0.1",
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: { executablePath: "/usr/bin/chromium", args: chromiumArguments },
  },
  projects: [
    { name: "system", testDir: "system" },
    { name: "browser", testDir: "browser" },
    { name: "fault", testDir: "fault", timeout: 180_000 },
    { name: "screenshots", testDir: "screenshots", timeout: 180_000 },
  ],
});
