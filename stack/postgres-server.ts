import { randomBytes, randomUUID } from "node:crypto";
import { execFile } from "node:child_process";
import { chown, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { findProcesses } from "./find-processes.ts";
import { freePort, loopback } from "./ports.ts";
import { againIfPortWasTaken } from "./port-race.ts";
import type { PostgresBinaries } from "./postgres-binary.ts";
import { asPostgresUser, postgresUser } from "./postgres-user.ts";
import type { PostgresUser } from "./postgres-user.ts";
import { processMark } from "./process-mark.ts";
import type { Progress } from "./progress.ts";
import { reachableBinaries } from "./reachable-binaries.ts";
import { ServerNotReadyError, UnusableError, retryUntilReady } from "./retry-until-ready.ts";
import { startServer, stopProcess } from "./server-process.ts";
import type { ServerEnd } from "./server-process.ts";

/*
 * The data folder `postgres/` is made beside itself and then renamed, so it is either whole or not there. The password is kept
 * in it, so the two come and go together. Trust without a password would hand every local user a superuser, whose
 * `copy … to program` runs commands as us.
 */

export type PostgresOptions = {
  readonly binaries: PostgresBinaries;
  /** Holds `postgres/` and `postgres.log`. */
  readonly folder: string;
  readonly port: number;
  /** Made if it is missing. */
  readonly database: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
};

export type RunningPostgres = {
  readonly url: string;
  readonly pid: number;
  readonly ended: Promise<ServerEnd>;
  stop(): Promise<void>;
};

/** The arguments that tell the server on this folder from all others. */
export function postgresMark(folder: string): readonly [string, string] {
  return ["-D", join(folder, dataFolder)];
}

/** Postgres's fast shutdown: connections are cut, what is committed is on disk. */
export const postgresStopSignal: NodeJS.Signals = "SIGINT";

/** Starts Postgres on its data folder, which is made at first, and returns once it answers and has the database. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const data = join(options.folder, dataFolder);
  const user = await postgresUser(options.folder, data);
  await clearDrafts(options.folder);
  const version = await readFile(join(data, "PG_VERSION"), "utf8").catch(() => undefined);
  const bin = await reachableBinaries(options.binaries, user);
  if (version === undefined) await createData(options, bin, user, data);
  else if (version.trim() !== majorVersion) throw madeByOther(data, version.trim());
  const password = (await readFile(join(data, passwordFile), "utf8")).trim();
  return await againIfPortWasTaken(() => onceMemoryIsFree(() => start(options, bin, user, password)));
}

const dataFolder = "postgres";
const passwordFile = "dlo-password";
const majorVersion = "18";
const superuser = "postgres";

async function start(
  options: PostgresOptions,
  bin: string,
  user: PostgresUser,
  password: string,
): Promise<RunningPostgres> {
  const { folder, progress, signal } = options;
  const port = await freePort(options.port);
  if (options.port !== 0 && port !== options.port)
    progress(`Port ${options.port} is taken: Postgres listens on ${port}.`);
  const logFile = join(folder, "postgres.log");
  const settings = {
    listen_addresses: loopback,
    port,
    unix_socket_directories: "",
    // Offices, workers and clients come each with a pool of ten.
    max_connections: 200,
  };
  const args = [
    ...postgresMark(folder),
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  const server = await startServer({
    ...asPostgresUser(user, join(bin, "postgres"), args),
    logFile,
    stopSignal: postgresStopSignal,
  });
  const url = (database: string): string => `postgres://${superuser}:${password}@${loopback}:${port}/${database}`;
  try {
    await retryUntilReady("Postgres", server, logFile, () => hasDatabase(url("postgres"), options.database), signal);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { url: url(options.database), ...server };
}

async function hasDatabase(url: string, name: string): Promise<void> {
  const { default: postgres } = await import("postgres");
  const sql = postgres(url, { max: 1, connect_timeout: 5 });
  try {
    const [found] = await sql`select 1 from pg_database where datname = ${name}`;
    if (!found) await sql`create database ${sql(name)}`;
  } catch (error) {
    if ((error as { code?: string }).code !== "28P01") throw error;
    throw new UnusableError(
      `Postgres refuses the password in ${passwordFile} of its data folder. Was it changed? Put the new one there.`,
    );
  } finally {
    await sql.end();
  }
}

/** A server that was killed may leave sessions that still use its shared memory for a moment, and Postgres refuses to start beside them. */
async function onceMemoryIsFree(start: () => Promise<RunningPostgres>): Promise<RunningPostgres> {
  for (const until = Date.now() + 15_000; ;) {
    try {
      return await start();
    } catch (error) {
      const inUse = error instanceof ServerNotReadyError && error.output.includes("pre-existing shared memory block");
      if (!inUse || Date.now() > until) throw error;
    }
  }
}

async function createData(options: PostgresOptions, bin: string, user: PostgresUser, data: string): Promise<void> {
  const { folder, progress, signal } = options;
  progress("Postgres: making a new database folder.");
  const draft = `${data}${draftSuffix}${randomUUID()}`;
  const password = join(folder, `${passwordFile}${draftSuffix}${randomUUID()}`);
  await mkdir(draft, { mode: 0o700 });
  await writeFile(password, `${randomBytes(16).toString("hex")}\n`, { mode: 0o600 });
  if (user) for (const path of [draft, password]) await chown(path, user.uid, user.gid);
  const { command, args, ...ids } = asPostgresUser(user, join(bin, "initdb"), [
    ...["--pgdata", draft, "--username", superuser, "--pwfile", password, "--auth", "scram-sha-256"],
    // Postgres's own locale: it sorts and folds alike on every machine, whatever locales are installed.
    ...["--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"],
    // There is nothing to lose yet; what is committed later is synced as ever. 0.5 s here.
    ...["--no-sync", "--no-instructions"],
  ]);
  try {
    await promisify(execFile)(command, args, { ...ids, signal });
    await rename(password, join(draft, passwordFile));
    await rename(draft, data);
  } catch (error) {
    signal.throwIfAborted();
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new Error(`Postgres's initdb could not make ${data}: ${stderr?.trim() || message}`, { cause: error });
  } finally {
    await rm(draft, { recursive: true, force: true });
    await rm(password, { force: true });
  }
}

const draftSuffix = ".new-";

/** What a process that was killed while it made the data folder has left, perhaps with its `initdb` still at work. */
async function clearDrafts(folder: string): Promise<void> {
  const drafts = (await readdir(folder)).filter((name) => name.includes(draftSuffix)).map((name) => join(folder, name));
  for (const draft of drafts) {
    for (const pid of findProcesses(["--pgdata", draft])) await stopProcess(pid, processMark(pid), "SIGTERM");
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
  }
}

function madeByOther(data: string, version: string): Error {
  return new Error(
    `${data} was made by Postgres ${version}, and this release brings Postgres ${majorVersion}. ` +
      "Move the folder aside to begin anew, or load a dump of it (pg_dump) into the new one.",
  );
}
