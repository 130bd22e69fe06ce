import { isOpen } from "../model/status.ts";
import { jobWorkflowIdOf, letterType } from "../model/ids.ts";
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
import { quoted, type VisibleRun } from "./visible-runs.ts";

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
  const isKept = ({ workflowId, startedAtMs, closedAtMs = 0 }: VisibleRun) =>
    rows.some(
      (row) =>
        row.workflowId === jobWorkflowIdOf(workflowId) &&
        (row.closedAt === null ||
          (row.closedAt.getTime() >= startedAtMs - skewMs && row.closedAt.getTime() <= closedAtMs + skewMs)),
    );
  const suspects = runs.filter((run) => !isKept(run));
  const lost = ({ workflowId }: VisibleRun) => ({
    finding: "no_row" as const,
    workflowId: jobWorkflowIdOf(workflowId) ?? workflowId,
  });
  const items = await mendEach(step, suspects, lost, async (run) => await rebuiltOf(step, run));
  return { items, place: next };
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
