import type { Prune } from "./prune.ts";

/** What a prune does to the world. Run by the office; declared here, because workflows may not see the code. */
export type PruneActivities = {
  /** Deletes batch after batch until the slice is over, or nothing is left. Safe to repeat: what is gone stays counted. */
  pruneLetters(slice: PruneSlice): Promise<PrunedSlice>;
  /** Writes that it has ended, and how many letters are left. Safe to repeat. */
  finishPrune(finish: { readonly prune: Prune }): Promise<PruneOutcome>;
};

/** The letter that was looked at last: it goes on behind it, in the order of closing. */
export type PrunePlace = { readonly closedAtMs: number; readonly id: string };

export type PruneSlice = { readonly prune: Prune; readonly sliceMs: number; readonly after?: PrunePlace };

export type PrunedSlice = {
  /** How many were deleted until now, slices before it included. */
  readonly letters: number;
  /** Absent: it has come to the end. */
  readonly after?: PrunePlace;
};

export type PruneOutcome = {
  readonly id: string;
  /** How many were deleted. */
  readonly letters: number;
  /** How many would have had to go, but were left: a redrive has them, or something was just being written to them. The next prune takes them. */
  readonly left: number;
  /** How many letters of the namespace are there now. */
  readonly remaining: { readonly open: number; readonly closed: number };
};
