import { log } from "@temporalio/activity";
import { recordError } from "../model/error-record.ts";
import type { Failure, FailureHistory } from "../model/failure-policy.ts";
import type { HandledJob } from "../model/job.ts";
import { type CheckedDecision, readDecision } from "../model/read-decision.ts";
import { readExtra, type RecordExtra } from "../model/record-extra.ts";

/** A job's own code that is asked, and until when: an attempt whose time is up is heard by nobody. */
export type Policy = Pick<HandledJob, "onFailure" | "record"> & { readonly endsAtMs: number };

/** What a job's policy says of a failure; undefined where it says nothing, or nothing that can be understood in time. */
export async function decisionOn(
  { onFailure, endsAtMs }: Policy,
  failure: Failure,
  history: FailureHistory,
): Promise<CheckedDecision | undefined> {
  if (onFailure === undefined || Date.now() >= endsAtMs) return undefined;
  return await asked("onFailure", endsAtMs, history, async () =>
    readDecision(await onFailure(...copied(failure, history))),
  );
}

/** What a job's `record` hook adds to the record of its death. */
export async function extraOf(
  { record, endsAtMs }: Policy,
  failure: Failure,
  history: FailureHistory,
): Promise<RecordExtra | undefined> {
  if (record === undefined || Date.now() >= endsAtMs) return undefined;
  return await asked("record", endsAtMs, history, async () => readExtra(await record(...copied(failure, history))));
}

/** Says that an answer was not heeded, and why. */
export function ignored(what: string, { job, workflowId }: FailureHistory, why: string): void {
  log.warn(`${what} of job ${job} is ignored: ${why}`, { job, jobWorkflowId: workflowId });
}

const patienceMs = 10_000;

async function asked<Answer>(
  what: string,
  endsAtMs: number,
  history: FailureHistory,
  ask: () => Promise<Answer>,
): Promise<Answer | undefined> {
  let timer: NodeJS.Timeout | undefined;
  // An attempt that is ended from outside can't tell how it failed.
  const waitMs = Math.min(patienceMs, Math.max(0, endsAtMs - Date.now()) / 2);
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not answer within ${Math.round(waitMs)} ms`)), waitMs);
  });
  try {
    return await Promise.race([ask(), late]);
  } catch (error) {
    ignored(what, history, recordError(error).message);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** It may do with them what it likes. The input is the handler's own, and need not be plain data. */
function copied(failure: Failure, history: FailureHistory): [Failure, FailureHistory] {
  return [structuredClone(failure), { ...history, attempts: structuredClone(history.attempts) }];
}
