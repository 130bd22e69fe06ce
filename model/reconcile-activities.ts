import type { JobDescription } from "./letter-activities.ts";
import type { Reconcile, ReconcileReport } from "./reconcile.ts";

/** What a reconcile does to the world. Run by the office; declared here, because workflows may not see the code. */
export type ReconcileActivities = {
  /** Writes its row, and says where to begin. Safe to repeat. */
  beginReconcile(begin: { readonly reconcile: Reconcile }): Promise<ReconcilePlace>;
  /** Goes on from a place until the slice is over, or nothing is left. Safe to repeat: what is mended is not found again. */
  reconcileSlice(slice: ReconcileSlice): Promise<ReconciledSlice>;
  /** Writes that it has ended. Safe to repeat. */
  finishReconcile(finish: { readonly reconcile: Reconcile; readonly report: ReconcileReport }): Promise<void>;
};

/** Where it goes on, phase by phase. Each has an end that was known when it began. */
export type ReconcilePlace = {
  readonly phase: ReconcilePhase;
  /** It looks at runs that closed since. */
  readonly sinceMs: number;
  /** Those that closed from here on are yet to be looked at, in this phase. */
  readonly fromMs: number;
  /** From here on something was left to the next one. */
  readonly leftMs?: number;
  /** When it began: what closes later is the next one's. */
  readonly untilMs: number;
  /** Jobs whose runs are looked for. */
  readonly jobs: readonly string[];
  /** The open row that was looked at last. */
  readonly afterRow?: string;
  /** The page of Temporal's list, in base64. */
  readonly pageToken?: string;
  /** Letters whose workflow runs, as far as rows have been looked at. */
  readonly running?: number;
};

/**
 * - `runs`: jobs that closed without a letter.
 * - `letters`: letters that closed without a row.
 * - `stuck`: jobs that cannot begin.
 * - `rows`: open rows, against their workflows and their jobs' later runs.
 * - `workflows`: open workflows without a row.
 * - `redrives`: those that nobody drives.
 */
export const reconcilePhases = ["runs", "letters", "stuck", "rows", "workflows", "redrives"] as const;

export type ReconcilePhase = (typeof reconcilePhases)[number];

export type ReconcileSlice = {
  readonly reconcile: Reconcile;
  readonly place: ReconcilePlace;
  readonly report: ReconcileReport;
  /** What workers have answered by now. */
  readonly contracts: readonly AskedContract[];
  readonly sliceMs: number;
};

export type ReconciledSlice = {
  readonly report: ReconcileReport;
  /** Absent: it has come to the end. */
  readonly place?: ReconcilePlace;
  /** Jobs of which it has to know the contract before it can go on. */
  readonly wants?: readonly WantedContract[];
};

export type WantedContract = { readonly job: string; readonly taskQueue: string };

/** `answer` is absent where no worker answered. */
export type AskedContract = WantedContract & { readonly answer?: JobDescription };
