import type { Category } from "./category.ts";
import type { ErrorRecord } from "./error-record.ts";
import type { CauseRef, Ledger } from "./ledger.ts";
import type { OwnCode } from "./own-code.ts";
import type { Reason } from "./reason.ts";
import type { RecordExtra } from "./record-extra.ts";

/**
 * One end of one run of a job, as the run itself tells it.
 *
 * It travels to the office as the argument of `parkDeadLetter`, and from a retry's run to its letter in the details of
 * the failure, so its shape is public between releases: `version` grows when it changes.
 */
export type Death = {
  readonly version: 1;
  readonly reason: Reason;
  readonly error: ErrorRecord;
  /** Absent where no attempt could say; the office's default classifier decides then. */
  readonly category?: Category;
  /** Absent likewise. */
  readonly cause?: CauseRef;
  readonly ledger: Ledger;
  readonly key?: string;
  /** The dead letter queue that the job's `onFailure` chose for this death. Heeded where it begins a letter; an open one stays where it is. */
  readonly queue?: string;
  /** What the job's `record` hook adds to the record. */
  readonly extra?: RecordExtra;
  /** What of its own code the job has, for its letter to run. */
  readonly ownCode?: readonly OwnCode[];
  readonly diedAtMs: number;
};

/** The type of the failure with which a dead job's workflow ends. Its details are one `DeadLettered`, or one `Death`. */
export const deadLetteredType = "DeadLettered";

/** Where a dead job was parked: the details of its workflow's failure. */
export type DeadLettered = { readonly letterId: string };

/** The type of the failure with which a retry's run ends: the letter, its parent, takes the death from the details. */
export const diedType = "Died";
