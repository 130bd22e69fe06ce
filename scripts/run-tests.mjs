import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./run.mjs";

/** More files than this don't fail by coincidence. */
const fewFiles = 3;

/**
 * Runs vitest and counts what it says.
 *
 * In a whole run, files of which a test failed run once more, alone, if they are few. What passes then is counted as passed, and
 * named at the end with what it said at first: there is a race in it, or it relies on how fast the machine is.
 *
 * @param {string} name of the run; its report is `.test/<name>.json`
 * @param {string[]} args for vitest
 * @param {{ whole: boolean }} options
 * @returns {Promise<{ outcomes: object[], unsteady: object[] }>} what came of each test, and the failures that did not come again
 */
export async function runTests(name, args, { whole }) {
  const first = await runOnce(name, args);
  const files = [...new Set(failuresOf(first).map(({ file }) => file))];
  // What belongs to no test, as an error that nobody caught, can't be tried again.
  if (!whole || first.some(isStray) || files.length === 0 || files.length > fewFiles)
    return { outcomes: first, unsteady: [] };
  console.log(`\nWhat failed runs once more, alone: ${files.join(", ")}\n`);
  const flags = args.filter((arg) => arg.startsWith("--"));
  const second = await runOnce(`${name}-again`, [...flags, "--maxWorkers=1", ...files]);
  const failedAgain = new Set(failuresOf(second).map(keyOf));
  return {
    outcomes: [...first.filter(({ file }) => !files.includes(file)), ...second],
    unsteady: failuresOf(first).filter((failure) => !failedAgain.has(keyOf(failure))),
  };
}

/** Says which tests failed and, as the last line, how many; the process fails if one did. */
export function conclude(...runs) {
  const outcomes = runs.flatMap((each) => each.outcomes);
  list(
    "Passed only when run again, to be mended:",
    runs.flatMap((each) => each.unsteady),
  );
  list("Failed:", failuresOf(outcomes));
  const [passed, failed, skipped] = ["passed", "failed", "skipped"].map(
    (state) => outcomes.filter((outcome) => outcome.state === state).length,
  );
  process.exitCode = failed === 0 ? 0 : 1;
  console.log(`${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`);
}

/** The outcomes of one run of vitest. What fails without a test that does is one failure of no file. */
async function runOnce(name, args) {
  const path = join(root, ".test", `${name}.json`);
  rmSync(path, { force: true });
  const { code, interrupted } = await run(
    process.execPath,
    [
      join(root, "node_modules", "vitest", "vitest.mjs"),
      "run",
      "--reporter=default",
      `--reporter=${join(root, "scripts", "test-report.mjs")}`,
      ...args,
    ],
    { env: { ...process.env, TEST_REPORT: path } },
  );
  // Whoever has pressed Ctrl-C wants no more of it.
  if (interrupted) process.exit(code);
  const { outcomes, strayErrors } = readReport(path);
  const stray = strayErrors.map((message) => ({ name: "an error outside the tests", state: "failed", message }));
  const all = [...outcomes, ...stray];
  if (code === 0 || failuresOf(all).length > 0) return all;
  return [...all, { name: "vitest", state: "failed", message: `exit code ${code}` }];
}

function failuresOf(outcomes) {
  return outcomes.filter(({ state }) => state === "failed");
}

function isStray({ file }) {
  return file === undefined;
}

function keyOf({ file, name }) {
  return `${file} ${name}`;
}

function list(title, failures) {
  if (failures.length === 0) return;
  console.log(`\n${title}`);
  for (const { file = "", name, message = "" } of failures) {
    console.log(
      `  ${file} > ${name}\n${message
        .split("\n")
        .slice(0, 12)
        .map((line) => `      ${line}\n`)
        .join("")}`,
    );
  }
}

/** Nothing if vitest did not get as far as writing it. */
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return { outcomes: [], strayErrors: [] };
  }
}
