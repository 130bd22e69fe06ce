// npm test: install if needed, build, all checks, all tests but the foreign ones. With arguments, for vitest, the tests alone.
import { fileURLToPath } from "node:url";
import { buildFailures } from "./build.mjs";
import { check } from "./check.mjs";
import { ensureInstalled } from "./ensure-installed.mjs";
import { conclude, runTests } from "./run-tests.mjs";

if (process.argv[1] === fileURLToPath(import.meta.url)) conclude(await test(process.argv.slice(2)));

/** A check that fails counts as one failed test. */
export async function test(args = []) {
  await ensureInstalled();
  const whole = args.length === 0;
  const failures = whole ? await check() : await buildFailures();
  const projects = args.some((arg) => arg.startsWith("--project")) ? [] : ["--project=!foreign"];
  const { outcomes, unsteady } = await runTests("results", [...projects, ...args], { whole });
  return { outcomes: [...failures, ...outcomes], unsteady };
}
