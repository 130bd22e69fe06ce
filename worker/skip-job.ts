import { log, metricMeter } from "@temporalio/activity";
import { recordError } from "../model/error-record.ts";
import type { Failure, FailureHistory } from "../model/failure-policy.ts";
import type { CheckedDecision } from "../model/read-decision.ts";
import type { SkippedRun } from "../model/skipped.ts";
import { ignored } from "./ask-policy.ts";
import { sendableResult } from "./sendable-result.ts";

/**
 * What the activity of a skipped job returns; undefined where the policy's result cannot be sent. Says so in the worker's log,
 * and counts it: `dlo_jobs_skipped`, by job and type of error, beside Temporal's own metrics.
 */
export function skipped(
  { reason, result }: Extract<CheckedDecision, { do: "skip" }>,
  { type, message }: Failure,
  history: FailureHistory,
): SkippedRun | undefined {
  const run: SkippedRun = {
    dloSkipped: 1,
    skipped: { reason, error: { type, message } },
    ...(result === undefined ? {} : { result }),
  };
  try {
    sendableResult(run);
  } catch (error) {
    ignored("onFailure's skip", history, recordError(error).message);
    return undefined;
  }
  const { job, workflowId, attempt } = history;
  log.warn(`Skipped ${job}: ${reason}`, { job, jobWorkflowId: workflowId, attempt, errorType: type });
  metricMeter
    .createCounter("dlo_jobs_skipped", "jobs", "Jobs that their policy skipped after a failure")
    .add(1, { job, errorType: type });
  return run;
}
