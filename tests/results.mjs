// The results of the last run, from Playwright's JSON and cmocka's XML in tests/results.
//   node results.mjs count FILE     "passed failed" of one Playwright result file
//   node results.mjs rows           each row of rows.tsv with the passing tests that show it
import { existsSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const directory = path.join(here, "results");

/** Every test of a Playwright report as { title, passed }; skipped ones are left out. */
function playwrightTests(file) {
  const report = JSON.parse(readFileSync(file, "utf8"));
  const tests = [];
  const visit = (suite, titles) => {
    for (const spec of suite.specs ?? []) {
      const run = spec.tests.filter((test) => test.status !== "skipped");
      if (run.length > 0) tests.push({ title: [...titles, spec.title].join(" › "), passed: run.every((test) => test.status === "expected" || test.status === "flaky") });
    }
    for (const inner of suite.suites ?? []) visit(inner, [...titles, inner.title]);
  };
  for (const suite of report.suites) visit(suite, [suite.title]);
  for (const error of report.errors ?? []) tests.push({ title: error.message, passed: false });
  return tests;
}

/** Every test of a cmocka XML file. Names of C tests carry a row as CUS_01. */
function cmockaTests(file) {
  const xml = readFileSync(file, "utf8");
  const cases = [...xml.matchAll(/<testcase name="([^"]*)"[^>]*?(\/>|>([\s\S]*?)<\/testcase>)/g)];
  const suite = path.basename(file, ".xml");
  return cases.map(([, name, , body]) => ({ title: `${suite} › ${name}`, passed: !/<(failure|error)/.test(body ?? "") }));
}

function allTests() {
  const files = existsSync(directory) ? readdirSync(directory, { recursive: false }) : [];
  const reports = files.filter((name) => name.endsWith(".json")).flatMap((name) => playwrightTests(path.join(directory, name)));
  const unit = path.join(directory, "unit");
  const units = existsSync(unit) ? readdirSync(unit).filter((name) => name.endsWith(".xml")) : [];
  return [...reports, ...units.flatMap((name) => cmockaTests(path.join(unit, name)))];
}

function count(file) {
  if (!existsSync(file)) return "0 1";
  const tests = playwrightTests(file);
  const passed = tests.filter((test) => test.passed).length;
  return `${passed} ${tests.length - passed}`;
}

function rows() {
  const tests = allTests();
  const lines = readFileSync(path.join(here, "rows.tsv"), "utf8").trim().split("\n").slice(1);
  let shown = 0;
  for (const line of lines) {
    const [id, feature, , owner, priority] = line.split("\t");
    const mark = new RegExp(`@${id}\\b|(^|[^A-Z0-9])${id.replace("-", "_")}(?![0-9])`, "i");
    const about = tests.filter((test) => mark.test(test.title));
    const passing = about.filter((test) => test.passed);
    const state = about.length === 0 ? "-" : passing.length === about.length ? "shown" : "FAILS";
    if (state === "shown") shown += 1;
    console.log(`${id.padEnd(7)} ${priority}  ${state.padEnd(6)} ${feature} [${owner}]`);
    for (const test of about) console.log(`${" ".repeat(19)}${test.passed ? "✓" : "✘"} ${test.title}`);
  }
  console.log(`${shown} of ${lines.length} rows are shown by passing tests of the last run`);
}

const [verb, file] = process.argv.slice(2);
if (verb === "count" && file) console.log(count(file));
else if (verb === "rows") rows();
else {
  console.error("usage: node results.mjs count FILE | rows");
  process.exit(2);
}
