import type { Death } from "../model/death.ts";
import { classify } from "../model/classify.ts";
import { compactError, type ErrorRecord } from "../model/error-record.ts";
import { type AttemptEntry, type AttemptState, type Ledger } from "../model/ledger.ts";
import type { Reason } from "../model/reason.ts";
import { readExtra } from "../model/record-extra.ts";
import type { RunEnd } from "./read-run-end.ts";

/** How a run of other make ended for good, as the tables keep a death. Its category is decided by the office's own rules. */
export function deathOfEnd(
  end: Pick<RunEnd, "closedAtMs" | "error" | "failedOf"> & { readonly status: DeadStatus },
  run: { readonly startedAtMs?: number; readonly attempt?: number },
): Death {
  const { status, closedAtMs, error = unknownEnd, failedOf } = end;
  const extra = readExtra({
    ...(failedOf === undefined
      ? {}
      : {
          failedOf: {
            [failedOf.what]: failedOf.type,
            id: failedOf.id,
            ...(failedOf.attempts === undefined ? {} : { attempts: failedOf.attempts }),
          },
        }),
    ...(run.attempt !== undefined && run.attempt > 1 ? { workflowAttempt: run.attempt } : {}),
  });
  return {
    version: 1,
    reason: reasons[status],
    error,
    ledger:
      failedOf?.what === "activity"
        ? activityLedger(failedOf, error)
        : workflowLedger({ status, closedAtMs, error }, run),
    ...(extra === undefined ? {} : { extra }),
    diedAtMs: closedAtMs,
  };
}

export type DeadStatus = "failed" | "terminated" | "timed_out";

export function isDead(status: string): status is DeadStatus {
  return status === "failed" || status === "terminated" || status === "timed_out";
}

/** What is known of an activity's attempts: how many there were, and how the last two failed. */
export function activityLedger(
  activity: Omit<NonNullable<RunEnd["failedOf"]>, "what" | "type" | "id">,
  error: ErrorRecord,
): Ledger {
  const { attempts: total = 1, earlier, startedAtMs, endedAtMs, worker } = activity;
  const last: AttemptEntry = {
    ...entry(total, stateOf(activity.error ?? error), activity.error ?? error),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    endedAtMs,
    ...(worker === undefined ? {} : { worker }),
  };
  const before = earlier === undefined || total < 2 ? [] : [entry(total - 1, stateOf(earlier), earlier)];
  return { total, interrupted: 0, entries: [...before, last] };
}

/** A workflow that failed by itself: its run is the attempt. */
function workflowLedger(
  { status, closedAtMs, error }: { status: DeadStatus; closedAtMs: number; error: ErrorRecord },
  { startedAtMs, attempt = 1 }: { startedAtMs?: number; attempt?: number },
): Ledger {
  const last = {
    ...entry(attempt, states[status], error),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    endedAtMs: closedAtMs,
  };
  return { total: attempt, interrupted: 0, entries: [last] };
}

function entry(n: number, state: AttemptState, error: ErrorRecord): AttemptEntry {
  return { n, state, error: compactError(error), category: classify(error) };
}

function stateOf({ type }: ErrorRecord): AttemptState {
  if (type === "HeartbeatTimeout") return "lost";
  return /^(StartToClose|ScheduleToClose|ScheduleToStart)Timeout$/.test(type) ? "timed_out" : "failed";
}

const states = { failed: "failed", terminated: "lost", timed_out: "timed_out" } as const satisfies Record<
  DeadStatus,
  AttemptState
>;

const reasons = { failed: "failed", terminated: "lost", timed_out: "timed_out" } as const satisfies Record<
  DeadStatus,
  Reason
>;

const unknownEnd: ErrorRecord = { type: "UnknownFailure", message: "How it ended is not known", causes: [] };
