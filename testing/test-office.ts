import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { connect, type Dlo, type JobRun, type LetterRow } from "../client/index.ts";
import { findTarget } from "../connect/target.ts";
import { connectClient } from "../connect/temporal-client.ts";
import { defineConfig, type OfficeConfig, type SharedConfig, type WorkerConfig } from "../model/config.ts";
import { type Duration, parseDuration } from "../model/duration.ts";
import type { HandledJob } from "../model/job.ts";
import { usage } from "../model/office-error.ts";
import { unknownWord } from "../model/suggest.ts";
import { migrateDatabase } from "../setup/migrate.ts";
import { registerSearchAttributes } from "../setup/search-attributes.ts";
import { deadLetterOf } from "./dead-letter-of.ts";
import { startTestStack, type TestStackInfo } from "./test-stack.ts";
import { startSkippingServer } from "./time-skipping.ts";
import { until } from "./until.ts";

export type TestOfficeOptions = Omit<WorkerConfig, "jobs"> &
  Omit<OfficeConfig, "office" | "listen" | "health"> &
  Pick<SharedConfig, "codec"> & {
    /** Jobs with the handlers that the test wants them to have. @default none: the test runs a worker of its own */
    readonly jobs?: readonly HandledJob[];
    /** A stack that runs already. @default one of its own */
    readonly stack?: TestStackInfo;
    /**
     * Uses Temporal's time-skipping server, so that `passTime` lets days go by at once. It has no Web UI and no search.
     * Needs the package `@temporalio/testing`.
     *
     * @default false
     */
    readonly timeSkipping?: boolean;
    /** Takes a line for each thing that is fetched. @default nothing is said */
    readonly progress?: (line: string) => void;
  };

export type TestOffice = AsyncDisposable & {
  readonly dlo: Dlo;
  /** For clients of your own: `host:port` of Temporal, the office's own namespace there, and its own database. */
  readonly address: string;
  readonly namespace: string;
  readonly databaseUrl: string;
  /**
   * Waits until a job has died, and returns its letter.
   *
   * @param run what `dlo.start` returned, or the job's workflow id
   * @param options.waitFor default "30 seconds"
   * @throws {OfficeError} `USAGE` if the job succeeds, is cancelled, or fails without a letter; `WAIT_TIMEOUT`
   */
  deadLetterOf(run: JobRun | string, options?: { readonly waitFor?: Duration }): Promise<LetterRow>;
  /**
   * Lets Temporal's clock go on at once: what is due by then happens.
   *
   * @throws {OfficeError} `USAGE` without `timeSkipping`
   */
  passTime(span: Duration): Promise<void>;
  /** Stops all that was started, in reverse. May be called again. */
  stop(): Promise<void>;
};

/**
 * Starts an office and a worker of the jobs, on a namespace and a database of their own, so that offices do not see each
 * other's letters. It takes some seconds, and fewer on a stack that runs already.
 *
 * ```ts
 * await using office = await startTestOffice({ jobs: [pay.handle(() => { throw new Error("the bank is closed"); })] });
 * const letter = await office.deadLetterOf(await office.dlo.start(pay, { order: "a" }));
 * expect(letter).toMatchObject({ reason: "exhausted", attempts: 5 });
 * ```
 *
 * Temporal's SDK warns of each death on stderr; `Runtime.install({ logger: new DefaultLogger("ERROR") })` quiets it.
 *
 * @throws {OfficeError} `USAGE`, `CONFIG_INVALID`
 * @throws {Error} if a server could not be found, fetched or started
 */
export async function startTestOffice(options: TestOfficeOptions = {}): Promise<TestOffice> {
  for (const key of Object.keys(options))
    if (!officeOptions.includes(key)) throw usage(unknownWord("test office option", key, officeOptions));
  const {
    jobs = [],
    stack: given,
    timeSkipping = false,
    progress,
    queues,
    redact,
    fingerprint,
    on,
    codec,
    ...worker
  } = options;
  defineConfig({
    jobs,
    ...worker,
    ...(queues === undefined ? {} : { queues }),
    ...(redact === undefined ? {} : { redact }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(on === undefined ? {} : { on }),
  });
  const opened: (() => Promise<unknown>)[] = [];
  const release = async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  };
  const kept = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const started = await starting;
    opened.push(() => started.stop());
    return started;
  };
  try {
    const said = progress === undefined ? {} : { progress };
    const stack = given ?? (await kept(startTestStack(said))).info;
    const skipping = timeSkipping ? await kept(startSkippingServer(said)) : undefined;

    const name = `test_${randomUUID().slice(0, 8)}`;
    const databaseUrl = await createDatabase(stack.databaseUrl, name);
    const server =
      skipping === undefined
        ? { address: stack.address, namespace: await createNamespace(stack.address, name) }
        : { address: skipping.address, namespace: "default" };
    // Whatever the shell says of TLS is about another server.
    const shared = { ...server, tls: false, ...(codec === undefined ? {} : { codec }) };
    const dlo = await connect({ ...shared, databaseUrl });
    opened.push(dlo.close);
    const { runOffice, runWorker } = await import("../worker/index.ts");
    await kept(
      runOffice({
        ...shared,
        databaseUrl,
        ...(queues === undefined ? {} : { queues }),
        ...(redact === undefined ? {} : { redact }),
        ...(fingerprint === undefined ? {} : { fingerprint }),
        ...(on === undefined ? {} : { on }),
      }),
    );
    if (jobs.length > 0) await kept(runWorker({ ...shared, ...worker, jobs }));

    let stopping: Promise<void> | undefined;
    const stop = () => (stopping ??= release());
    return {
      dlo,
      ...server,
      databaseUrl,
      deadLetterOf: async (run, waiting = {}) => await deadLetterOf(dlo, run, waiting),
      passTime: async (span) => await pass(skipping, span),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

const officeOptions = [
  "jobs",
  "stack",
  "timeSkipping",
  "progress",
  "queues",
  "redact",
  "fingerprint",
  "on",
  "codec",
  "workflowsPath",
  "activities",
  "classifier",
  "shutdownGraceTime",
];

async function pass(skipping: { pass(ms: number): Promise<void> } | undefined, span: Duration): Promise<void> {
  if (skipping === undefined)
    throw usage(
      "This test office has a clock that nobody can move. Start it so: startTestOffice({ timeSkipping: true, … })",
    );
  await skipping.pass(parseDuration(span, "passTime"));
}

async function createDatabase(url: string, name: string): Promise<string> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await sql`create database ${sql(name)}`;
  } finally {
    await sql.end();
  }
  const own = new URL(url);
  own.pathname = `/${name}`;
  await migrateDatabase(own.href);
  return own.href;
}

async function createNamespace(address: string, namespace: string): Promise<string> {
  const client = await connectClient(findTarget({ address, namespace, tls: false }).temporal);
  try {
    await client.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: daySeconds as never },
    });
    // A new namespace takes a moment until all parts of the server know it.
    await until(async () => (await registerSearchAttributes(client)).missing.length === 0);
    return namespace;
  } finally {
    await client.connection.close();
  }
}

const daySeconds = 86_400;
