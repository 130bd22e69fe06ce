import { type ApplicationFailure, asyncLocalStorage, CancelledFailure } from "@temporalio/activity";
import { defaultPayloadConverter, RawValue } from "@temporalio/common";
import type { Classifier } from "../model/classify.ts";
import type { HandledJob, JobContext } from "../model/job.ts";
import { type AttemptEntry, type AttemptReport, emptyLedger, type Ledger, type Progress } from "../model/ledger.ts";
import { usage } from "../model/office-error.ts";
import { jobDefaults, resolveContract } from "../model/resolve-contract.ts";
import { isSkippedRun, type Skipped, skippedResult } from "../model/skipped.ts";
import { unknownWord } from "../model/suggest.ts";
import { attemptOf } from "../worker/attempt.ts";
import { type FailedAttempt, failedAttempt } from "../worker/failed-attempt.ts";
import { activityContext } from "./activity-context.ts";

/** What the handler finds in its `ctx`. */
export type AttemptOptions = {
  /** @default 1 */
  readonly attempt?: number;
  /** How often the job has died before. @default 0 */
  readonly deaths?: number;
  /** Which retry of its letter this run is. @default `deaths` */
  readonly retry?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** @default `<job>/test` */
  readonly workflowId?: string;
  /** @default the workflow id */
  readonly idempotencyKey?: string;
  /** What the attempt before had reported by `ctx.heartbeat`. */
  readonly heartbeatDetails?: unknown;
  /** Your worker's, as in `dlo.config.ts`. */
  readonly classifier?: Classifier;
  /** Cancels the job when it aborts. */
  readonly signal?: AbortSignal;
};

/**
 * How one attempt ended, and what it reported on the way. The result is as whoever waits for the job gets it, through JSON.
 *
 * Exactly one of `result`, `failure` and `cancelled` is there.
 */
export type AttemptOutcome<Result> = {
  /** What the handler gave to `ctx.heartbeat`, in order. */
  readonly heartbeats: readonly unknown[];
  /** What it gave to `ctx.progress`, in order. */
  readonly progress: readonly Progress[];
} & (
  | {
      readonly result: Result;
      /** Its policy skipped the job, and `result` is what the job returns then. */
      readonly skipped?: Skipped;
      readonly failure?: never;
      readonly cancelled?: never;
    }
  | { readonly failure: FailedAttempt; readonly result?: never; readonly cancelled?: never }
  | { readonly cancelled: true; readonly result?: never; readonly failure?: never }
);

/**
 * Runs a job's handler once, as a worker would, without any server: the input is checked, errors are recorded and
 * classified, and `onFailure` and `record` are asked. `Context.current()` of Temporal works inside, but for its client.
 *
 * ```ts
 * const { failure } = await runAttempt(importMovie.handle(importIt), { title: "Heat" }, { attempt: 5 });
 * expect(failure).toMatchObject({ category: "network", reason: "exhausted" });
 * ```
 *
 * @throws {OfficeError} `USAGE` for an unknown option
 */
export async function runAttempt<Input, Parsed, Result>(
  { job, handler, ...policy }: HandledJob<Input, Parsed, Result>,
  input: Input,
  options: AttemptOptions = {},
): Promise<AttemptOutcome<Result>> {
  const { attempt = 1, deaths = 0, retry = deaths, workflowId = `${job.name}/test`, heartbeatDetails } = options;
  const { headers, idempotencyKey, classifier, signal } = options;
  for (const key of Object.keys(options))
    if (!attemptOptions.includes(key)) throw usage(unknownWord("attempt option", key, attemptOptions));
  if (!Number.isInteger(attempt) || attempt < 1)
    throw usage(`attempt must be a whole number from 1 on, got ${attempt}`);

  const contract = resolveContract(job.contract, jobDefaults(process.env));
  const { maximumAttempts, nonRetryableErrorTypes = [] } = contract.activity.retry;
  const reported = { heartbeats: [] as unknown[], progress: [] as Progress[] };
  const run = attemptOf(
    { ...policy, job, handler: async (parsed, ctx) => await handler(parsed, recording(ctx, reported)) },
    { identity: "test", ...(classifier === undefined ? {} : { classifier }) },
  );
  const before: AttemptReport = { version: 1, ledger: failedBefore(attempt), heartbeat: heartbeatDetails };
  const context = activityContext(
    {
      activityType: job.name,
      workflowType: job.name,
      taskQueue: contract.taskQueue,
      workflowExecution: { workflowId, runId: "00000000-0000-0000-0000-000000000000" },
      attempt,
      startToCloseTimeoutMs: contract.activity.startToCloseTimeoutMs,
      heartbeatTimeoutMs: contract.activity.heartbeatTimeoutMs,
      heartbeatDetails: before,
      retryPolicy: {
        // Temporal's 0 is "no limit"; the SDK says it by leaving it out.
        ...(maximumAttempts === 0 ? {} : { maximumAttempts }),
        nonRetryableErrorTypes: [...nonRetryableErrorTypes],
      },
    },
    signal,
  );
  const memo = {
    deaths,
    retry,
    ...(headers === undefined ? {} : { headers }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
  try {
    const result = await asyncLocalStorage.run(context, async () => await run(input, { memo }));
    const returned = received<unknown>(result);
    if (!isSkippedRun(returned)) return { ...reported, result: returned as Result };
    return { ...reported, result: skippedResult(returned) as Result, skipped: returned.skipped };
  } catch (error) {
    if (error instanceof CancelledFailure) return { ...reported, cancelled: true };
    const isLast = maximumAttempts > 0 && attempt >= maximumAttempts;
    return { ...reported, failure: failedAttempt(error as ApplicationFailure, isLast, nonRetryableErrorTypes) };
  }
}

const attemptOptions = [
  "attempt",
  "deaths",
  "retry",
  "headers",
  "workflowId",
  "idempotencyKey",
  "heartbeatDetails",
  "classifier",
  "signal",
];

/** What an attempt finds of those before it: that they failed, and no more. */
function failedBefore(attempt: number): Ledger {
  const entries = Array.from({ length: Math.min(attempt - 1, 100) }, (_, i) => attempt - 1 - i)
    .toReversed()
    .map((n): AttemptEntry => ({ n, state: "failed" }));
  return { ...emptyLedger, total: attempt - 1, entries };
}

/** The result as whoever waits for the job gets it: through JSON. */
function received<Result>(result: unknown): Result {
  return (result instanceof RawValue ? defaultPayloadConverter.fromPayload(result.payload) : result) as Result;
}

function recording(ctx: JobContext, reported: { heartbeats: unknown[]; progress: Progress[] }): JobContext {
  return {
    ...ctx,
    heartbeat(details) {
      ctx.heartbeat(details);
      reported.heartbeats.push(structuredClone(details));
    },
    progress(current, total, phase) {
      ctx.progress(current, total, phase);
      reported.progress.push({
        current,
        ...(total === undefined ? {} : { total }),
        ...(phase === undefined ? {} : { phase }),
      });
    },
  };
}
