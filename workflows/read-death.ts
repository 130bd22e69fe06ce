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
  enter,
  fillGaps,
  interruptedType,
  isAttemptReport,
  type Ledger,
  lostEnd,
  type SilentEnd,
  timedOutEnd,
} from "../model/ledger.ts";
import type { Reason } from "../model/reason.ts";

/** What the last attempt handed on: in its failure's details, or in its last heartbeat where it never answered. */
function reportOf(error: unknown): AttemptReport | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const handedOn =
    cause instanceof ApplicationFailure
      ? cause.details?.[0]
      : cause instanceof TimeoutFailure
        ? firstOf(cause.lastHeartbeatDetails)
        : undefined;
  return isAttemptReport(handedOn) ? handedOn : undefined;
}

/** One scheduling of a job's activity. There is a second one where attempts were interrupted. */
export type Round = {
  /** What the rounds before left behind. */
  carried: Ledger;
  /** How many attempts it was given; 0 is unlimited. */
  attempts: number;
};

/** Whether an activity ended because its attempts are used up. */
export function isOutOfAttempts(error: unknown): boolean {
  return error instanceof ActivityFailure && error.retryState === "MAXIMUM_ATTEMPTS_REACHED";
}

/** Whether Temporal ended the activity, and not an answer of its last attempt, which could have asked the job's policy. */
export function endedBySilence(error: unknown): boolean {
  return error instanceof ActivityFailure && (error.cause instanceof TimeoutFailure || error.retryState === "TIMEOUT");
}

/** Reads why a job's activity ended for good, and all that its attempts left behind. */
export function readDeath(error: unknown, round: Round): Death {
  const report = reportOf(error);
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const ledger = closeLedger(report?.ledger, error, cause, round);
  const said = cause instanceof TimeoutFailure ? undefined : report?.failure;
  const { record, category } = said ? { record: said.error, category: said.category } : untold(error, cause, ledger);
  return {
    version: 1,
    reason: said?.givenUp ? "given_up" : reasonOf(error, cause),
    error: record,
    ...(category === undefined ? {} : { category }),
    ...(said === undefined ? {} : { cause: said.cause }),
    ledger,
    ...(report?.key === undefined ? {} : { key: report.key }),
    ...(said?.queue === undefined ? {} : { queue: said.queue }),
    ...(said?.extra === undefined ? {} : { extra: said.extra }),
    diedAtMs: Date.now(),
  };
}

/** The death of a run that ended without a job's ledger: a workflow of another make under the job's name. */
export function readForeignDeath(failure: unknown): Death {
  const innermost = failure instanceof ActivityFailure ? (failure.cause ?? failure) : failure;
  return {
    version: 1,
    reason: "failed",
    error: recordOf(innermost),
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

/** An attempt that never answered is still open in the ledger, and one that died at once is missing from it. */
function closeLedger(found: Ledger | undefined, error: unknown, cause: unknown, { carried, attempts }: Round): Ledger {
  const known = found ?? carried;
  const lastEnd = cause instanceof TimeoutFailure ? silentEnds[cause.timeoutType as keyof typeof silentEnds] : lostEnd;
  // When a worker vanished nobody knows; a timeout's moment is now.
  const end = lastEnd === undefined || lastEnd === lostEnd ? lostEnd : { ...lastEnd, endedAtMs: Date.now() };
  const entered = known.entries.at(-1)?.state === "open";
  const closed = closeOpen(known, () => end);
  if (isOutOfAttempts(error) && attempts > 0) return endWith(closed, carried.total + attempts, end);
  // One attempt at least was made, unless it is known that none began.
  const mute = cause instanceof TimeoutFailure ? !isScheduleTimeout(cause) && !entered : found === undefined;
  return mute ? endWith(closed, closed.total + 1, end) : closed;
}

/** Fills the ledger up to attempt `n`, of which it is known how it ended. */
function endWith(ledger: Ledger, n: number, end: SilentEnd): Ledger {
  return n <= ledger.total ? ledger : enter(fillGaps(ledger, n - 1), { n, ...end });
}

const silentEnds = {
  START_TO_CLOSE: timedOutEnd,
  HEARTBEAT: lostEnd,
  SCHEDULE_TO_CLOSE: {
    state: "timed_out",
    error: {
      type: "ScheduleToCloseTimeout",
      message: "The attempt was under way when the time for all attempts was up",
      causes: [],
    },
    category: "timeout",
  },
} as const satisfies Record<string, SilentEnd>;

const timeoutWords = {
  START_TO_CLOSE: ["StartToCloseTimeout", "The last attempt ran into its start-to-close timeout"],
  SCHEDULE_TO_START: ["ScheduleToStartTimeout", "No worker took the job in time (schedule-to-start timeout)"],
  SCHEDULE_TO_CLOSE: ["ScheduleToCloseTimeout", "All attempts together took too long (schedule-to-close timeout)"],
  HEARTBEAT: ["HeartbeatTimeout", "The last attempt's worker went silent (heartbeat timeout)"],
} as const;

/** The error of a death of which the last attempt could not tell. */
function untold(error: unknown, cause: unknown, ledger: Ledger): { record: ErrorRecord; category?: Category } {
  if (cause instanceof TimeoutFailure) {
    const words = timeoutWords[cause.timeoutType as keyof typeof timeoutWords];
    return timeout(words ?? ["Timeout", cause.message], cause.timeoutType === "HEARTBEAT" ? "lost" : "timeout", ledger);
  }
  // The time was up while an interrupted attempt waited for another worker.
  if (error instanceof ActivityFailure && error.retryState === "TIMEOUT" && isInterruption(cause))
    return timeout(timeoutWords.SCHEDULE_TO_CLOSE, "timeout", ledger);
  return { record: recordOf(cause) };
}

function timeout([type, message]: readonly [string, string], category: Category, ledger: Ledger) {
  // What the attempts before had to say is the likeliest explanation.
  const before = ledger.entries.findLast((entry) => entry.state === "failed")?.error;
  return {
    record: { type, message, causes: before === undefined ? [] : [before, ...before.causes].slice(0, 5) },
    category,
  };
}

function isInterruption(cause: unknown): boolean {
  return cause instanceof ApplicationFailure && cause.type === interruptedType;
}

function recordOf(cause: unknown): ErrorRecord {
  if (!(cause instanceof Error)) return { type: typeof cause, message: String(cause).slice(0, 4096), causes: [] };
  const failure = cause as TemporalFailure & { type?: string | null };
  return {
    type: (failure.type ?? failure.name).slice(0, 200),
    message: failure.message.slice(0, 4096),
    ...(failure.stack === undefined ? {} : { stack: failure.stack.slice(0, 8192) }),
    causes: [],
  };
}

function firstOf(details: unknown): unknown {
  return Array.isArray(details) ? details[0] : details;
}
