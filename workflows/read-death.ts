import {
  ActivityFailure,
  ApplicationFailure,
  type TemporalFailure,
  TimeoutFailure,
  TerminatedFailure,
} from "@temporalio/workflow";
import type { Category } from "../model/category.ts";
import type { Death } from "../model/death.ts";
import type { ErrorRecord } from "../model/error-record.ts";
import {
  type AttemptReport,
  closeOpen,
  emptyLedger,
  fillGaps,
  isAttemptReport,
  type Ledger,
} from "../model/ledger.ts";
import type { Reason } from "../model/reason.ts";

/** What the last attempt handed on: in its failure's details, or in its last heartbeat where it never answered. */
export function reportOf(error: unknown): AttemptReport | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const handedOn =
    cause instanceof ApplicationFailure
      ? cause.details?.[0]
      : cause instanceof TimeoutFailure
        ? firstOf(cause.lastHeartbeatDetails)
        : undefined;
  return isAttemptReport(handedOn) ? handedOn : undefined;
}

/** Reads why a job's activity ended for good, and all that its attempts left behind. */
export function readDeath(
  error: unknown,
  { carried, startToCloseMs }: { carried: Ledger; startToCloseMs: number | undefined },
): Death {
  const report = reportOf(error);
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const found = report?.ledger ?? carried;
  const diedAtMs = Date.now();
  const ledger = closeLedger(found, cause, diedAtMs, startToCloseMs);
  const failure = cause instanceof TimeoutFailure ? undefined : report?.failure;
  const record = failure?.error ?? recordOf(cause, ledger);
  const category = failure?.category ?? (cause instanceof TimeoutFailure ? categoryOf(cause) : undefined);
  return {
    version: 1,
    reason: failure?.givenUp ? "given_up" : reasonOf(error, cause),
    error: record,
    ...(category === undefined ? {} : { category }),
    ...(failure === undefined ? {} : { cause: failure.cause }),
    ledger,
    ...(report?.key === undefined ? {} : { key: report.key }),
    diedAtMs,
  };
}

/** The death of a run that ended without a job's ledger: a workflow of another make under the job's name. */
export function readForeignDeath(failure: unknown): Death {
  const innermost = failure instanceof ActivityFailure ? (failure.cause ?? failure) : failure;
  return {
    version: 1,
    reason: "failed",
    error: recordOf(innermost, emptyLedger),
    ledger: emptyLedger,
    diedAtMs: Date.now(),
  };
}

function reasonOf(error: unknown, cause: unknown): Reason {
  if (cause instanceof TimeoutFailure && isScheduleTimeout(cause)) return "timed_out";
  if (cause instanceof TerminatedFailure) return "lost";
  if (!(error instanceof ActivityFailure)) return "failed";
  switch (error.retryState) {
    case "MAXIMUM_ATTEMPTS_REACHED":
    case "RETRY_POLICY_NOT_SET":
      return "exhausted";
    case "TIMEOUT":
      return "timed_out";
    default:
      return "non_retryable";
  }
}

function isScheduleTimeout(failure: TimeoutFailure): boolean {
  return failure.timeoutType === "SCHEDULE_TO_START" || failure.timeoutType === "SCHEDULE_TO_CLOSE";
}

function categoryOf(failure: TimeoutFailure): Category {
  return failure.timeoutType === "HEARTBEAT" ? "lost" : "timeout";
}

/** An attempt that never answered is still open in the ledger, and one that died at once is missing from it. */
function closeLedger(found: Ledger, cause: unknown, nowMs: number, startToCloseMs: number | undefined): Ledger {
  if (!(cause instanceof TimeoutFailure)) return found;
  const closed = closeOpen(found, nowMs, startToCloseMs);
  const silent = cause.timeoutType === "START_TO_CLOSE" || cause.timeoutType === "HEARTBEAT";
  const entered = found.entries.some((entry) => entry.state === "open");
  return silent && !entered ? fillGaps(closed, closed.total + 1) : closed;
}

const timeoutWords = {
  START_TO_CLOSE: ["StartToCloseTimeout", "The last attempt ran into its start-to-close timeout"],
  SCHEDULE_TO_START: ["ScheduleToStartTimeout", "No worker took the job in time (schedule-to-start timeout)"],
  SCHEDULE_TO_CLOSE: ["ScheduleToCloseTimeout", "All attempts together took too long (schedule-to-close timeout)"],
  HEARTBEAT: ["HeartbeatTimeout", "The last attempt's worker went silent (heartbeat timeout)"],
} as const;

function recordOf(cause: unknown, ledger: Ledger): ErrorRecord {
  if (cause instanceof TimeoutFailure) {
    const words = timeoutWords[cause.timeoutType as keyof typeof timeoutWords];
    const [type, message] = words ?? ["Timeout", cause.message];
    // What the attempts before had to say is the likeliest explanation.
    const before = ledger.entries.findLast((entry) => entry.state === "failed")?.error;
    return { type, message, causes: before === undefined ? [] : [before] };
  }
  if (cause instanceof Error) {
    const failure = cause as TemporalFailure & { type?: string | null };
    return {
      type: failure.type ?? failure.name,
      message: failure.message.slice(0, 4096),
      ...(failure.stack === undefined ? {} : { stack: failure.stack.slice(0, 8192) }),
      causes: [],
    };
  }
  return { type: typeof cause, message: String(cause).slice(0, 4096), causes: [] };
}

function firstOf(details: unknown): unknown {
  return Array.isArray(details) ? details[0] : details;
}
