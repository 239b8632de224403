import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  expect(lines, "a batch").toEqual(expect.arrayContaining(["201", "200"]));
  expect(lines, "the first version").toContain("prospect");
  expect(lines.some((line) => /^2 .*stage/.test(line)), "history").toBe(true);
  expect(lines).toEqual(expect.arrayContaining(["invalid", "/name"]));
  expect(lines.some((line) => /^guanxi\.customer\.customer\.\w+\.v1$/.test(line))).toBe(true);
  expect(lines.at(-1)).toBe("queued");
});

test("the examples of the README run as they stand, in their order @SYS-04", async ({ system }) => {
  const blocks = [...readFileSync(path.join(top, "README.md"), "utf8").matchAll(/^ {3}```sh\n(.*?)^ {3}```/gms)].map(([, block]) => block ?? "");
  expect(blocks).toHaveLength(3);
  const here = (block: string): string =>
    block
      .replaceAll("localhost:8080", new URL(system.url).host)
      .replaceAll("$PWD", top)
      .replaceAll("/release/", `/${process.env["GUANXI_MODE"] ?? "release"}/`)
      .replaceAll("$(cat var/admin-password)", system.admin.password)
      .replace(/curl -sN.*/g, (follow) => `timeout 5 ${follow} | head -n 6`);
  const directory = mkdtempSync(path.join(tmpdir(), "guanxi-test-readme-"));
  const password = path.join(directory, "password");
  writeFileSync(password, system.admin.password);
  const ran = await outcome("bash", ["-eu", "-c", `cd ${directory}; guanxi() { command guanxi "$@" --password-file ${password}; }; ${blocks.map(here).join("\n")}\nls`], { GUANXI_VAR: system.directory, LC_ALL: "C.UTF-8" }, 60_000);
  rmSync(directory, { recursive: true });
  expect(ran.stderr).toBe("");
  expect(ran.code).toBe(0);
  expect(ran.stdout).not.toContain("/api/problems/");
  expect(ran.stdout.match(/"name":"张三有限公司"/g)?.length, "made, listed and searched").toBeGreaterThanOrEqual(3);
  expect(ran.stdout).toContain('"group":{"stage":"prospect"');
  expect(ran.stdout).toContain("event: guanxi.customer.");
  expect(ran.stdout).toContain("active.xlsx");
});
