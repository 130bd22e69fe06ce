import { usage } from "./office-error.ts";
import { unknownWord } from "./suggest.ts";

/**
 * What can be wrong between Temporal and Postgres, in the order in which it is looked for.
 *
 * - `lost`, `timed_out`: a job was terminated, or ran into its workflow timeout, and has no letter.
 * - `unrecorded`: a job said that it was dead lettered, and its death is not recorded.
 * - `undecodable`: a job never begins, since its worker cannot decode its input.
 * - `no_workflow`: an open letter's workflow is gone.
 * - `no_row`: a letter's workflow runs, or has ended, and its row is gone.
 * - `differs`: a letter's row says otherwise than its workflow.
 * - `succeeded`: the job of an open letter has succeeded since.
 */
export const findings = [
  "lost",
  "timed_out",
  "unrecorded",
  "undecodable",
  "no_workflow",
  "no_row",
  "differs",
  "succeeded",
] as const;

export type Finding = (typeof findings)[number];

/** What is asked of a reconcile. */
export type ReconcileOptions = {
  /** A UUID. A repeat with the same one is the same reconcile. @default a new one */
  readonly id?: string;
  /** Says what it would mend, and mends nothing. @default false */
  readonly dryRun?: boolean;
  /**
   * Asks each open letter for its state, in place of those alone that look as if something were wrong, and looks at all runs that
   * Temporal still knows, not only at those since the last time. For after a restore.
   *
   * @default false
   */
  readonly thorough?: boolean;
  /** Jobs to look for besides those that have died before and those that our client started. */
  readonly jobs?: readonly string[];
  readonly by?: string;
  readonly reason?: string;
};

/** The same, checked, with defaults filled in. */
export type Reconcile = {
  readonly id: string;
  readonly dryRun: boolean;
  readonly thorough: boolean;
  readonly jobs: readonly string[];
  readonly by: string;
  readonly reason: string | null;
};

/** One thing that was found. */
export type FoundItem = {
  readonly finding: Finding;
  /** The job's workflow id. */
  readonly workflowId: string;
  /** Absent where there is no letter, yet. */
  readonly letterId?: string;
  readonly mended: boolean;
  /** What it is, and what was done, or why it was not. */
  readonly said: string;
};

/** What a reconcile has found and mended by now. */
export type ReconcileReport = {
  readonly found: Readonly<Partial<Record<Finding, number>>>;
  readonly mended: number;
  /** Runs and open letters that were looked at. */
  readonly runs: number;
  readonly letters: number;
  /** The first 100. */
  readonly items: readonly FoundItem[];
};

export const emptyReport: ReconcileReport = { found: {}, mended: 0, runs: 0, letters: 0, items: [] };

const listedItems = 100;

/** A report with more in it. */
export function withFound(report: ReconcileReport, more: readonly FoundItem[]): ReconcileReport {
  const found: Partial<Record<Finding, number>> = { ...report.found };
  for (const { finding } of more) found[finding] = (found[finding] ?? 0) + 1;
  return {
    ...report,
    found,
    mended: report.mended + more.filter(({ mended }) => mended).length,
    items: [...report.items, ...more].slice(0, listedItems),
  };
}

/** How many things were found. */
export function foundInAll({ found }: Pick<ReconcileReport, "found">): number {
  return Object.values(found).reduce((sum, n) => sum + n, 0);
}

export const reconcileKeys = [
  "id",
  "dryRun",
  "thorough",
  "jobs",
  "by",
  "reason",
] as const satisfies readonly (keyof ReconcileOptions)[];

/**
 * Checks what is asked of a reconcile at each of its doors: the client, the schedule, a plain start of the workflow.
 *
 * @throws {OfficeError} `USAGE` with the option, what it is, and what it should be
 */
export function readReconcile(given: unknown, asked: { readonly id: string; readonly by: string }): Reconcile {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw usage('A reconcile takes an object such as {"dryRun":true}, or an empty one');
  for (const [key, value] of Object.entries(given)) {
    if (!(reconcileKeys as readonly string[]).includes(key))
      throw usage(unknownWord("reconcile option", key, reconcileKeys));
    if (value === undefined) throw usage(`The reconcile's ${key} is undefined. Leave it out where it doesn't matter`);
  }
  const {
    id = asked.id,
    dryRun = false,
    thorough = false,
    jobs = [],
    by = asked.by,
    reason,
  } = given as ReconcileOptions;
  if (typeof id !== "string" || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
    throw usage(`id must be a UUID, got ${JSON.stringify(id)}`);
  for (const [key, value] of Object.entries({ dryRun, thorough }))
    if (typeof value !== "boolean") throw usage(`${key} must be true or false, got ${JSON.stringify(value)}`);
  checkJobNames(jobs, (problem) => usage(problem));
  for (const [key, text, longest] of [["by", by, 1000] as const, ["reason", reason, 10_000] as const])
    if (text !== undefined && (typeof text !== "string" || text.length > longest))
      throw usage(`${key} must be a text of at most ${longest} characters`);
  return { id: id.toLowerCase(), dryRun, thorough, jobs: [...jobs], by, reason: reason ?? null };
}

/** Checks the names of jobs that a reconcile looks for. */
export function checkJobNames(jobs: unknown, fail: (problem: string) => Error): void {
  if (!Array.isArray(jobs) || !jobs.every((job) => typeof job === "string" && /^[A-Za-z][\w.\-/]{0,99}$/.test(job)))
    throw fail(`jobs must be a list of names of jobs, such as ["import-movie"], got ${JSON.stringify(jobs)}`);
  if (jobs.length > mostJobs) throw fail(`jobs has ${jobs.length} names, and at most ${mostJobs} fit one query`);
}

const mostJobs = 500;
