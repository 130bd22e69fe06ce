import { isOpen } from "../model/status.ts";
import { jobWorkflowIdOf, letterType, letterWorkflowId } from "../model/ids.ts";
import type { FoundItem } from "../model/reconcile.ts";
import { letterHead } from "../schema/letter-head.ts";
import { lettersOfWorkflows } from "../schema/open-letters.ts";
import { wasPruned } from "../schema/was-pruned.ts";
import { closingTimes } from "./closing-times.ts";
import { closedWindow } from "./close-window.ts";
import { lookAtLetter } from "./look-at-letter.ts";
import { rebuildLetter } from "./rebuild-letter.ts";
import { mendEach } from "./mend-each.ts";
import { policyWithoutWorker } from "./policy-without-worker.ts";
import { type Reconciling, type StepEnd } from "./reconciling.ts";
import { nthOfEach, quoted, type VisibleRun } from "./visible-runs.ts";

/** Between a letter's closing and its workflow's end, and what two clocks are apart. */
const skewMs = 60_000;

/** Looks at one window of letters that closed, and writes the rows anew that are gone, though nobody pruned them. */
export async function reconcileLetters(step: Reconciling): Promise<StepEnd> {
  const { needs, place } = step;
  if (place.fromMs >= place.untilMs) return { items: [] };
  const { client, db, taskQueue } = needs;
  const query = `WorkflowType = '${letterType}' AND ExecutionStatus = 'Completed' AND TaskQueue = ${quoted(taskQueue)}`;
  const { runs, untilMs } = await closedWindow(client, query, place);
  const next = { ...place, fromMs: untilMs };
  const ids = runs.flatMap(({ workflowId }) => jobWorkflowIdOf(workflowId) ?? []);
  const rows = await lettersOfWorkflows(db, client.options.namespace, [...new Set(ids)]);
  const suspects = withoutRows(runs, rows);
  const lost = ({ workflowId }: VisibleRun) => ({
    finding: "no_row" as const,
    workflowId: jobWorkflowIdOf(workflowId) ?? workflowId,
  });
  // Of one job id one after the other, in the order in which they closed.
  const items: FoundItem[] = [];
  for (const nth of nthOfEach(suspects))
    items.push(...(await mendEach(step, nth, lost, async (run) => await rebuiltOf(step, run))));
  return { items, place: next };
}

/** Letters of which no row tells when they closed; all of a job where fewer rows do than have closed. */
function withoutRows(runs: readonly VisibleRun[], rows: readonly ClosedRow[]): VisibleRun[] {
  const ofId = new Map<string, { runs: VisibleRun[]; rows: ClosedRow[] }>();
  for (const run of runs) {
    const group = ofId.get(run.workflowId) ?? { runs: [], rows: [] };
    ofId.set(run.workflowId, { ...group, runs: [...group.runs, run] });
  }
  for (const row of rows) ofId.get(letterWorkflowId(row.workflowId))?.rows.push(row);
  return runs.filter((run) => {
    const group = ofId.get(run.workflowId) ?? { runs: [], rows: [] };
    const told = group.rows.filter((row) => group.runs.some((one) => isEndOf(row, one)));
    return told.length < group.runs.length || !told.some((row) => isEndOf(row, run));
  });
}

type ClosedRow = Awaited<ReturnType<typeof lettersOfWorkflows>>[number];

function isEndOf({ closedAt }: ClosedRow, { startedAtMs, closedAtMs = 0 }: VisibleRun): boolean {
  const ms = closedAt?.getTime() ?? 0;
  return ms >= startedAtMs - skewMs && ms <= closedAtMs + skewMs;
}

async function rebuiltOf(step: Reconciling, run: VisibleRun): Promise<FoundItem | undefined> {
  const { client, db } = step.needs;
  const workflowId = jobWorkflowIdOf(run.workflowId);
  if (workflowId === undefined) return undefined;
  const seen = await lookAtLetter(client, workflowId, run.runId);
  // What has no letter's state had none to keep.
  if (seen.as !== "closed" || typeof seen.state?.letterId !== "string" || isOpen(seen.state.status)) return undefined;
  if ((await letterHead(db, seen.state.letterId)) !== undefined) return undefined;
  if (await wasPruned(db, client.options.namespace, await closingTimes(client, run))) return undefined;
  return await rebuildLetter(step, workflowId, seen, await policyWithoutWorker(step.needs, seen.state.job));
}
