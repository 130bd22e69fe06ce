import { setTimeout as pause } from "node:timers/promises";
import { officeActor } from "../model/event.ts";
import { jobWorkflowIdOf, letterType, letterWorkflowId } from "../model/ids.ts";
import type { FoundItem } from "../model/reconcile.ts";
import { letterHead } from "../schema/letter-head.ts";
import { openWorkflows } from "../schema/open-letters.ts";
import { hasClosedItself } from "../schema/last-turn.ts";
import type { LetterHead } from "../schema/rows.ts";
import { differences, settleLetter } from "../schema/settle-letter.ts";
import { lookAtLetter } from "./look-at-letter.ts";
import { mendEach } from "./mend-each.ts";
import { policyWithoutWorker } from "./policy-without-worker.ts";
import { rebuildLetter } from "./rebuild-letter.ts";
import { type Reconciling, secondLookMs, type StepEnd } from "./reconciling.ts";
import { countRuns, quoted, visibleRuns } from "./visible-runs.ts";

const pageRuns = 1000;

/**
 * Looks at a page of letters whose workflow runs, for those without an open row. Where no more of them run than the rows before
 * had, all have one, and that is all that it asks.
 */
export async function reconcileWorkflows(step: Reconciling): Promise<StepEnd> {
  const { needs, place, beat } = step;
  const { client, db, taskQueue } = needs;
  const query = `WorkflowType = '${letterType}' AND ExecutionStatus = 'Running' AND TaskQueue = ${quoted(taskQueue)}`;
  if (place.pageToken === undefined && (await countRuns(client, query)) <= (place.running ?? 0)) return { items: [] };
  const token = place.pageToken === undefined ? {} : { token: Buffer.from(place.pageToken, "base64") };
  const page = await visibleRuns(client, query, { size: pageRuns, ...token });
  const ids = page.runs.flatMap(({ workflowId }) => jobWorkflowIdOf(workflowId) ?? []);
  const withoutRow = async (of: readonly string[]) => {
    const open = new Set(await openWorkflows(db, client.options.namespace, of));
    return of.filter((id) => !open.has(id));
  };
  const suspects = await withoutRow(ids);
  if (suspects.length > 0) {
    beat();
    await pause(secondLookMs);
  }
  const lost = (workflowId: string) => ({ finding: "no_row" as const, workflowId });
  const items = await mendEach(step, await withoutRow(suspects), lost, async (id) => await bringBack(step, id));
  const { pageToken: _, ...rest } = place;
  return {
    items,
    ...(page.next === undefined ? {} : { place: { ...rest, pageToken: Buffer.from(page.next).toString("base64") } }),
  };
}

async function endAgain(
  { needs: { client }, asked }: Reconciling,
  workflowId: string,
  runId: string,
  { id, status }: LetterHead,
): Promise<FoundItem> {
  const said = `its letter had closed (${status}), and its workflow was begun once more`;
  const item = { finding: "differs" as const, workflowId, letterId: id, said };
  if (asked.dryRun) return { ...item, mended: false };
  await client.workflow.getHandle(letterWorkflowId(workflowId), runId).terminate(`${officeActor}: ${said}`);
  return { ...item, mended: true };
}

async function bringBack(step: Reconciling, workflowId: string): Promise<FoundItem | undefined> {
  const { needs, asked } = step;
  const seen = await lookAtLetter(needs.client, workflowId);
  // A record that is being captured has no letter yet.
  if (seen.as !== "running" || typeof seen.state?.letterId !== "string") return undefined;
  const row = await letterHead(needs.db, seen.state.letterId);
  if (row === undefined)
    return await rebuildLetter(step, workflowId, seen, await policyWithoutWorker(needs, seen.state.job));
  if (row.closedAt === null) return undefined;
  // The late repeat of a death has begun it once more: its job must not run again.
  if (seen.state.revision <= row.revision && (await hasClosedItself(needs.db, row.id)))
    return await endAgain(step, workflowId, seen.runId, row);
  const item = {
    ...{ finding: "differs" as const, workflowId, letterId: row.id },
    said: `its row says ${row.status}, and its workflow runs`,
  };
  if (asked.dryRun) return { ...item, mended: false };
  const was = Object.fromEntries(differences(row, seen).map((key) => [key, row[key as keyof typeof row]]));
  return { ...item, mended: await settleLetter(needs.db, seen, { revision: row.revision, was }) };
}
