import type { Category } from "./category.ts";
import type { ErrorRecord } from "./error-record.ts";
import type { Ledger } from "./ledger.ts";
import type { RecordExtra } from "./record-extra.ts";
import type { RunMemo } from "./run-memo.ts";
import type { SkippedRun } from "./skipped.ts";

/** What a job's workflow asks its worker when no attempt could: the last one never answered, or the time for all was up. */
export type TimeoutActivities = {
  decideTimeout(input: unknown, question: TimeoutQuestion): Promise<TimeoutVerdict>;
};

export type TimeoutQuestion = {
  readonly job: string;
  readonly memo: RunMemo;
  /** At most 2 KiB, and the ledger 64 KiB: they travel beside the input. */
  readonly error: ErrorRecord;
  readonly category?: Category;
  readonly ledger: Ledger;
  readonly key?: string;
};

/** What the job's policy and its `record` hook make of it. Empty: the job dies as it would. */
export type TimeoutVerdict = {
  readonly skipped?: SkippedRun;
  readonly category?: Category;
  readonly queue?: string;
  readonly extra?: RecordExtra;
};
