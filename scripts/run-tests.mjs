import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./run.mjs";

/**
 * Runs vitest and counts what it says.
 *
 * @param {string} name of the run; its report is `.test/<name>.json`
 * @param {string[]} args for vitest
 * @returns {Promise<{ passed: number, failed: number, skipped: number }>}
 */
export async function runTests(name, args) {
  const report = join(root, ".test", `${name}.json`);
  rmSync(report, { force: true });
  const { code } = await run(process.execPath, [
    join(root, "node_modules", "vitest", "vitest.mjs"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...args,
  ]);
  const tests = countTests(report);
  // Vitest also fails for what belongs to no test: a set-up that throws, an error that nobody caught.
  return code === 0 ? tests : { ...tests, failed: Math.max(tests.failed, 1) };
}

/** Says as the last line what came of all these runs; the process fails if one of them did. */
export function conclude(...runs) {
  const [passed, failed, skipped] = ["passed", "failed", "skipped"].map((part) =>
    runs.reduce((sum, counts) => sum + counts[part], 0),
  );
  process.exitCode = failed === 0 ? 0 : 1;
  console.log(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`);
}

/** A test file that does not load counts as one failed test. */
function countTests(path) {
  const report = readReport(path);
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
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
