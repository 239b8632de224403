import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { outcome, top } from "./harness/system";
import { expect, test } from "./lib/fixtures";

// /docs: there without the network, in both languages, and its examples run as they stand.

const manual = path.join(top, "gateway/web/manual");

for (const [address, language, other] of [["/docs", "en", "/docs/zh"], ["/docs/zh", "zh", "/docs"]] as const)
  test(`${address} is a page of our own with every error code @SYS-04`, async ({ system }) => {
    const response = await fetch(system.url + address);
    const html = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(html).toContain(`<html lang="${language}">`);
    expect(html).toContain(`href="${other}"`);
    // Nothing is loaded from elsewhere, and nothing runs.
    expect(html).not.toMatch(/<script|<(link|img)[^>]+(href|src)="https?:/);
    const codes = [...readFileSync(path.join(top, "services/kit/messages.def"), "utf8").matchAll(/^MESSAGE\(\w+, "(\w+)"/gm)].map((match) => match[1] ?? "").filter((code) => !code.startsWith("title_"));
    expect(codes.length).toBeGreaterThan(100);
    for (const code of codes) expect(html, code).toContain(`<code>${code}</code>`);
    for (const [, link] of html.matchAll(/(?:href)="(\/[^"]*)"/g)) expect((await fetch(system.url + (link ?? ""))).status, link).toBe(200);
  });

for (const [address, language] of [["/docs/reference", "en"], ["/docs/zh/reference", "zh"]] as const)
  test(`${address} loads nothing from elsewhere @SYS-04`, async ({ system }) => {
    const response = await fetch(system.url + address);
    const html = await response.text();
    expect(response.status).toBe(200);
    expect(html).toContain(`<html lang="${language}">`);
    const loaded = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link]) => link ?? "");
    expect(loaded.some((link) => link.endsWith(".js"))).toBe(true);
    for (const link of loaded) {
      expect(link).toMatch(/^\//);
      expect((await fetch(system.url + link)).status, link).toBe(200);
    }
  });

test("the examples of /docs run as they stand, in their order @SYS-04", async ({ system }) => {
  const directory = mkdtempSync(path.join(tmpdir(), "guanxi-test-docs-"));
  const ran = await outcome("bash", ["-c", `set -eu; cd ${directory}; trap 'rm -rf ${directory}' EXIT; ${readFileSync(path.join(manual, "examples.sh"), "utf8")}`], { GUANXI_URL: system.url, PASSWORD: system.admin.password }, 60_000);
  expect(ran.stderr).toBe("");
  const lines = ran.stdout.trim().split("\n");
  expect(lines).toContain("张三有限公司");
  expect(lines).toContain("active");
  expect(lines).toEqual(expect.arrayContaining(["invalid", "/name"]));
  expect(lines.some((line) => /^guanxi\.customer\.customer\.\w+\.v1$/.test(line))).toBe(true);
  expect(lines.at(-1)).toBe("queued");
});
