import type { AskedContract, ReconcilePlace, WantedContract } from "../model/reconcile-activities.ts";
import type { FoundItem, Reconcile } from "../model/reconcile.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import type { VisibleRun } from "./visible-runs.ts";

/** What a step of a reconcile works with. */
export type Reconciling = {
  readonly needs: OfficeNeeds;
  readonly asked: Reconcile;
  readonly place: ReconcilePlace;
  readonly contracts: readonly AskedContract[];
  /** Called between calls to the world: that it is alive. */
  readonly beat: () => void;
  /** Called for what is not this office's to mend: the next reconcile looks at it again. */
  readonly leave: () => void;
};

/** What a step has done: a page, or a window of time. */
export type StepEnd = {
  readonly items: readonly FoundItem[];
  readonly runs?: number;
  readonly letters?: number;
  /** Letters whose workflow runs, by now. */
  readonly running?: number;
  /** Where its phase goes on. Absent: it has come to its end. */
  readonly place?: ReconcilePlace;
  /** In place of all that: it cannot go on without these, and has done nothing. */
  readonly wants?: readonly WantedContract[];
};

/** Calls to Temporal at a time. */
export const lanes = 8;

/**
 * What looks wrong is looked at once more after so long. Between a row and its workflow there is always a moment in which one of
 * them is ahead, and what is under way is not to be mended.
 */
export const secondLookMs = 2_000;

/** What the worker of a run's job has said of its contract; undefined where none answered, or it does not know the job. */
export function contractOf({ contracts }: Pick<Reconciling, "contracts">, run: Pick<VisibleRun, "type" | "taskQueue">) {
  const answer = contracts.find(({ job, taskQueue }) => job === run.type && taskQueue === run.taskQueue)?.answer;
  return answer?.known === true ? answer : undefined;
}
