import type { Category } from "./category.ts";
import type { ErrorRecord } from "./error-record.ts";
import type { Reason } from "./reason.ts";
import type { RecordSource } from "./record-source.ts";
import type { Status } from "./status.ts";

/**
 * With what the workflow of a captured record's letter is begun, in place of a `LetterState`: its first argument. The second is the
 * payload, the third the `RunMemo` of its runs; the office reads those two from history, encoded as they are.
 *
 * Public between releases: `version` grows when its shape changes, and an office waits on one that it does not know.
 */
export type CaptureStart = { readonly version: 1; readonly capture: Capture };

/** What is known of a record that failed outside Temporal, but for its payload and headers. */
export type Capture = {
  /** The job that a retry starts. */
  readonly job: string;
  readonly taskQueue: string;
  readonly source: RecordSource;
  readonly error: ErrorRecord;
  /** Absent: the office's classifier decides. */
  readonly category?: Category;
  readonly reason: Reason;
  readonly attempts: number;
  readonly failedAtMs: number;
  /** Goes before that of the job's contract. */
  readonly queue?: string;
  readonly tags: readonly string[];
  readonly by: string;
};

/** The update by which a capture is told what became of it. */
export const captureUpdateName = "capture";

/** What it is told. */
export type CaptureAnswer = {
  readonly letterId: string;
  /** The letter was made for this very call. */
  readonly isNew: boolean;
  readonly status: Status;
};
