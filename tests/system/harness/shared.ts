import { rmSync } from "node:fs";
import path from "node:path";
import { System, top } from "./system";

// Before a group's first test: one private system that its tests share, known to the workers through the environment.
// GUANXI_TEST_VAR=<state directory> with GUANXI_TEST_URL and GUANXI_TEST_PASSWORD uses one that runs already.

export const addressVariable = "GUANXI_TEST_SYSTEM";

// The group `fault` kills the same processes again and again.
const forFaults = { GUANXI_BROKERS: "2", GUANXI_DEATHS: "4000" };

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  rmSync(path.join(top, "tests/results", `artifacts-${process.env["GUANXI_TEST_GROUP"] ?? "system"}`), { recursive: true, force: true });
  const url = process.env["GUANXI_TEST_URL"];
  if (url !== undefined) {
    const address = {
      directory: process.env["GUANXI_TEST_VAR"] ?? path.join(top, "var"),
      port: Number(new URL(url).port || 80),
      adminPort: Number(process.env["GUANXI_ADMIN_PORT"] ?? 9100),
      password: process.env["GUANXI_TEST_PASSWORD"] ?? "",
      settings: {},
    };
    process.env[addressVariable] = JSON.stringify(address);
    return undefined;
  }
  const system = await System.start(process.env["GUANXI_TEST_GROUP"] === "fault" ? forFaults : {});
  process.env[addressVariable] = JSON.stringify(system.toAddress());
  process.env["GUANXI_TEST_URL"] = system.url;
  return () => system.remove();
}
