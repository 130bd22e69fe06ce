import { hostname } from "node:os";
import { Worker, type WorkerOptions } from "@temporalio/worker";
import { adoptActivities } from "../activities/adopt-activities.ts";
import { hookActivities } from "../activities/deliver-event.ts";
import { letterActivities } from "../activities/letter-activities.ts";
import { pruneActivities } from "../activities/prune-activities.ts";
import { reconcileActivities } from "../activities/reconcile-activities.ts";
import { redriveActivities } from "../activities/redrive-activities.ts";
import { findTarget, type TargetOptions } from "../connect/target.ts";
import { registeredSearchAttributes } from "../connect/registered-search-attributes.ts";
import { connectClient } from "../connect/temporal-client.ts";
import { defineConfig, type OfficeConfig, refuseForeignKeys, type SharedConfig } from "../model/config.ts";
import { healthLimits } from "../model/health.ts";
import { defaultOffice, defaultQueue } from "../model/ids.ts";
import { databaseUnset } from "../model/office-error.ts";
import { keepingDefaults } from "../model/resolve-contract.ts";
import { checkSchema } from "../schema/check-schema.ts";
import { openDatabase } from "../schema/database.ts";
import { codecsOf } from "../model/codecs.ts";
import { answerRequests } from "./answer-requests.ts";
import { claimOffice } from "./claim-office.ts";
import { startClerk } from "./clerk.ts";
import { countCalls } from "./count-calls.ts";
import { forgetHooks, hookFollowers } from "./hook-followers.ts";
import { connectNative } from "./native-connection.ts";
import { openOfficeServer } from "./office-server.ts";
import { refuseUnknownOptions } from "./options.ts";
import { type RunningWorker, runUntilStopped } from "./running-worker.ts";
import { sdkMetricsAddress } from "./sdk-metrics.ts";
import { bundleEntry, officeEntry } from "./workflow-bundle.ts";

export type RunOfficeOptions = OfficeConfig &
  Pick<SharedConfig, "codec"> &
  TargetOptions & {
    /** More of Temporal's own worker options. */
    readonly worker?: Partial<Omit<WorkerOptions, "taskQueue" | "workflowsPath" | "workflowBundle" | "activities">>;
  };

export type RunningOffice = RunningWorker & {
  /** Where it answers questions about itself, such as `http://127.0.0.1:9464`; absent without `listen`. */
  readonly url?: string;
};

/**
 * Runs an office: the worker that owns the database. It runs letters and the compensation of dying jobs. It can run many
 * times over, with the same name and the same database.
 *
 * Resolves once it polls. `stop()` ends it in order; `done` settles when it has ended.
 *
 * @throws {OfficeError} `DATABASE_UNSET`, `DATABASE_UNREACHABLE`, `SCHEMA_MISSING`, `SCHEMA_TOO_OLD`, `SCHEMA_TOO_NEW`,
 *   `OFFICE_MISMATCH` where another database holds the name, `TEMPORAL_UNREACHABLE`, `CONFIG_INVALID`
 */
export async function runOffice(options: RunOfficeOptions = {}): Promise<RunningOffice> {
  refuseUnknownOptions(
    options,
    [
      ...["office", "queues", "redact", "fingerprint", "amendments", "probes", "reconcile", "capture", "adopt"],
      ...["listen", "health", "on", "codec", "worker"],
    ],
    "office",
  );
  const { office: name = defaultOffice, queues = {}, redact = [], fingerprint = [], codec, worker } = options;
  const { listen, health = {}, on: hooks = {}, amendments = {}, probes = {} } = options;
  const { reconcile = {}, capture = {}, adopt = {} } = options;
  const repairing = { reconcile, capture, adopt };
  const answering = { health, on: hooks, ...(listen === undefined ? {} : { listen }) };
  refuseForeignKeys(
    defineConfig({ office: name, queues, redact, fingerprint, amendments, probes, ...repairing, ...answering }),
    "office",
  );
  const defaults = keepingDefaults(process.env);
  const { temporal, database: found } = findTarget(options);
  if (found === undefined) throw databaseUnset();
  const { namespace, ui = process.env["DLO_UI_URL"] } = temporal;

  const opened: (() => Promise<unknown>)[] = [];
  const release = async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  };
  try {
    const server = listen === undefined ? undefined : await openOfficeServer(listen);
    if (server !== undefined) opened.push(server.close);
    // Before the first connection: the SDK's metrics are turned on with its Runtime.
    const sdkMetrics = server === undefined ? undefined : await sdkMetricsAddress();
    const database = openDatabase(found.url);
    opened.push(database.close);
    const { databaseId } = await checkSchema(database.db);
    const codecs = codecsOf(codec);
    const dataConverter = codecs.length === 0 ? {} : { dataConverter: { payloadCodecs: codecs } };
    const identity = worker?.identity ?? `${process.pid}@${hostname()}`;
    const client = await connectClient(temporal, { identity, ...dataConverter });
    opened.push(async () => await client.connection.close());
    const connection = await connectNative(temporal);
    opened.push(async () => await connection.close());
    await claimOffice(client, name, databaseId);
    const hooked = { client, office: name, hooks };
    const followers = hookFollowers(hooked);
    const calls = countCalls(
      hookActivities({ db: database.db, hooks, office: name, namespace, ...(ui === undefined ? {} : { ui }) }),
    );
    const versioned = worker?.workerDeploymentOptions?.useWorkerVersioning === true;
    const needs = {
      ...{ db: database.db, client, codecs, queues, redact, probes, fingerprint, capture, defaults },
      taskQueue: name,
      searchAttributes: await registeredSearchAttributes(client),
    };
    const running = await Worker.create({
      identity,
      namespace,
      shutdownGraceTime: "5 seconds",
      ...dataConverter,
      ...worker,
      connection,
      taskQueue: name,
      workflowBundle: await bundleEntry(officeEntry({ versioned })),
      activities: {
        ...letterActivities(needs),
        ...reconcileActivities({ ...needs, jobs: reconcile.jobs ?? [] }),
        ...adoptActivities({ ...needs, policies: adopt }),
        ...redriveActivities({
          ...{ db: database.db, client, codecs, namespace, redact, amendments, probes, queues, defaults },
          home: needs,
        }),
        ...pruneActivities({ db: database.db, namespace }),
        ...calls.activities,
      },
    });
    const clerk = startClerk(found.url, followers, async (db) => await forgetHooks(db, hooked));
    opened.push(clerk.close);
    const requests = answerRequests({ databaseUrl: found.url, client, office: name, databaseId });
    opened.push(requests.close);
    const office = runUntilStopped([running], release);
    if (server === undefined) return office;
    const asked = openDatabase(found.url, { connections: 2, part: "questions", prepare: false });
    opened.push(asked.close);
    await server.serve({
      name,
      namespace,
      client,
      db: asked.db,
      worker: running,
      clerk,
      followers: followers.map((follower) => follower.name),
      queues: [
        defaultQueue,
        ...Object.keys(queues),
        ...Object.values(adopt).flatMap((policy) => (policy ? (policy.queue ?? []) : [])),
      ],
      limits: healthLimits(health),
      calls: calls.outcomes,
      ...(sdkMetrics === undefined ? {} : { sdkMetrics }),
    });
    return { ...office, url: server.url };
  } catch (error) {
    await release();
    throw error;
  }
}
