// npm run test:foreign: workers of the Go and the Python SDK, built if needed, and the tests against them. Arguments are for vitest.
import { fileURLToPath } from "node:url";
import { buildFailures } from "./build.mjs";
import { ensureInstalled } from "./ensure-installed.mjs";
import { conclude, runTests } from "./run-tests.mjs";

if (process.argv[1] === fileURLToPath(import.meta.url)) conclude(await testForeign(process.argv.slice(2)));

/** A build that fails counts as one failed test. */
export async function testForeign(args = []) {
  await ensureInstalled();
  const failures = await buildFailures();
  const { outcomes, unsteady } = await runTests("foreign-results", ["--project=foreign", ...args], {
    whole: args.length === 0,
  });
  return { outcomes: [...failures, ...outcomes], unsteady };
}
