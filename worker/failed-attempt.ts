import type { ApplicationFailure } from "@temporalio/common";
import type { Category } from "../model/category.ts";
import { parseDuration } from "../model/duration.ts";
import type { ErrorRecord } from "../model/error-record.ts";
import type { AttemptReport } from "../model/ledger.ts";
import type { Reason } from "../model/reason.ts";
import type { RecordExtra } from "../model/record-extra.ts";

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
  /** The dead letter queue that the job's `onFailure` chose for its letter. */
  readonly queue?: string;
  /** What its `record` hook adds. */
  readonly extra?: RecordExtra;
  /** Names the cause that the letter would be filed under: deaths of one cause have the same. */
  readonly causeId: string;
};

/** Reads what an attempt threw: a failure of its own making, with the error in its details. */
export function failedAttempt(
  thrown: ApplicationFailure,
  isLast: boolean,
  nonRetryableErrorTypes: readonly string[],
): FailedAttempt {
  const { failure } = (thrown.details?.[0] ?? {}) as Partial<AttemptReport>;
  // An attempt throws nothing else.
  if (failure === undefined) throw thrown;
  const { error, category, cause, givenUp, queue, extra } = failure;
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
    ...(queue === undefined ? {} : { queue }),
    ...(extra === undefined ? {} : { extra }),
    causeId: cause.id,
  };
}
