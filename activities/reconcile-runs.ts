import { setTimeout as pause } from "node:timers/promises";
import { reservedTypes } from "../model/ids.ts";
import type { WantedContract } from "../model/reconcile-activities.ts";
import type { Finding, FoundItem } from "../model/reconcile.ts";
import { searchAttributes } from "../model/search-attributes.ts";
import { unrecordedRuns } from "../schema/unrecorded-runs.ts";
import { closedWindow } from "./close-window.ts";
import { fileFoundRun } from "./file-found-run.ts";
import { mendEach } from "./mend-each.ts";
import { type Reconciling, secondLookMs, type StepEnd } from "./reconciling.ts";
import { listed, nthOfEach, type VisibleRun } from "./visible-runs.ts";

/** Looks at one window of jobs' runs that did not succeed, and records those that are not recorded. */
export async function reconcileRuns(step: Reconciling): Promise<StepEnd> {
  const { needs, place, contracts, beat } = step;
  const { client, db } = needs;
  const jobs = jobsQuery(step);
  if (jobs === undefined || place.fromMs >= place.untilMs) return { items: [] };
  const query = `ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated') AND ${jobs}`;
  const { runs, untilMs } = await closedWindow(client, query, place);
  const { namespace } = client.options;
  const done = { runs: runs.length, place: { ...place, fromMs: untilMs } };
  const unknown = await unrecordedRuns(db, namespace, runs);
  if (unknown.length === 0) return { ...done, items: [] };
  const wants = unasked(unknown, contracts);
  if (wants.length > 0) return { items: [], wants };
  beat();
  await pause(secondLookMs);
  const still = await unrecordedRuns(db, namespace, unknown);
  return { ...done, items: await mendRuns(step, still) };
}

/** Of one job id one after the other, in the order in which they died. */
async function mendRuns(step: Reconciling, runs: readonly VisibleRun[]): Promise<FoundItem[]> {
  const items: FoundItem[] = [];
  for (const next of nthOfEach(runs))
    items.push(...(await mendEach(step, next, suspected, async (run) => await fileFoundRun(step, run))));
  return items;
}

function suspected({ workflowId, status }: VisibleRun): { finding: Finding; workflowId: string } {
  return {
    workflowId,
    finding: status === "terminated" ? "lost" : status === "timed_out" ? "timed_out" : "unrecorded",
  };
}

/** Which runs are those of jobs: an office has no code of an app, so it goes by what has died before, by configuration, and by what our client marks. */
export function jobsQuery({ needs, place }: Pick<Reconciling, "needs" | "place">): string | undefined {
  const marked = needs.searchAttributes.includes(searchAttributes.job) ? [`${searchAttributes.job} IS NOT NULL`] : [];
  const named = place.jobs.length === 0 ? [] : [`WorkflowType IN ${listed(place.jobs)}`];
  const either = [...named, ...marked];
  if (either.length === 0) return undefined;
  return `(${either.join(" OR ")}) AND WorkflowType NOT IN ${listed(reservedTypes)}`;
}

/** So many workers are asked at a time. */
const askedAtOnce = 50;

/** Jobs whose workers are to be asked first. */
export function unasked(runs: readonly VisibleRun[], contracts: Reconciling["contracts"]): WantedContract[] {
  const wants = new Map<string, WantedContract>();
  for (const { type: job, taskQueue } of runs)
    if (!contracts.some((known) => known.job === job && known.taskQueue === taskQueue))
      wants.set(JSON.stringify([job, taskQueue]), { job, taskQueue });
  return [...wants.values()].slice(0, askedAtOnce);
}
