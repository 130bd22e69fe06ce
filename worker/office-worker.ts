import { hostname } from "node:os";
import { Worker, type WorkerOptions } from "@temporalio/worker";
import { letterActivities } from "../activities/letter-activities.ts";
import { findTarget, type TargetOptions } from "../connect/target.ts";
import { registeredSearchAttributes } from "../connect/registered-search-attributes.ts";
import { connectClient } from "../connect/temporal-client.ts";
import { defineConfig, type OfficeConfig, refuseForeignKeys, type SharedConfig } from "../model/config.ts";
import { defaultOffice } from "../model/ids.ts";
import { databaseUnset } from "../model/office-error.ts";
import { keepingDefaults } from "../model/resolve-contract.ts";
import { checkSchema } from "../schema/check-schema.ts";
import { openDatabase } from "../schema/database.ts";
import { codecsOf } from "../model/codecs.ts";
import { claimOffice } from "./claim-office.ts";
import { connectNative } from "./native-connection.ts";
import { refuseUnknownOptions } from "./options.ts";
import { type RunningWorker, runUntilStopped } from "./running-worker.ts";
import { bundleEntry, officeEntry } from "./workflow-bundle.ts";

export type RunOfficeOptions = OfficeConfig &
  Pick<SharedConfig, "codec"> &
  TargetOptions & {
    /** More of Temporal's own worker options. */
    readonly worker?: Partial<Omit<WorkerOptions, "taskQueue" | "workflowsPath" | "workflowBundle" | "activities">>;
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
export async function runOffice(options: RunOfficeOptions = {}): Promise<RunningWorker> {
  refuseUnknownOptions(options, ["office", "queues", "redact", "codec", "worker"], "office");
  const { office: name = defaultOffice, queues = {}, redact = [], codec, worker } = options;
  refuseForeignKeys(defineConfig({ office: name, queues, redact }), "office");
  const defaults = keepingDefaults(process.env);
  const { temporal, database: found } = findTarget(options);
  if (found === undefined) throw databaseUnset();

  const opened: (() => Promise<unknown>)[] = [];
  const release = async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  };
  try {
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
    const versioned = worker?.workerDeploymentOptions?.useWorkerVersioning === true;
    const running = await Worker.create({
      identity,
      namespace: temporal.namespace,
      shutdownGraceTime: "5 seconds",
      ...dataConverter,
      ...worker,
      connection,
      taskQueue: name,
      workflowBundle: await bundleEntry(officeEntry({ versioned })),
      activities: letterActivities({
        db: database.db,
        client,
        codecs,
        queues,
        redact,
        defaults,
        searchAttributes: await registeredSearchAttributes(client),
        taskQueue: name,
      }),
    });
    return runUntilStopped([running], release);
  } catch (error) {
    await release();
    throw error;
  }
}
