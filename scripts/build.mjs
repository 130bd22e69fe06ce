import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { root, run } from "./run.mjs";

const dist = join(root, "dist");
const outputs = [".js", ".js.map", ".d.ts"];

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await build();

/**
 * Compiles the sources into dist/, unless dist/ is newer than all of them, and removes what has no source any more.
 *
 * @returns {Promise<number>} the compiler's exit code; on errors dist/ stays as it was
 */
export async function build() {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  if (!existsSync(compiler)) {
    // As in `npm ci --omit=dev`: whoever installs without the compiler brings dist/ along.
    if (process.env.npm_lifecycle_event === "prepare") return 0;
    console.error("TypeScript is not installed: run npm ci, then npm run build.");
    return 1;
  }
  const sources = listSources();
  if (!isFresh(sources)) {
    const { code } = await run(process.execPath, [compiler, "-p", "tsconfig.build.json"]);
    if (code !== 0) return code;
  }
  removeOrphans(sources);
  const command = join(dist, "cli", "main.js");
  if (existsSync(command)) chmodSync(command, 0o755);
  return 0;
}

/** A build that fails, as a failed test. */
export async function buildFailures() {
  const code = await build();
  return code === 0
    ? []
    : [{ file: "scripts/build.mjs", name: "the build", state: "failed", message: `exit code ${code}` }];
}

/** Paths of the sources without `.ts`, relative to the root. */
function listSources() {
  const { include } = JSON.parse(readFileSync(join(root, "tsconfig.build.json"), "utf8"));
  return include
    .flatMap((folder) => listFiles(folder))
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"))
    .map((path) => path.slice(0, -".ts".length));
}

/** The compiler writes every output anew, so the oldest output tells when it ran. */
function isFresh(sources) {
  const settings = ["tsconfig.json", "tsconfig.build.json", "package-lock.json"];
  const newestSource = Math.max(
    ...[...settings, ...sources.map((path) => `${path}.ts`)].map((path) => writtenAtMs(path)),
  );
  return sources.every((path) =>
    outputs.every((extension) => writtenAtMs(join("dist", path + extension)) > newestSource),
  );
}

function removeOrphans(sources) {
  const expected = new Set(sources.flatMap((path) => outputs.map((extension) => path + extension)));
  for (const path of listFiles("dist")) {
    const source = path.slice(`dist${sep}`.length);
    if (!expected.has(source)) rmSync(join(root, path));
  }
}

function listFiles(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? listFiles(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

/** 0 for a file that does not exist. */
function writtenAtMs(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
