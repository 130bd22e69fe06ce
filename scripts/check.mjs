// Runs every script of package.json that is named check:…, as many at a time as there are processors.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./run.mjs";

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = (await check()).length === 0 ? 0 : 1;

/**
 * Prints a line for each check, and the output of those that fail.
 *
 * @returns {Promise<object[]>} those that failed, each as a failed test
 */
export async function check() {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  // First alone: the checks of the package look at what would be published.
  const results = [await timed("build", () => runQuietly(scripts.build))];
  const waiting = Object.entries(scripts).filter(([name]) => name.startsWith("check:"));
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [name, command] = next;
        results.push(await timed(name.slice("check:".length), () => runQuietly(command)));
      }
    }),
  );
  return results
    .filter(({ failed }) => failed)
    .map(({ name, output }) => ({ file: "check", name, state: "failed", message: output }));
}

async function timed(name, work) {
  const startedAt = performance.now();
  const result = await work();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${result.failed ? "✗" : "✓"} ${name.padEnd(10)} ${seconds.padStart(5)} s`);
  if (result.failed && result.output !== "") console.log(`\n${result.output.trim()}\n`);
  return { name, ...result };
}

function runQuietly(command) {
  const path = [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter);
  const child = spawn(command, {
    cwd: root,
    shell: true,
    env: { ...process.env, PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ failed: code !== 0, output: `$ ${command}\n${Buffer.concat(chunks)}` }));
  });
}
