import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** A reporter for vitest: writes to the file `TEST_REPORT` what came of each test, and the errors that belong to none. */
export default class TestReport {
  onTestRunEnd(modules, strayErrors) {
    const path = process.env.TEST_REPORT;
    mkdirSync(dirname(path), { recursive: true });
    const report = { outcomes: modules.flatMap(outcomesOf), strayErrors: strayErrors.map(textOf) };
    writeFileSync(path, JSON.stringify(report));
  }
}

/** A file that fails without a test that does, as one that does not load, counts as one failed test. */
function outcomesOf(module) {
  const file = module.relativeModuleId;
  const outcomes = [...module.children.allTests()].map((test) => {
    const { state, errors } = test.result();
    return { file, name: test.fullName, state, message: textOf(errors?.[0]) };
  });
  if (module.state() !== "failed" || outcomes.some(({ state }) => state === "failed")) return outcomes;
  const errors = [module, ...module.children.allSuites()].flatMap((part) => part.errors());
  return [...outcomes, { file, name: "the file itself", state: "failed", message: textOf(errors[0]) }];
}

/** What it says, in what the values differ, and where it was thrown. */
function textOf(error) {
  if (error === undefined) return undefined;
  const place = error.stacks?.[0];
  const lines = [error.message, error.diff, place && `at ${place.file}:${place.line}`];
  return stripVTControlCharacters(lines.filter(Boolean).join("\n"));
}
