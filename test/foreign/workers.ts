import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa, ExecaError } from "execa";
import type { TestProject } from "vitest/node";

/** The SDKs whose workers are tried, each with how its worker's process is started, but for its flags. */
export type ForeignWorkers = Readonly<Record<"go" | "python", readonly string[]>>;

declare module "vitest" {
  interface ProvidedContext {
    workers: ForeignWorkers;
  }
}

const root = join(import.meta.dirname, "../..");
const kept = join(root, ".test", "foreign");
const oldestGo = [1, 24] as const;
const oldestPython = [3, 10] as const;

/** Once a run, before the first test. What was made stays in `.test/foreign`, until anything changes that it is made of. */
export async function setup(project: TestProject) {
  project.provide("workers", { go: [await goWorker()], python: await pythonWorker() });
}

async function goWorker(): Promise<string> {
  const version = await versionOf("go", ["version"], oldestGo);
  if (version === undefined)
    throw new Error(
      `The worker in test/foreign/go needs Go ${oldestGo.join(".")} or newer, and there is none on the PATH. Install it from https://go.dev/dl, then run again: npm run test:foreign`,
    );
  const sources = join(import.meta.dirname, "go");
  const folder = await made("go", [version, ...textsOf(sources)], "Go worker", async (into) => {
    // A file that is not in go.sum, or not what it says there, fails the build rather than changing the file.
    await execa("go", ["build", "-mod=readonly", "-buildvcs=false", "-o", join(into, "worker"), "."], {
      cwd: sources,
      all: true,
    });
  });
  return join(folder, "worker");
}

async function pythonWorker(): Promise<readonly string[]> {
  const commands = process.platform === "win32" ? ["python"] : ["python3", "python"];
  for (const command of commands) {
    const version = await versionOf(command, ["--version"], oldestPython);
    if (version === undefined) continue;
    const sources = join(import.meta.dirname, "python");
    const requirements = join(sources, "requirements.txt");
    const folder = await made(
      "python",
      [version, readFileSync(requirements, "utf8")],
      "Python packages",
      async (into) => {
        // On Debian and Ubuntu this is a package of its own, python3-venv; Python says so.
        await execa(command, ["-m", "venv", into], { all: true });
        await execa(pythonIn(into), ["-m", "pip", "install", "--quiet", "--requirement", requirements], { all: true });
      },
    );
    return [pythonIn(folder), "-B", join(sources, "worker.py")];
  }
  throw new Error(
    `The worker in test/foreign/python needs Python ${oldestPython.join(".")} or newer with its module venv, and there is none on the PATH. Install it from https://www.python.org/downloads (Debian, Ubuntu: apt install python3 python3-venv), then run again: npm run test:foreign`,
  );
}

function pythonIn(environment: string): string {
  return process.platform === "win32" ? join(environment, "Scripts", "python.exe") : join(environment, "bin", "python");
}

/** What the program says of its version; none where it is missing or too old. */
async function versionOf(
  command: string,
  args: readonly string[],
  [major, minor]: readonly [number, number],
): Promise<string | undefined> {
  const { stdout, failed } = await execa(command, args, { reject: false });
  const found = failed ? null : /(\d+)\.(\d+)/.exec(stdout);
  if (found === null) return undefined;
  const [ourMajor, ourMinor] = [Number(found[1]), Number(found[2])];
  return ourMajor > major || (ourMajor === major && ourMinor >= minor) ? stdout : undefined;
}

/** The folder with what `make` makes of these parts; made if it is not there yet. */
async function made(
  name: string,
  parts: readonly string[],
  what: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const digest = createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
  const folder = join(kept, `${name}-${digest}`);
  const complete = `${folder}.complete`;
  try {
    readFileSync(complete);
    return folder;
  } catch {
    // Not yet, or broken off.
  }
  mkdirSync(kept, { recursive: true });
  for (const old of readdirSync(kept))
    if (old.startsWith(`${name}-`)) rmSync(join(kept, old), { recursive: true, force: true });
  const startedAt = performance.now();
  console.log(`foreign: ${what}: making, once; what is missing is downloaded`);
  try {
    await make(folder);
  } catch (error) {
    throw error instanceof ExecaError ? new Error(`${what}: ${error.shortMessage}\n${error.all ?? ""}`) : error;
  }
  writeFileSync(complete, "");
  console.log(`foreign: ${what}: made in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return folder;
}

function textsOf(folder: string): string[] {
  return readdirSync(folder)
    .toSorted()
    .flatMap((file) => [file, readFileSync(join(folder, file), "utf8")]);
}
