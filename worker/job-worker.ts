import { hostname } from "node:os";
import { type NativeConnection, Worker, type WorkerOptions } from "@temporalio/worker";
import { findTarget, type TargetOptions } from "../connect/target.ts";
import { codecsOf } from "../model/codecs.ts";
import { defineConfig, refuseForeignKeys, type SharedConfig, type WorkerConfig } from "../model/config.ts";
import { parseDuration } from "../model/duration.ts";
import type { HandledJob } from "../model/job.ts";
import { configInvalid } from "../model/office-error.ts";
import { jobDefaults, resolveHandled } from "../model/resolve-contract.ts";
import { attemptOf } from "./attempt.ts";
import { inputChecker } from "./input-checker.ts";
import { jobDescriber } from "./job-describer.ts";
import { refuseUnknownOptions } from "./options.ts";
import { connectNative } from "./native-connection.ts";
import { ownCodeRunner } from "./own-code.ts";
import { type RunningWorker, runUntilStopped } from "./running-worker.ts";
import { timeoutDecider } from "./timeout-decider.ts";
import { bundleEntry, type Entry, jobEntry } from "./workflow-bundle.ts";

export type RunWorkerOptions = WorkerConfig &
  Pick<SharedConfig, "codec"> &
  TargetOptions & {
    readonly jobs: readonly HandledJob[];
    /** An own connection, in place of the one that the options find. It is not closed. */
    readonly connection?: NativeConnection;
    /** More of Temporal's own worker options; they win over what the jobs need. */
    readonly worker?: Partial<Omit<WorkerOptions, "taskQueue" | "workflowsPath" | "workflowBundle" | "activities">>;
  };

/**
 * Runs jobs: one Temporal worker for each task queue that they name. Needs no database.
 *
 * Resolves once the workers poll. `stop()` finishes or hands back what runs; `done` settles when all have ended.
 *
 * @throws {OfficeError} `CONFIG_INVALID` for unknown keys and those that an office reads, `TEMPORAL_UNREACHABLE`
 */
export async function runWorker(options: RunWorkerOptions): Promise<RunningWorker> {
  const { jobs, activities, classifier, shutdownGraceTime, codec, connection, worker } = options;
  refuseForeignKeys(options, "worker");
  refuseUnknownOptions(options, workerOptions, "worker");
  defineConfig({
    jobs,
    ...(activities === undefined ? {} : { activities }),
    ...(classifier === undefined ? {} : { classifier }),
    ...(shutdownGraceTime === undefined ? {} : { shutdownGraceTime }),
  });
  if (jobs.length === 0) throw configInvalid("jobs", "it is empty; a worker needs at least one job with its handler");

  const { temporal } = findTarget(options);
  const connected = connection ?? (await connectNative(temporal));
  const release = async () => {
    if (connection === undefined) await connected.close();
  };
  const identity = worker?.identity ?? `${process.pid}@${hostname()}`;
  const ownConverter = worker?.dataConverter?.payloadConverterPath !== undefined;
  const buildId = worker?.workerDeploymentOptions?.version.buildId;
  try {
    const workers: Worker[] = [];
    for (const [taskQueue, queued] of byTaskQueue(jobs)) {
      const bundle = await bundleEntry(entryOf(queued, options));
      workers.push(
        await Worker.create({
          ...workerDefaults,
          ...(shutdownGraceTime === undefined
            ? {}
            : { shutdownGraceTime: parseDuration(shutdownGraceTime, "shutdownGraceTime", { minimumMs: 0 }) }),
          identity,
          namespace: temporal.namespace,
          ...(codec === undefined ? {} : { dataConverter: { payloadCodecs: codecsOf(codec) } }),
          ...worker,
          connection: connected,
          taskQueue,
          workflowBundle: bundle,
          activities: { ...activities, ...jobActivities(queued, { identity, buildId, classifier, ownConverter }) },
        }),
      );
    }
    return runUntilStopped(workers, release);
  } catch (error) {
    await release();
    throw error;
  }
}

const workerOptions = [
  "jobs",
  "workflowsPath",
  "activities",
  "classifier",
  "shutdownGraceTime",
  "codec",
  "connection",
  "worker",
];

/** The activities of jobs: each under its job's name, the check of their inputs, the question about time-outs, and their own code. */
export function jobActivities(
  jobs: readonly HandledJob[],
  settings: {
    identity: string;
    buildId: string | undefined;
    classifier: WorkerConfig["classifier"] | undefined;
    ownConverter: boolean;
  },
): Record<string, (...args: any[]) => Promise<unknown>> {
  const attemptSettings = {
    identity: settings.identity,
    ...(settings.buildId === undefined ? {} : { buildId: settings.buildId }),
    ownConverter: settings.ownConverter,
    ...(settings.classifier === undefined ? {} : { classifier: settings.classifier }),
  };
  return {
    ...Object.fromEntries(jobs.map((handled) => [handled.job.name, attemptOf(handled, attemptSettings)])),
    ...inputChecker(jobs),
    ...jobDescriber(jobs),
    ...timeoutDecider(jobs),
    ...ownCodeRunner(jobs),
  };
}

/** What job workers need of Temporal: a ledger that is no more than two seconds old when a worker is killed. */
export const workerDefaults = {
  defaultHeartbeatThrottleInterval: "1 second",
  maxHeartbeatThrottleInterval: "2 seconds",
  shutdownGraceTime: 0,
} as const satisfies Partial<WorkerOptions>;

function entryOf(jobs: readonly HandledJob[], { workflowsPath, worker }: RunWorkerOptions): Entry {
  const defaults = jobDefaults(process.env);
  return jobEntry({
    contracts: jobs.map((handled) => resolveHandled(handled, defaults)),
    versioned: worker?.workerDeploymentOptions?.useWorkerVersioning === true,
    ...(workflowsPath === undefined ? {} : { workflowsPath: String(workflowsPath) }),
  });
}

function byTaskQueue(jobs: readonly HandledJob[]): Map<string, HandledJob[]> {
  const queues = new Map<string, HandledJob[]>();
  for (const handled of jobs) {
    const { taskQueue } = handled.job.contract;
    queues.set(taskQueue, [...(queues.get(taskQueue) ?? []), handled]);
  }
  return queues;
}
