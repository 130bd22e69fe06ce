import type { Client } from "@temporalio/client";
import { findTarget, type Target, type TargetOptions } from "../connect/target.ts";
import { registeredSearchAttributes } from "../connect/registered-search-attributes.ts";
import { connectClient } from "../connect/temporal-client.ts";
import { codecsOf } from "../model/codecs.ts";
import type { SharedConfig } from "../model/config.ts";
import type { Health } from "../model/health.ts";
import type { Job } from "../model/job.ts";
import { databaseUnset } from "../model/office-error.ts";
import { searchAttributes } from "../model/search-attributes.ts";
import { type Db, type OpenDatabase, openDatabase } from "../schema/database.ts";
import { adoptOf, type AdoptRuns } from "./adopt.ts";
import { type Causes, causesOf } from "./causes.ts";
import { type AskHealth, askHealth } from "./health.ts";
import type { JobRun } from "./job-run.ts";
import { type Events, eventsOf } from "./events.ts";
import { type Letters, lettersOf } from "./letters.ts";
import { type PruneLetters, pruneOf } from "./prune.ts";
import { reconcileOf, type ReconcileStores } from "./reconcile.ts";
import { type Redrives, redrivesOf } from "./redrives.ts";
import { startJob, type StartOptions } from "./start-job.ts";

export type ConnectOptions = TargetOptions &
  Pick<SharedConfig, "codec"> & {
    /** An own Temporal client, in place of the one that the options find. It is not closed. */
    readonly client?: Client;
    /** Shown in Temporal, and as the signature of commands that name nobody. @default `<pid>@<host>` */
    readonly identity?: string;
  };

/** The office's client: for apps that start jobs, and for operators. */
export type Dlo = AsyncDisposable & {
  /** Where it is connected to, and why. */
  readonly target: Target;
  /** Temporal's own client underneath. */
  readonly temporal: Client;
  /** Starts a job; needs no database. See `StartOptions`. */
  start<Input>(job: Job<Input>, input: Input, options?: StartOptions): Promise<JobRun>;
  /** Starts a job and waits for its result; fails with `JOB_DIED` if it dies. */
  run<Result = unknown, Input = unknown>(job: Job<Input>, input: Input, options?: StartOptions): Promise<Result>;
  readonly letters: Letters;
  readonly causes: Causes;
  readonly events: Events;
  readonly redrives: Redrives;
  readonly prune: PruneLetters;
  readonly reconcile: ReconcileStores;
  readonly adopt: AdoptRuns;
  /**
   * How the office is, by its letters: of the client's own namespace, unless another is given.
   *
   * @throws {OfficeError} `USAGE`, `QUERY_TIMEOUT`, `DATABASE_UNREACHABLE`
   */
  health(options?: AskHealth): Promise<Health>;
  close(): Promise<void>;
};

/**
 * Connects to Temporal. Postgres is opened at the first read of a letter.
 *
 * @throws {OfficeError} `TEMPORAL_UNREACHABLE`, `CONFIG_INVALID`
 */
export async function connect(options: ConnectOptions = {}): Promise<Dlo> {
  const target = findTarget(options);
  const { codec, identity } = options;
  const payloadCodecs = codecsOf(codec);
  const temporal =
    options.client ??
    (await connectClient(target.temporal, {
      ...(identity === undefined ? {} : { identity }),
      ...(payloadCodecs.length === 0 ? {} : { dataConverter: { payloadCodecs } }),
    }));
  let opened: OpenDatabase | undefined;
  const wholeDatabase = (): OpenDatabase => {
    if (target.database === undefined) throw databaseUnset();
    return (opened ??= openDatabase(target.database.url, { prepare: false }));
  };
  const database = (): Db => wholeDatabase().db;
  const databaseUrl = (): string => {
    if (target.database === undefined) throw databaseUnset();
    return target.database.url;
  };
  const closing = new AbortController();
  const attributesKnown = onceTrue(() => hasJobAttributes(temporal));
  const start: Dlo["start"] = async (job, input, startOptions) =>
    await startJob(temporal, job, input, startOptions, attributesKnown);
  const close = async () => {
    closing.abort();
    await opened?.close();
    opened = undefined;
    if (options.client === undefined) await temporal.connection.close();
  };
  return {
    target,
    temporal,
    start,
    run: async (job, input, startOptions) => await (await start(job, input, startOptions)).result(),
    letters: lettersOf({ temporal, database, databaseUrl }),
    causes: causesOf({ database, ...temporal.options }),
    redrives: redrivesOf({ temporal, database }),
    prune: pruneOf({ temporal, database }),
    reconcile: reconcileOf({ temporal, database }),
    adopt: adoptOf(temporal),
    health: async (asked) => await askHealth(database(), { namespace: temporal.options.namespace, ...asked }),
    events: eventsOf({ namespace: temporal.options.namespace, database: wholeDatabase, closing: closing.signal }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** A start that sets an attribute which the namespace lacks would be refused: then jobs go without. */
async function hasJobAttributes(temporal: Client): Promise<boolean> {
  const registered = await registeredSearchAttributes(temporal);
  return registered.includes(searchAttributes.job) && registered.includes(searchAttributes.key);
}

/** Asks until the answer is yes, then no more: a set-up may come after the process that asks. */
function onceTrue(ask: () => Promise<boolean>): () => Promise<boolean> {
  let yes = false;
  return async () => (yes ||= await ask());
}
