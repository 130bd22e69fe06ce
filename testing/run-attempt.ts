import { type ApplicationFailure, asyncLocalStorage, CancelledFailure } from "@temporalio/activity";
import { defaultPayloadConverter, RawValue } from "@temporalio/common";
import type { Category } from "../model/category.ts";
import type { Classifier } from "../model/classify.ts";
import { parseDuration } from "../model/duration.ts";
import type { ErrorRecord } from "../model/error-record.ts";
import type { HandledJob, JobContext } from "../model/job.ts";
import { type AttemptReport, emptyLedger, type Progress } from "../model/ledger.ts";
import { usage } from "../model/office-error.ts";
import type { Reason } from "../model/reason.ts";
import { jobDefaults, resolveContract } from "../model/resolve-contract.ts";
import { unknownWord } from "../model/suggest.ts";
import { attemptOf } from "../worker/attempt.ts";
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
  | { readonly result: Result; readonly failure?: never; readonly cancelled?: never }
  | { readonly failure: FailedAttempt; readonly result?: never; readonly cancelled?: never }
  | { readonly cancelled: true; readonly result?: never; readonly failure?: never }
);

export type FailedAttempt = {
  /** As a letter would show it. */
  readonly error: ErrorRecord;
  readonly category: Category;
  /** Whether this error lets a job be tried again at all, whatever attempts are left. */
  readonly retryable: boolean;
  /** Why the job would be dead now; absent where another attempt would follow. */
  readonly reason?: Extract<Reason, "exhausted" | "non_retryable" | "given_up">;
  /** How long the error asks to wait before the next attempt (`nextRetryDelay`). Milliseconds. */
  readonly retryAfterMs?: number;
  /** Names the cause that the letter would be filed under: deaths of one cause have the same. */
  readonly causeId: string;
};

/**
 * Runs a job's handler once, as a worker would, without any server: the input is checked, errors are recorded and
 * classified. `Context.current()` of Temporal works inside, but for its client.
 *
 * ```ts
 * const { failure } = await runAttempt(importMovie.handle(importIt), { title: "Heat" }, { attempt: 5 });
 * expect(failure).toMatchObject({ category: "network", reason: "exhausted" });
 * ```
 *
 * @throws {OfficeError} `USAGE` for an unknown option
 */
export async function runAttempt<Input, Parsed, Result>(
  { job, handler }: HandledJob<Input, Parsed, Result>,
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
  const reported = { heartbeats: [] as unknown[], progress: [] as Progress[] };
  const run = attemptOf(
    { job, handler: async (parsed, ctx) => await handler(parsed, recording(ctx, reported)) },
    { identity: "test", ...(classifier === undefined ? {} : { classifier }) },
  );
  const before: AttemptReport = { version: 1, ledger: emptyLedger, heartbeat: heartbeatDetails };
  const context = activityContext(
    {
      activityType: job.name,
      workflowType: job.name,
      taskQueue: contract.taskQueue,
      workflowExecution: { workflowId, runId: "00000000-0000-0000-0000-000000000000" },
      attempt,
      startToCloseTimeoutMs: contract.activity.startToCloseTimeoutMs,
      heartbeatTimeoutMs: contract.activity.heartbeatTimeoutMs,
      heartbeatDetails: heartbeatDetails === undefined ? undefined : before,
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
    return { ...reported, result: received<Result>(result) };
  } catch (error) {
    if (error instanceof CancelledFailure) return { ...reported, cancelled: true };
    const { maximumAttempts, nonRetryableErrorTypes = [] } = contract.activity.retry;
    const isLast = maximumAttempts > 0 && attempt >= maximumAttempts;
    return { ...reported, failure: readFailure(error as ApplicationFailure, isLast, nonRetryableErrorTypes) };
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

function readFailure(
  thrown: ApplicationFailure,
  isLast: boolean,
  nonRetryableErrorTypes: readonly string[],
): FailedAttempt {
  const { failure } = (thrown.details?.[0] ?? {}) as Partial<AttemptReport>;
  // An attempt throws nothing else.
  if (failure === undefined) throw thrown;
  const { error, category, cause, givenUp } = failure;
  const retryable = thrown.nonRetryable !== true && !nonRetryableErrorTypes.includes(error.type);
  const { nextRetryDelay } = thrown;
  const retryAfterMs = nextRetryDelay && parseDuration(nextRetryDelay, "nextRetryDelay", { minimumMs: 0 });
  const reason = givenUp ? "given_up" : retryable ? (isLast ? "exhausted" : undefined) : "non_retryable";
  return {
    error,
    category,
    retryable,
    ...(reason === undefined ? {} : { reason }),
    ...(retryAfterMs ? { retryAfterMs } : {}),
    causeId: cause.id,
  };
}
