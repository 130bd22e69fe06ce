// npm test: install if needed, build, all checks, all tests. With arguments, for vitest, the tests alone.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { check } from "./check.mjs";
import { ensureInstalled } from "./ensure-installed.mjs";
import { root, run } from "./run.mjs";

const results = join(root, ".test", "results.json");
const args = process.argv.slice(2);

await ensureInstalled();
const failedChecks = args.length === 0 ? await check() : Number((await build()) !== 0);

rmSync(results, { force: true });
const { code } = await run(process.execPath, [
  join(root, "node_modules", "vitest", "vitest.mjs"),
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${results}`,
  ...args,
]);
const tests = countTests();
// Vitest also fails for what belongs to no test: a set-up that throws, an error that nobody caught.
const failed = failedChecks + (code === 0 ? tests.failed : Math.max(tests.failed, 1));
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${tests.passed} passed, ${failed} failed${tests.skipped === 0 ? "" : `, ${tests.skipped} skipped`}`);

/** A test file that does not load counts as one failed test. */
function countTests() {
  const report = readReport();
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** None if vitest did not get as far as writing it. */
function readReport() {
  try {
    return JSON.parse(readFileSync(results, "utf8"));
  } catch {
    return undefined;
  }
}
