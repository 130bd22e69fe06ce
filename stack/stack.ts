import { mkdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commandLine, findProcesses } from "./find-processes.ts";
import { takeLock } from "./folder-lock.ts";
import type { FolderLock } from "./folder-lock.ts";
import { resolvePostgres } from "./postgres-binary.ts";
import { postgresMark, postgresStopSignal, startPostgres } from "./postgres-server.ts";
import type { RunningPostgres } from "./postgres-server.ts";
import { processMark } from "./process-mark.ts";
import { silent } from "./progress.ts";
import type { Progress } from "./progress.ts";
import { stopProcess } from "./server-process.ts";
import { infoFile, readStackInfo, stackFolder } from "./stack-info.ts";
import type { StackInfo } from "./stack-info.ts";
import { resolveTemporal } from "./temporal-binary.ts";
import { startTemporal, temporalMark, temporalStopSignal } from "./temporal-server.ts";
import type { RunningTemporal, SearchAttributeType } from "./temporal-server.ts";

/*
 *   lock taken ── stale servers stopped ── Temporal and Postgres started ── stack.json written ── runs ── stop()
 *        └─ held: StackRunningError              └─ either fails, or the signal: both stopped, lock released
 *
 * The lock says who owns the folder. stack.json is for readers and may be stale, which they see by the owner's pid. What a
 * killed owner leaves behind is found by the servers' command lines, not by any record, so there is no moment in which a
 * server runs that the next start would miss. Temporal's state is in temporal.db, Postgres's in postgres/.
 */

export type StackOptions = {
  /** Holds all state and logs; made if it is missing. Default `.dlo`. */
  readonly folder?: string;
  /** Wanted ports: the next free one is taken, and said, if one is busy; `0` is any. Defaults 7233, 8233, 5432. */
  readonly temporalPort?: number;
  readonly uiPort?: number;
  readonly postgresPort?: number;
  /** Beside `default`. */
  readonly namespaces?: readonly string[];
  readonly searchAttributes?: Readonly<Record<string, SearchAttributeType>>;
  /** Temporal's dynamic configuration: key to value, as JSON. */
  readonly dynamicConfig?: Readonly<Record<string, string>>;
  readonly progress?: Progress;
  /** Gives up a start: what was started is stopped. Does nothing once the stack runs. */
  readonly signal?: AbortSignal;
};

export type RunningStack = {
  readonly info: StackInfo;
  /** Settles with what happened if one of the servers ends before it is asked to. */
  readonly failed: Promise<Error>;
  /** Stops Temporal, then Postgres. May be called again, and at once. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** A stack runs, or is just being started, on this folder. */
export class StackRunningError extends Error {
  override readonly name = "StackRunningError";
  readonly pid: number;
  /** Undefined while it is being started. */
  readonly info: StackInfo | undefined;

  constructor(folder: string, pid: number, info: StackInfo | undefined) {
    super(
      info
        ? `A stack already runs on ${folder}, since ${info.startedAt}, in process ${pid}: Temporal at ${info.temporal.address} (Web UI ${info.temporal.ui}), ` +
            `Postgres at ${new URL(info.postgres.url).host}. Use it, or stop it with Ctrl-C where it runs (or: kill ${pid}).`
        : `Process ${pid} is just starting or stopping a stack on ${folder}. Try again in a moment.`,
    );
    this.pid = pid;
    this.info = info;
  }
}

/**
 * Starts Temporal and Postgres on this folder's state, and returns when both answer.
 *
 * The process that calls it owns them: they live in process groups of their own, so Ctrl-C does not reach them, and on it
 * the owner calls `stop`, or aborts the signal while this has not returned.
 *
 * @throws {StackRunningError} if a live process owns the folder
 * @throws {Error} if a server could not be found, fetched or started; nothing runs then
 * @throws the signal's reason
 */
export async function startStack(options: StackOptions = {}): Promise<RunningStack> {
  const { progress = silent, signal = new AbortController().signal } = options;
  signal.throwIfAborted();
  const folder = await ownFolder(options.folder ?? stackFolder);
  const lock = await takeLock(join(folder, "lock"));
  if ("heldBy" in lock) throw new StackRunningError(folder, lock.heldBy, readStackInfo(folder));
  try {
    await clearStale(folder, progress);
    const servers = await startBoth(folder, options, progress, signal);
    return await own(folder, lock, servers);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

type Servers = { readonly temporal: RunningTemporal; readonly postgres: RunningPostgres };

async function startBoth(
  folder: string,
  options: StackOptions,
  progress: Progress,
  outer: AbortSignal,
): Promise<Servers> {
  const giveUp = new AbortController();
  const signal = AbortSignal.any([outer, giveUp.signal]);
  const together = async <Server>(starting: Promise<Server>): Promise<Server> => {
    try {
      return await starting;
    } catch (error) {
      giveUp.abort(error);
      throw error;
    }
  };
  const [temporal, postgres] = await Promise.allSettled([
    together(temporalOn(folder, options, progress, signal)),
    together(postgresOn(folder, options, progress, signal)),
  ]);
  if (temporal.status === "fulfilled" && postgres.status === "fulfilled" && !outer.aborted) {
    return { temporal: temporal.value, postgres: postgres.value };
  }
  for (const started of [temporal, postgres]) if (started.status === "fulfilled") await started.value.stop();
  throw signal.reason;
}

async function temporalOn(
  folder: string,
  options: StackOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<RunningTemporal> {
  const { temporalPort = 7233, uiPort = 8233, namespaces = [], searchAttributes = {}, dynamicConfig = {} } = options;
  const { path } = await resolveTemporal({ progress, signal });
  return await startTemporal({
    executable: path,
    folder,
    port: temporalPort,
    uiPort,
    namespaces,
    searchAttributes,
    dynamicConfig,
    progress,
    signal,
  });
}

async function postgresOn(
  folder: string,
  options: StackOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<RunningPostgres> {
  const binaries = await resolvePostgres({ progress, signal });
  return await startPostgres({
    binaries,
    folder,
    port: options.postgresPort ?? 5432,
    database: "dlo",
    progress,
    signal,
  });
}

async function own(folder: string, lock: FolderLock, { temporal, postgres }: Servers): Promise<RunningStack> {
  const pidMark = processMark(process.pid);
  const info: StackInfo = {
    version: 1,
    pid: process.pid,
    ...(pidMark === undefined ? {} : { pidMark }),
    startedAt: new Date().toISOString(),
    temporal: { address: temporal.address, namespace: "default", ui: temporal.ui, pid: temporal.pid },
    postgres: { url: postgres.url, pid: postgres.pid },
  };
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= stopOwned(folder, lock, { temporal, postgres }));
  const failed = new Promise<Error>((resolve) => {
    for (const [name, server] of Object.entries({ Temporal: temporal, Postgres: postgres })) {
      void server.ended.then(({ how, output }) => {
        if (stopping) return;
        const last = output.split("\n").at(-1);
        resolve(
          new Error(`${name} ended by itself (${how}): ${last}. Its log: ${join(folder, `${name.toLowerCase()}.log`)}`),
        );
      });
    }
  });
  try {
    await writeWhole(join(folder, infoFile), `${JSON.stringify(info, null, 2)}\n`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { info, failed, stop, [Symbol.asyncDispose]: stop };
}

async function stopOwned(folder: string, lock: FolderLock, { temporal, postgres }: Servers): Promise<void> {
  // First the file: from now on nobody should find the stack.
  await rm(join(folder, infoFile), { force: true });
  try {
    await temporal.stop();
  } finally {
    await postgres.stop();
  }
  await lock.release();
}

async function ownFolder(folder: string): Promise<string> {
  // Others may pass through, since as root Postgres is another user; what is secret in here is closed by itself.
  await mkdir(folder, { recursive: true, mode: 0o711 });
  await writeFile(join(folder, ".gitignore"), "*\n");
  // The servers are found again by this path in their command lines.
  return await realpath(folder);
}

async function clearStale(folder: string, progress: Progress): Promise<void> {
  const left = [
    { name: "Temporal", pids: findProcesses(temporalMark(folder)), stopSignal: temporalStopSignal },
    { name: "Postgres", pids: findProcesses(postgresMark(folder)), stopSignal: postgresStopSignal },
  ];
  for (const { name, pids, stopSignal } of left) {
    for (const pid of pids) {
      progress(`Stopping ${name} (process ${pid}), which an earlier run that was killed has left.`);
      await stopProcess(pid, processMark(pid), stopSignal);
    }
  }
  await removeStalePidFile(postgresMark(folder)[1]);
  await rm(join(folder, infoFile), { force: true });
}

// Postgres takes any live process with the recorded pid for its predecessor, and in a restarted container there is one soon.
async function removeStalePidFile(data: string): Promise<void> {
  const file = join(data, "postmaster.pid");
  const pid = Number.parseInt(await readFile(file, "utf8").catch(() => ""), 10);
  // One that is a Postgres, though not one we started, is for Postgres to judge.
  if (Number.isNaN(pid) || commandLine(pid).includes("postgres")) return;
  await rm(file, { force: true });
}

async function writeWhole(file: string, content: string): Promise<void> {
  const draft = `${file}.${process.pid}`;
  // The owner's alone, as the database's password is in it.
  await writeFile(draft, content, { mode: 0o600 });
  await rename(draft, file);
}
