import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import type { BundlerPlugin, WorkerOptions, WorkerPlugin, WorkflowBundleOption } from "@temporalio/worker";
import { defineConfig, type WorkerConfig } from "../model/config.ts";
import type { HandledJob } from "../model/job.ts";
import { configInvalid, usage } from "../model/office-error.ts";
import { jobDefaults, resolveHandled } from "../model/resolve-contract.ts";
import { unknownWord } from "../model/suggest.ts";
import { jobActivities, workerDefaults } from "./job-worker.ts";
import { addJobs, noWorkflowsPath } from "./plugin-bundle.ts";

export type DeadLetterPluginOptions = Pick<WorkerConfig, "classifier"> & {
  /** All jobs of the worker, with their handlers. Each has to name the worker's own task queue. */
  readonly jobs: readonly HandledJob[];
};

/**
 * Adds jobs to a worker of your own, beside its workflows and activities, which keep their names.
 *
 * ```ts
 * const worker = await Worker.create({
 *   taskQueue: "jobs",
 *   workflowsPath: fileURLToPath(import.meta.resolve("./workflows.ts")),
 *   activities,
 *   plugins: [deadLetterPlugin({ jobs: [importMovie.handle(async (movie) => { … })] })],
 * });
 * ```
 *
 * It adds the jobs to the bundle, and their activities; attempts are to be reported every other second at least, so it sets
 * the heartbeat throttles where you have not. A bundle that is made beforehand takes the plugin too:
 * `bundleWorkflowCode({ workflowsPath, plugins: [plugin] })`. In a list of plugins, those that set `workflowsPath` come
 * before it.
 *
 * @throws {OfficeError} `CONFIG_INVALID`, here or from `Worker.create`, where a job and one of your workflows or activities
 *   have the same name, a job names another task queue, or a prebuilt bundle lacks the jobs; `USAGE` for an unknown option
 */
export function deadLetterPlugin(options: DeadLetterPluginOptions): WorkerPlugin & BundlerPlugin {
  const { jobs, classifier } = options;
  for (const key of Object.keys(options))
    if (!pluginOptions.includes(key)) throw usage(unknownWord("plugin option", key, pluginOptions));
  defineConfig({ jobs, ...(classifier === undefined ? {} : { classifier }) });
  if (jobs.length === 0)
    throw configInvalid("deadLetterPlugin", "jobs is empty; give it at least one job with its handler");

  const plugin: WorkerPlugin & BundlerPlugin = {
    ...bundling(jobs, false),
    async configureWorker(worker) {
      refuseOtherQueues(jobs, worker.taskQueue);
      if (worker.workflowBundle !== undefined) await refuseWithoutJobs(jobs, worker.workflowBundle);
      return {
        ...worker,
        defaultHeartbeatThrottleInterval:
          worker.defaultHeartbeatThrottleInterval ?? workerDefaults.defaultHeartbeatThrottleInterval,
        maxHeartbeatThrottleInterval:
          worker.maxHeartbeatThrottleInterval ?? workerDefaults.maxHeartbeatThrottleInterval,
        activities: allActivities(jobs, worker, classifier),
        ...(worker.workflowBundle === undefined ? bundled(jobs, worker, plugin) : {}),
      };
    },
    configureReplayWorker: (worker) =>
      worker.workflowBundle === undefined
        ? { ...worker, workflowsPath: worker.workflowsPath ?? noWorkflowsPath }
        : worker,
  };
  return plugin;
}

const pluginOptions = ["jobs", "classifier"];
const pluginName = "dead-letter-office";

function bundling(jobs: readonly HandledJob[], versioned: boolean): WorkerPlugin & BundlerPlugin {
  return {
    name: pluginName,
    configureBundler(bundle) {
      const defaults = jobDefaults(process.env);
      return addJobs(bundle, { contracts: jobs.map((handled) => resolveHandled(handled, defaults)), versioned });
    },
  };
}

/** What makes the SDK bundle the jobs. Only the worker knows whether it is versioned, so it gets a bundling of its own. */
function bundled(
  jobs: readonly HandledJob[],
  worker: WorkerOptions,
  plugin: WorkerPlugin,
): Pick<WorkerOptions, "plugins" | "workflowsPath"> {
  const versioned = worker.workerDeploymentOptions?.useWorkerVersioning === true;
  return {
    workflowsPath: worker.workflowsPath ?? noWorkflowsPath,
    plugins: (worker.plugins ?? []).map((one) => (one === plugin ? bundling(jobs, versioned) : one)),
  };
}

function allActivities(
  jobs: readonly HandledJob[],
  worker: WorkerOptions,
  classifier: WorkerConfig["classifier"],
): NonNullable<WorkerOptions["activities"]> {
  const added = jobActivities(jobs, {
    identity: worker.identity ?? `${process.pid}@${hostname()}`,
    buildId: worker.workerDeploymentOptions?.version.buildId,
    classifier,
    ownConverter: worker.dataConverter?.payloadConverterPath !== undefined,
  });
  for (const name of Object.keys(worker.activities ?? {})) {
    if (!Object.hasOwn(added, name)) continue;
    const isJob = jobs.some(({ job }) => job.name === name);
    throw configInvalid(
      `activities.${name}`,
      isJob
        ? `the job "${name}" has an activity of this name too. Rename one of them`
        : "Dead Letter Office has an activity of this name for every worker of jobs. Rename yours; if there are two deadLetterPlugins, give all jobs to one",
    );
  }
  return { ...worker.activities, ...added };
}

function refuseOtherQueues(jobs: readonly HandledJob[], taskQueue: string): void {
  for (const { job } of jobs) {
    const named = job.contract.taskQueue;
    if (named !== taskQueue)
      throw configInvalid(
        `job "${job.name}"`,
        `it is started on the task queue "${named}", and this worker serves "${taskQueue}". Say taskQueue: "${taskQueue}" in its contract, or give it to a worker of "${named}"`,
      );
  }
}

async function refuseWithoutJobs(jobs: readonly HandledJob[], bundle: WorkflowBundleOption): Promise<void> {
  const code = "code" in bundle ? bundle.code : await readFile(bundle.codePath, "utf8");
  const missing = jobs.map(({ job }) => job.name).filter((name) => !code.includes(name));
  // The compensation's name stands in every bundle that supervises jobs.
  if (code.includes("parkDeadLetter") && missing.length === 0) return;
  throw configInvalid(
    "workflowBundle",
    `the bundle was made without the jobs${missing.length === 0 ? "" : ` ${missing.join(", ")}`}. Make it with the plugin, bundleWorkflowCode({ workflowsPath, plugins: [plugin] }), ` +
      'or let your workflows\' module say: export default supervise(contractsOf([…])), from "dead-letter-office/workflows"',
  );
}
