import type { Category } from "./category.ts";
import type { Duration } from "./duration.ts";
import type { ErrorRecord } from "./error-record.ts";
import type { AttemptEntry } from "./ledger.ts";

/**
 * Asked at each failure of the job's attempts: what now? `undefined` leaves it to the contract.
 *
 * It is code of the worker, beside the handler: what it throws, an answer that means nothing, and one that takes longer than 10
 * seconds (or than half of what is left of the attempt's start-to-close timeout) are logged and ignored, so that it never costs
 * the job its record.
 *
 * Of an attempt that never answered (a timeout, or a worker that vanished) it is asked when the next attempt begins, before the
 * handler; of the last one by an activity on the job's task queue, before the letter is written. Where no worker answers that
 * within 45 seconds, the job dies as its contract says.
 */
export type OnFailure<Parsed = unknown> = (
  error: Failure,
  history: FailureHistory<Parsed>,
) => Decision | undefined | Promise<Decision | undefined>;

/**
 * Asked when the job dies, with the same as `onFailure`: what it returns, an object, is kept in the letter's `failure`, as
 * `extra`, and shown by `dlo show`. Bounded and ignored like `onFailure`; above 16 KiB as JSON it is cut.
 *
 * Fields whose names look like secrets are redacted.
 */
export type RecordHook<Parsed = unknown> = (
  error: Failure,
  history: FailureHistory<Parsed>,
) => object | undefined | Promise<object | undefined>;

/** What ended an attempt. */
export type Failure = ErrorRecord & {
  readonly category: Category;
  /** `failed`: the handler threw. `timed_out`, `lost`: it never answered, or no worker took the job in time. */
  readonly state: "failed" | "timed_out" | "lost";
};

/** What the job had been through when an attempt failed. */
export type FailureHistory<Parsed = unknown> = {
  readonly job: string;
  readonly workflowId: string;
  readonly runId: string;
  /** Attempts of this run so far, this one included. Interrupted ones are not counted. */
  readonly attempt: number;
  /** The job dies now, unless the decision is another: its attempts are used up, or the error is not to be retried. */
  readonly isLast: boolean;
  /** Each attempt of this run with its error and its times, this one last; the first 5 and the last 95. */
  readonly attempts: readonly AttemptEntry[];
  /** How often this job id has died before: 0 on a first run. */
  readonly deaths: number;
  /** Which retry of its letter this run is; 0 on a first run. */
  readonly retry: number;
  /** The caller's headers, as they were given at the start. */
  readonly headers: Readonly<Record<string, string>>;
  readonly idempotencyKey: string;
  readonly key?: string;
  /** As the handler gets it; absent where the schema refuses it. */
  readonly input?: Parsed;
};

/**
 * What becomes of a job after a failure.
 *
 * - `retry`: another attempt, after so long instead of the backoff; also after an error that says it is not to be retried. The
 *   contract's bounds hold: `maximumAttempts`, `scheduleToCloseTimeout`, `nonRetryableErrorTypes`; and neither an input that the
 *   schema refuses nor `ctx.deadLetter` is retried. `0` is at once.
 * - `die`: now. The reason is `given_up`, unless this was the end anyway. `category` replaces the classifier's.
 * - `skip`: the job completes, without a letter, as `result`, by default `{ skipped: { reason, error } }`.
 * - `file`: dies now, and its letter is filed under another queue, with that queue's policy. A letter that is open already, also
 *   that of a retry, stays where it is.
 */
export type Decision =
  | { readonly do: "retry"; readonly after?: Duration }
  | { readonly do: "die"; readonly category?: Category }
  | { readonly do: "skip"; readonly reason: string; readonly result?: unknown }
  | { readonly do: "file"; readonly queue: string };
