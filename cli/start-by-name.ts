import { defaultJobTaskQueue } from "../model/ids.ts";
import { defineJob, type Job } from "../model/job.ts";
import { jobUnknown } from "../model/office-error.ts";
import { type LoadedConfig, loadConfig } from "./load-config.ts";
import { announceTarget, withClient } from "./open-client.ts";
import { notice } from "./output-flag.ts";
import { readInput } from "./read-input.ts";
import type { TargetFlags } from "./target-flags.ts";

export type StartFlags = TargetFlags & {
  readonly input?: string;
  readonly id?: string;
  readonly header: Record<string, string>;
  readonly key?: string;
  readonly idempotencyKey?: string;
  readonly batch?: string;
  readonly taskQueue?: string;
  readonly wait?: true;
  readonly config?: string;
};

export type Started = { readonly workflowId: string; readonly runId: string; readonly result?: unknown };

/** Starts the job that a configuration names so, or a workflow of that type. */
export async function startByName(name: string, flags: StartFlags): Promise<Started> {
  const { id, header, key, idempotencyKey, batch } = flags;
  await announceTarget(flags);
  const loaded = await loadConfig(flags.config);
  const job = jobNamed(name, loaded, flags.taskQueue);
  const input = flags.input === undefined ? undefined : await readInput(flags.input);
  return await withClient(flags, loaded?.config.codec, async (dlo) => {
    const run = await dlo.start(job, input, {
      ...(id === undefined ? {} : { id }),
      ...(Object.keys(header).length === 0 ? {} : { headers: header }),
      ...(key === undefined ? {} : { key }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(batch === undefined ? {} : { batch }),
    });
    const { workflowId, runId } = run;
    return { workflowId, runId, ...(flags.wait ? { result: await run.result() } : {}) };
  });
}

function jobNamed(name: string, loaded: LoadedConfig | undefined, taskQueue: string | undefined): Job {
  const jobs = (loaded?.config.jobs ?? []).map((handled) => handled.job);
  const found = jobs.find((job) => job.name === name);
  if (found !== undefined && (taskQueue === undefined || taskQueue === found.contract.taskQueue)) return found;
  if (jobs.length > 0 && taskQueue === undefined)
    throw jobUnknown(
      name,
      jobs.map((job) => job.name),
    );
  const queue = taskQueue ?? defaultJobTaskQueue;
  notice(`No configuration here names ${name} on task queue "${queue}": its input is not checked before the start.`);
  return defineJob({ name, taskQueue: queue, input: anything });
}

/** A Standard Schema that takes what comes. */
const anything = {
  "~standard": { version: 1, vendor: "dead-letter-office", validate: (value: unknown) => ({ value }) },
} as const;
