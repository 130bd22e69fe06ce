import { setTimeout as pause } from "node:timers/promises";
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from "@temporalio/client";
import { letterType, letterWorkflowId } from "../model/ids.ts";
import type { Succeeded } from "../model/letter-activities.ts";
import { restoringStart } from "../model/letter-start.ts";
import type { FoundItem } from "../model/reconcile.ts";
import { wasTakenUpSince } from "../schema/last-turn.ts";
import { hasToldOwnCode } from "../schema/told-own-code.ts";
import { releaseItem } from "../schema/item-outcome.ts";
import { letterOfRow } from "../schema/letter-of-row.ts";
import { letterHead } from "../schema/letter-head.ts";
import { openLettersAfter } from "../schema/open-letters.ts";
import type { LetterHead } from "../schema/rows.ts";
import { differences, settleLetter } from "../schema/settle-letter.ts";
import { allRuns } from "./close-window.ts";
import { lookAtLetter, type SeenLetter } from "./look-at-letter.ts";
import { mendEach } from "./mend-each.ts";
import { type Reconciling, secondLookMs, type StepEnd } from "./reconciling.ts";
import { tellLetter } from "./tell-letter.ts";
import { runsOfJobs } from "./runs-of-jobs.ts";
import { listed, type VisibleRun } from "./visible-runs.ts";

/** So many ids fit into one query. */
const pageRows = 200;
/** A timer of a letter rings within seconds, unless its office is down. */
const overdueMs = 5 * 60_000;

type Suspect = { readonly row: LetterHead; readonly success?: VisibleRun };

/** Looks at a page of open rows: whether their workflows run and say the same, and whether their jobs have succeeded since. */
export async function reconcileRows(step: Reconciling): Promise<StepEnd> {
  const { needs, place, beat } = step;
  const { client, db } = needs;
  const rows = await openLettersAfter(db, client.options.namespace, place.afterRow, pageRows);
  const last = rows.at(-1);
  if (last === undefined) return { items: [] };
  const ids = listed(rows.map(({ workflowId }) => letterWorkflowId(workflowId)));
  const letters = await allRuns(
    client,
    `WorkflowType = '${letterType}' AND ExecutionStatus = 'Running' AND WorkflowId IN ${ids}`,
  );
  const runs = await runsOfJobs(needs, rows, beat);
  const running = new Set(letters.map(({ workflowId }) => workflowId));
  const suspects = rows.flatMap(
    (row) => suspectOf(step, row, running.has(letterWorkflowId(row.workflowId)), runs) ?? [],
  );
  if (suspects.length > 0) {
    beat();
    await pause(secondLookMs);
  }
  const differing = ({ row: { workflowId } }: Suspect) => ({ finding: "differs" as const, workflowId });
  const items = await mendEach(step, suspects, differing, async (suspect) => await examine(step, suspect));
  const own = letters.filter(({ taskQueue }) => taskQueue === needs.taskQueue).length;
  return {
    items,
    letters: rows.length,
    running: (place.running ?? 0) + own,
    // Letters that begin meanwhile are behind all others: a page that is not full is the last one, however many come.
    ...(rows.length < pageRows ? {} : { place: { ...place, afterRow: last.id } }),
  };
}

/** What of a row is worth a second look, if anything is. */
function suspectOf(
  { asked }: Reconciling,
  row: LetterHead,
  running: boolean,
  runs: readonly VisibleRun[],
): Suspect | undefined {
  const { status, workflowId, failedAt, expiresAt, retryAt } = row;
  const success = runs.find(
    (run) => run.status === "completed" && (run.closedAtMs ?? 0) > failedAt.getTime() && isOfJob(row, run),
  );
  const isUnderWay = runs.some((run) => run.status === "running" && run.workflowId === workflowId);
  const due = (expiresAt ?? retryAt)?.getTime() ?? Number.POSITIVE_INFINITY;
  const isOdd =
    !running ||
    asked.thorough ||
    status === "retrying" ||
    isUnderWay ||
    due < Date.now() - overdueMs ||
    success !== undefined;
  return isOdd ? { row, ...(success === undefined ? {} : { success }) } : undefined;
}

function isOfJob({ workflowId, supersededBy, key, workflowType }: LetterHead, run: VisibleRun): boolean {
  if (run.workflowId === workflowId) return true;
  return supersededBy === "key" && key !== null && run.key === key && run.type === workflowType;
}

async function examine(step: Reconciling, { row: before, success }: Suspect): Promise<FoundItem | undefined> {
  const { client, db } = step.needs;
  const row = await letterHead(db, before.id);
  // What has changed meanwhile is under way.
  if (row === undefined || row.closedAt !== null || row.revision !== before.revision || row.deaths !== before.deaths)
    return undefined;
  const seen = await lookAtLetter(client, row.workflowId);
  if (seen.as === "silent") return undefined;
  if (seen.as === "gone") return await beginAgain(step, row, seen);
  if (isBefore(seen, row)) return await begin(step, row, seen);
  if (seen.as === "running" && seen.state.letterId === row.id && seen.state.deaths < row.deaths)
    return await tellOfDeath(step, row);
  const different = await settle(step, row, seen);
  if (different !== undefined || seen.as === "closed") return different;
  if (success === undefined || row.status !== "parked") return undefined;
  // Whoever opened it again, or brought it here, knew better.
  if (await wasTakenUpSince(db, row.id, success.closedAtMs ?? 0)) return undefined;
  return await tellOfSuccess(step, row, success);
}

/** Whether the workflow is that of an earlier letter of the job: the row's own was never begun. */
function isBefore({ state }: ToldLetterState, row: LetterHead): boolean {
  return state.letterId !== row.id && (state.firstDiedAtMs ?? state.lastDeath.atMs) < row.firstFailedAt.getTime();
}

/** Its death was written, and whoever wrote it was ended before the word to its workflow. */
async function begin(step: Reconciling, row: LetterHead, seen: ToldLetterState): Promise<FoundItem | undefined> {
  if (seen.as === "closed") return await beginAgain(step, row, { as: "gone" });
  const item = { finding: "no_workflow" as const, workflowId: row.workflowId, letterId: row.id };
  const said = "its workflow was never begun";
  if (step.asked.dryRun) return { ...item, mended: false, said };
  await tellLetter(step.needs, row);
  return { ...item, mended: true, said };
}

/** The same, of a letter that runs: its row must not forget a death that is written. */
async function tellOfDeath({ needs, asked }: Reconciling, row: LetterHead): Promise<FoundItem> {
  const item = { finding: "differs" as const, workflowId: row.workflowId, letterId: row.id };
  const said = "its row says that it has died again, and its workflow has not heard of it";
  if (asked.dryRun) return { ...item, mended: false, said };
  await tellLetter(needs, row);
  return { ...item, mended: true, said };
}

type ToldLetterState = Extract<SeenLetter, { as: "running" | "closed" }>;

/** Its workflow says otherwise, and is right. */
async function settle(
  { needs: { db }, asked }: Reconciling,
  row: LetterHead,
  seen: ToldLetterState,
): Promise<FoundItem | undefined> {
  const told = seen.state.letterId === row.id ? seen : followedBy(row, seen);
  const differs = differences(row, told);
  if (differs.length === 0) return undefined;
  const was = Object.fromEntries(differs.map((key) => [key, row[key as keyof LetterHead]]));
  const item = {
    ...{ finding: "differs" as const, workflowId: row.workflowId, letterId: row.id },
    said: `its row says otherwise than its workflow: ${differs.join(", ")}`,
  };
  const mended = !asked.dryRun && (await settleLetter(db, told, { revision: row.revision, was }));
  // What has changed while its workflow was asked is under way.
  if (!mended && (await letterHead(db, row.id))?.revision !== row.revision) return undefined;
  return { ...item, mended };
}

/** There is a later letter of the job, so this one had closed before that began; how, its workflow no longer says. */
function followedBy(row: LetterHead, { state }: ToldLetterState) {
  const closed = { ...letterOfRow(row), status: "superseded" as const, revision: row.revision + 1 };
  return { state: closed, closedAtMs: state.firstDiedAtMs ?? state.lastDeath.atMs };
}

/** Nobody keeps it: its workflow is begun again, with the time that it had left when it ended. */
async function beginAgain(
  { needs, asked }: Reconciling,
  row: LetterHead,
  seen: Extract<SeenLetter, { as: "gone" }>,
): Promise<FoundItem | undefined> {
  const item = { finding: "no_workflow" as const, workflowId: row.workflowId, letterId: row.id };
  const said = seen.closedAtMs === undefined ? "its workflow is gone" : "its workflow was ended";
  if (asked.dryRun) return { ...item, mended: false, said };
  // The redrive that asked for its retry is not told of the outcome any more.
  if (row.status === "retrying") await releaseItem(needs.db, row.id, said);
  const told = await hasToldOwnCode(needs.db, row);
  const letter = {
    ...letterOfRow(row),
    expiresAtMs: expiryLeft(row, seen.closedAtMs, Date.now()),
    ...(told ? { codeDeaths: row.deaths } : {}),
  };
  const { namespace } = needs.client.options;
  // Offices may share a database: it goes back to its own.
  const taskQueue = seen.taskQueue ?? needs.taskQueue;
  const home = { namespace, taskQueue, searchAttributes: needs.searchAttributes };
  try {
    await needs.client.workflow.start(letterType, restoringStart(letter, row.key, home));
  } catch (error) {
    // A death has just begun it.
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
  return { ...item, mended: true, said };
}

/** Where nobody knows when its workflow ended, nothing expires within a day of coming back. */
const shortestLeftMs = 24 * 60 * 60_000;

function expiryLeft(row: LetterHead, endedAtMs: number | undefined, nowMs: number): number | null {
  const { expiresAt } = row;
  if (expiresAt === null) return wasEnding(row) ? nowMs : null;
  if (endedAtMs === undefined) return Math.max(expiresAt.getTime(), nowMs + shortestLeftMs);
  return nowMs + Math.max(expiresAt.getTime() - endedAtMs, 0);
}

/** Whether it had come to its end, and its job's own code was run. What has failed of it waits for somebody. */
function wasEnding({ status, retentionMs, retryAt, retryWhen, ownCode, failedCode }: LetterHead): boolean {
  const hasClock = retentionMs !== null && retryAt === null && retryWhen === null;
  return status === "parked" && hasClock && ownCode.includes("onExpire") && failedCode !== "onExpire";
}

/** The letter closes itself, unless it dies meanwhile. */
async function tellOfSuccess(
  { needs: { client }, asked }: Reconciling,
  row: LetterHead,
  { workflowId, runId, closedAtMs = 0 }: VisibleRun,
): Promise<FoundItem | undefined> {
  const said =
    workflowId === row.workflowId ? "its job has succeeded since" : `${workflowId} of the same key has succeeded since`;
  const item = { finding: "succeeded" as const, workflowId: row.workflowId, letterId: row.id, said };
  if (asked.dryRun) return { ...item, mended: false };
  const word: Succeeded = { version: 1, letterId: row.id, workflowId, runId, atMs: closedAtMs };
  try {
    await client.workflow.getHandle(letterWorkflowId(row.workflowId)).signal("succeeded", word);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
  return { ...item, mended: true };
}
