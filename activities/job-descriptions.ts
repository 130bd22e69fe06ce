import type { JobDescription } from "../model/letter-activities.ts";

/** What the workers of jobs said of them, for a while: a batch of records asks once. */
export type JobDescriptions = {
  /** Null: nobody answered just now. Undefined: nobody was asked lately. */
  get(job: string, taskQueue: string): JobDescription | null | undefined;
  set(job: string, taskQueue: string, described: JobDescription | null): void;
};

/** @param now the time, in milliseconds */
export function jobDescriptions(now: () => number = Date.now): JobDescriptions {
  const kept = new Map<string, { readonly described: JobDescription | null; readonly untilMs: number }>();
  const keyOf = (job: string, taskQueue: string) => JSON.stringify([job, taskQueue]);
  return {
    get(job, taskQueue) {
      const found = kept.get(keyOf(job, taskQueue));
      return found === undefined || found.untilMs <= now() ? undefined : found.described;
    },
    set(job, taskQueue, described) {
      // A worker that does not know the job may be about to be replaced by one that does.
      if (described?.known === false) return;
      if (kept.size >= mostKept) kept.clear();
      kept.set(keyOf(job, taskQueue), { described, untilMs: now() + (described === null ? silentMs : knownMs) });
    },
  };
}

const mostKept = 1000;
const knownMs = 60_000;
const silentMs = 10_000;
