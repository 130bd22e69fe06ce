import type { Category } from "./category.ts";
import type { Command, LetterSignature } from "./command.ts";
import type { OwnCode } from "./own-code.ts";
import type { AutoRetryPolicy, OnExpire } from "./queue-policy.ts";
import type { Reason } from "./reason.ts";
import type { RecordSource } from "./record-source.ts";
import type { Status } from "./status.ts";

/**
 * All that a letter's workflow knows: its argument, what it hands to itself when it continues as new, and the answer of
 * its query `state` and of its updates. What is large (payload, errors) is in the row.
 */
export type LetterState = {
  readonly version: 1;
  readonly letterId: string;
  readonly jobWorkflowId: string;
  /** Set where it stands for somebody's own workflow or activity, which its retry starts as it was started before. Absent: a job. */
  readonly kind?: ForeignKind;
  /** Set where it stands for a captured record. */
  readonly source?: RecordSource;
  /** The job's workflow type, which is its name. */
  readonly job: string;
  /** Where the job's runs are started. */
  readonly taskQueue: string;
  readonly queue: string;
  readonly status: Status;
  /** Grows with each projection; the row takes only what is newer than itself. */
  readonly revision: number;
  readonly deaths: number;
  /** Runs that a retry started. */
  readonly retries: number;
  /** Those of them that nobody asked for: the end of the retention, or the queue's `autoRetry`. */
  readonly expiryRetries: number;
  readonly retentionMs: number | "indefinite";
  readonly onExpire: OnExpire;
  /** The queue that it is filed under then, where that is `hand_on`. */
  readonly handOnTo?: string;
  /** Retries that nobody asked for, at most. */
  readonly maximumRetries: number;
  /** So long before it expires there is an event. */
  readonly warnBeforeMs?: number;
  /** The expiry that was warned of. */
  readonly warnedOfMs?: number;
  readonly autoRetry?: AutoRetryPolicy;
  /** When it died first. */
  readonly firstDiedAtMs?: number;
  /** For how many deaths it was decided whether it is retried by itself. */
  readonly consideredDeaths?: number;
  /** When it expires unless somebody acts. Null: never, or the clock stands still (a retry runs or is set for later). */
  readonly expiresAtMs: number | null;
  /** When a retry that was put off is due. */
  readonly retryAtMs: number | null;
  /** Who asked for that retry, or for one that waits for a probe. */
  readonly pendingRetry?: PendingRetry;
  readonly lastDeath: LastDeath;
  /** The run of the current or last retry. */
  readonly retryRunId?: string;
  /** Where that run began, if its workflow was reset rather than started: in words. */
  readonly resetTo?: string;
  /** Who opened it again after it was closed: the first thing that it does. */
  readonly reopening?: LetterSignature;
  /** Begun again by a reconcile, since its workflow was gone: its clock goes on, with the time that it had left. */
  readonly restoring?: true;
  /** The redrive that asked for the retry that runs. */
  readonly redrive?: string;
  /** Set while the letter waits for a run of its id that it did not start. */
  readonly following?: { readonly exceptRunId?: string };
  /** What of its own code the job has. */
  readonly ownCode?: readonly OwnCode[];
  /** For how many deaths `onDead` was begun. */
  readonly codeDeaths?: number;
  /** The own code that runs, or that failed last. */
  readonly code?: RunningCode;
  /** Commands that came while a retry ran and wait for its outcome. */
  readonly kept: readonly Command[];
  /** Request ids that were carried out, oldest first, at most 500. */
  readonly requestIds: readonly string[];
};

/** What is no job of ours: it is started again as it was started, not as a child, and how it ended is read from its history. */
export type ForeignKind = "workflow" | "activity";

export type PendingRetry = {
  readonly by?: string;
  readonly reason?: string;
  readonly requestId?: string;
  /** Its queue's policy asked for it. */
  readonly automatic?: true;
  /** The probe that it waits for, in place of a time. */
  readonly when?: string;
};

export type RunningCode = {
  readonly name: OwnCode;
  /** Who asked for it; absent where a death began it. */
  readonly asked?: { readonly by?: string; readonly reason?: string };
  /** The letter expires when it is done. `onExpire` that is run again by command ends the letter where it has run. */
  readonly ends?: true;
  /** Why it failed; absent while it runs. */
  readonly failed?: string;
};

/** The latest death, as far as a letter shows it. */
export type LastDeath = {
  readonly runId: string;
  readonly atMs: number;
  readonly reason: Reason;
  readonly category: Category;
  readonly errorType: string;
  /** At most 500 characters. */
  readonly errorMessage: string;
};

const keptRequestIds = 500;

/** Remembers a request id as carried out. */
export function rememberRequest(state: LetterState, requestId: string | undefined): readonly string[] {
  if (requestId === undefined || state.requestIds.includes(requestId)) return state.requestIds;
  return [...state.requestIds, requestId].slice(-keptRequestIds);
}

/** When a letter that is parked now expires. */
export function expiryFrom(nowMs: number, retentionMs: number | "indefinite"): number | null {
  return retentionMs === "indefinite" ? null : nowMs + retentionMs;
}

/** Whether a retry is set for later: at a time, or when a probe says yes. The retention stands still then. */
export function waitsToRetry({ retryAtMs, pendingRetry }: LetterState): boolean {
  return retryAtMs !== null || pendingRetry?.when !== undefined;
}
