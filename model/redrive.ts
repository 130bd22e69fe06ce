import type { CommandName } from "./command.ts";
import type { OwnCode } from "./own-code.ts";
import type { RunOptions } from "./run-options.ts";
import type { Filter, LetterOrder } from "./filter.ts";

/**
 * The states of a redrive. `completed` and `cancelled` are its end.
 *
 * ```
 *   preparing ──▶ running ◀──▶ paused
 *                  │  ▲
 *                  │  └─ resume ─┐
 *                  ├─ a rule ──▶ stopped
 *                  ├─ cancel, also from preparing, paused and stopped ──▶ cancelled
 *                  └─ every item has its outcome ──────────────────────▶ completed
 * ```
 */
export const redriveStatuses = ["preparing", "running", "paused", "stopped", "completed", "cancelled"] as const;

export type RedriveStatus = (typeof redriveStatuses)[number];

export const endedRedriveStatuses = ["completed", "cancelled"] as const satisfies readonly RedriveStatus[];

export function hasEnded(status: RedriveStatus): boolean {
  return (endedRedriveStatuses as readonly RedriveStatus[]).includes(status);
}

/** Whether nothing more comes of it by itself. One that was cancelled has still to give its untried letters their end. */
export function isOver({ status, counts }: { status: RedriveStatus; counts: Pick<RedriveCounts, "waiting"> }): boolean {
  return status === "stopped" || (hasEnded(status) && counts.waiting === 0);
}

/**
 * The states of one letter in a redrive.
 *
 * - `behind`: an earlier letter of its key comes first
 * - `waiting`: its turn has not come yet
 * - `running`: it was asked; a retry runs
 * - `recovered`, `died_again`: what came of a retry
 * - `done`: another command than a retry was carried out
 * - `refused`: it was not taken, or could not be asked
 * - `skipped`: nothing was asked of it, or its run ended without a verdict
 */
export const itemStates = [
  "behind",
  "waiting",
  "running",
  "recovered",
  "died_again",
  "done",
  "refused",
  "skipped",
] as const;

export type ItemState = (typeof itemStates)[number];

/** In these, a letter belongs to one redrive alone. */
export const openItemStates = ["behind", "waiting", "running"] as const satisfies readonly ItemState[];

/** In these, it has its outcome. */
export const endedItemStates = [
  "recovered",
  "died_again",
  "done",
  "refused",
  "skipped",
] as const satisfies readonly ItemState[];

/** Why an item was refused or skipped, as a word to count by; its `why` is the sentence. */
export const itemCodes = [
  "closed",
  "open",
  "succeeded",
  "retrying",
  "needs_person",
  "retried_enough",
  "no_payload",
  "in_other_redrive",
  "key_stopped",
  "died_meanwhile",
  "not_running",
  "amendment",
  "app_run",
  "run_cancelled",
  "cancelled",
  "no_outcome",
  "unchanged",
  "refused",
] as const;

export type ItemCode = (typeof itemCodes)[number];

/** What a redrive does to each of its letters: a letter's own command, without its signature. */
export type BulkCommand =
  | {
      readonly name: "retry";
      readonly input?: unknown;
      readonly unchecked?: boolean;
      readonly fromFailure?: boolean;
      readonly run?: RunOptions;
    }
  | { readonly name: Extract<CommandName, "expire" | "discard" | "applyPolicy"> }
  | { readonly name: "extend"; readonly retention: string }
  | { readonly name: "move"; readonly queue: string }
  | { readonly name: "runCode"; readonly code?: OwnCode }
  | { readonly name: "reopen" }
  | { readonly name: "note"; readonly text: string }
  | { readonly name: "amend"; readonly input?: unknown; readonly unchecked?: boolean };

/** A change of each letter's input: a JSON Patch (RFC 6902), or a function that the office's config names. */
export type Amend = { readonly patch: readonly object[] } | { readonly by: string };

/** Which letters: those that fit a filter when the redrive begins, these, or those of an earlier redrive. */
export type Members =
  | { readonly filter: Filter }
  | { readonly ids: readonly string[] }
  | { readonly redrive: string; readonly states: readonly ItemState[] };

/** What can be changed while a redrive runs. */
export type RedriveLimits = {
  /** Letters a second, from 0.1 to 500. */
  readonly rate: number;
  /** Letters that may be under way at a time. */
  readonly maxInFlight: number;
  /** Each is asked up to so much later than its turn, at random. */
  readonly jitterMs: number;
  /** Stops when more than this share of those that have ended died again, from 10 on; null never does. */
  readonly stopOnFailure: number | null;
  /** Stops when so many have died of the cause that they had before; null never does. */
  readonly stopOnSameCause: number | null;
};

/** A redrive as its workflow is started with it; all defaults filled in. */
export type RedriveSpec = {
  readonly version: 1;
  readonly id: string;
  readonly command: BulkCommand;
  readonly members: Members;
  readonly order: LetterOrder;
  /** At most so many letters, in that order. */
  readonly first: number | null;
  /** Takes letters that need a person, too. */
  readonly force: boolean;
  /** Leaves out letters that were retried so often; null leaves out none. */
  readonly maximumRetries: number | null;
  readonly amend: Amend | null;
  /** So many must recover before the rest goes; 0 for none. */
  readonly canary: number;
  /** Grows by steps: each begins when all of the one before have recovered. */
  readonly ramp: boolean;
  readonly limits: RedriveLimits;
  /** A probe of the office's config: while it says no, no more letters are asked. */
  readonly when: string | null;
  /** How long it waits for the last outcomes, once all were asked. */
  readonly settleMs: number;
  /** When it was asked for: from here, spans in the filter are counted. */
  readonly askedAtMs: number;
  readonly by: string;
  readonly reason?: string;
};

/** How far a redrive is. `items` is the sum of the rest, but for `sameCause`, which is a part of `diedAgain`. */
export type RedriveCounts = {
  readonly items: number;
  /** `behind` ones included. */
  readonly waiting: number;
  readonly running: number;
  readonly recovered: number;
  readonly diedAgain: number;
  /** Those of `diedAgain` that died of the cause that they had before. */
  readonly sameCause: number;
  readonly done: number;
  readonly refused: number;
  readonly skipped: number;
};

export const noCounts: RedriveCounts = {
  ...{ items: 0, waiting: 0, running: 0, recovered: 0, diedAgain: 0, sameCause: 0, done: 0, refused: 0, skipped: 0 },
};

/** Why a redrive stopped by itself, and the letters that told it so, at most 10. */
export type RedriveStop = {
  readonly rule: "canary" | "ramp" | "same_cause" | "failures";
  readonly why: string;
  readonly letters: readonly string[];
};

/** What can be asked of a redrive that has not ended. */
export const redriveControls = ["pause", "resume", "cancel", "set"] as const;

export type RedriveControl = (typeof redriveControls)[number];

/** All that a redrive's workflow knows: its argument, its result, and the answer of its query `state`. */
export type RedriveState = {
  readonly version: 1;
  readonly spec: RedriveSpec;
  readonly status: RedriveStatus;
  readonly counts: RedriveCounts;
  readonly stop?: RedriveStop;
  /** When the next item is due: from slice to slice the pace goes on. */
  readonly nextDueMs?: number;
  /** When it began to ask. */
  readonly beganAtMs?: number;
};
