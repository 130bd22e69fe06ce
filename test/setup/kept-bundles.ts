import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { isAbsolute, join, sep } from "node:path";
import type { WorkflowBundleWithSourceMap } from "@temporalio/worker";
import { vi } from "vitest";
import type * as bundling from "../../worker/workflow-bundle.ts";

// A bundle takes one to three seconds of processor time, and the test files ask hundreds of times for the same few. So they are
// kept from file to file and from run to run, until anything changes that they are made of. Tests of the bundling itself are
// in the project `apart`, which goes without this.
vi.mock("../../worker/workflow-bundle.ts", async (original) => {
  const real = await original<typeof bundling>();
  const bundleEntry: typeof real.bundleEntry = async (entry, options) =>
    options === undefined && madeOfOurs(entry.source)
      ? await kept(entry, real.bundleEntry)
      : await real.bundleEntry(entry, options);
  return { ...real, bundleEntry };
});

const root = join(import.meta.dirname, "../..");
const folder = join(root, ".test", "bundles");
const workflows = join(root, "workflows") + sep;

async function kept(
  entry: bundling.Entry,
  bundle: (entry: bundling.Entry) => Promise<WorkflowBundleWithSourceMap>,
): Promise<WorkflowBundleWithSourceMap> {
  const ofThisCode = join(folder, digestOfCode());
  const path = join(ofThisCode, `${digest([entry.source, ...entry.shared])}.json`);
  try {
    return JSON.parse(readFileSync(path, "utf8")) as WorkflowBundleWithSourceMap;
  } catch {
    // Not yet.
  }
  const made = await bundle(entry);
  if (mkdirSync(ofThisCode, { recursive: true }) !== undefined) forgetAllBut(ofThisCode);
  // Another file may read it meanwhile, and is not to find half of it.
  const whole = `${path}.${process.pid}`;
  writeFileSync(whole, JSON.stringify(made));
  renameSync(whole, path);
  return made;
}

/** Whether an entry imports only packages and our own workflows: a user's module would change without being noticed. */
function madeOfOurs(source: string): boolean {
  const imported = [...source.matchAll(/ from ("[^"]*")/g)].map(([, path]) => JSON.parse(path!) as string);
  return imported.every((path) => !isAbsolute(path) || path.startsWith(workflows));
}

/** Of all that bundles are made of. `workflows/` imports nothing of ours but `model/`. */
function digestOfCode(): string {
  const files = ["workflows", "model"].flatMap((name) =>
    readdirSync(join(root, name))
      .toSorted()
      .map((file) => join(name, file)),
  );
  return digest(
    [...files, "worker/workflow-bundle.ts", "package-lock.json"].flatMap((file) => [
      file,
      readFileSync(join(root, file), "utf8"),
    ]),
  );
}

function digest(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function forgetAllBut(path: string): void {
  for (const name of readdirSync(folder))
    if (join(folder, name) !== path) rmSync(join(folder, name), { recursive: true, force: true });
}
