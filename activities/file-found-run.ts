import type { Death } from "../model/death.ts";
import { letterWorkflowId } from "../model/ids.ts";
import type { FoundItem, Finding } from "../model/reconcile.ts";
import { letterHead } from "../schema/letter-head.ts";
import { openLetterOf } from "../schema/open-letters.ts";
import type { LetterHead } from "../schema/rows.ts";
import { closedWindow } from "./close-window.ts";
import { mayBeAnothers, sharesDatabase } from "./other-offices.ts";
import { lookAtLetter, type SeenLetter } from "./look-at-letter.ts";
import { parkRun } from "./park-run.ts";
import { policyWithoutWorker } from "./policy-without-worker.ts";
import { type JobEnd, readJobEnd } from "./read-job-end.ts";
import { contractOf, type Reconciling } from "./reconciling.ts";
import { endedDeath } from "./run-death.ts";
import { tellLetter } from "./tell-letter.ts";
import { quoted, type VisibleRun } from "./visible-runs.ts";

/**
 * Records the death of a run that is not recorded, in the letter that it belongs to. Safe to repeat.
 *
 * @returns undefined where it needs no letter: another run of its id has come after it, its letter is just about to record it, or
 *   its job has no letters
 */
export async function fileFoundRun(step: Reconciling, run: VisibleRun): Promise<FoundItem | undefined> {
  const { needs, asked } = step;
  const { client, db } = needs;
  const { workflowId, runId } = run;
  const said = contractOf(step, run);
  if (said?.deadLetter === false || run.closedAtMs === undefined) return undefined;
  const end = await readJobEnd(client, needs.codecs, run);
  const finding = findingOf(run, end);
  if (finding === undefined) return undefined;
  // The newest run decides. One that told of its death has to be recorded all the same.
  if (finding !== "unrecorded" && !(await isNewest(step, run))) return undefined;
  const told = `${words[finding]}${end.terminated === undefined ? "" : ` by ${end.terminated.by || "somebody"}`}`;
  const toldPolicy = end.policy ?? said?.deadLetter;
  if (toldPolicy === undefined && (await mayBeAnothers(needs, run)))
    return {
      ...{ finding, workflowId, mended: false },
      said: `${told}; no worker says whether it is this office's or another one's`,
    };
  const policy = toldPolicy ?? (await policyWithoutWorker(needs, run.type));
  if (policy.office !== needs.taskQueue) {
    if (await sharesDatabase(needs, policy.office)) step.leave();
    return undefined;
  }

  const seen = await lookAtLetter(client, workflowId);
  if (seen.as === "running" && seen.state.status === "retrying" && seen.state.retryRunId === runId) return undefined;
  const open = await openLetterOf(db, client.options.namespace, workflowId);
  // It has a letter, which tells more of itself than this run does: the phases behind bring its row back.
  if (finding === "unrecorded" && (await hasLetter(step, run, { seen, end, open }))) return undefined;
  if (asked.dryRun) return { finding, workflowId, mended: false, said: told };
  const { letter } = await parkRun(needs, run, {
    death: { ...(end.death ?? deathOf(run, end)), ...(said?.ownCode === undefined ? {} : { ownCode: said.ownCode }) },
    policy,
    found: `found by a reconcile: ${told}`,
    ...(open === undefined && end.letterId !== undefined ? { letterId: end.letterId } : {}),
  });
  // A letter that has closed is settled by what it said at its end, and must not be begun again.
  const isOver = seen.as === "closed" && seen.state.letterId === letter.id;
  if (letter.closedAt === null && !isOver) await tellLetter(needs, letter);
  return { finding, workflowId, letterId: letter.id, mended: true, said: told };
}

const words = {
  lost: "terminated",
  timed_out: "ran into its workflow timeout",
  unrecorded: "dead lettered, and not recorded",
} as const;

function findingOf({ status }: VisibleRun, { death, letterId }: JobEnd): (keyof typeof words & Finding) | undefined {
  if (death !== undefined || letterId !== undefined) return "unrecorded";
  if (status === "terminated") return "lost";
  // It failed by itself: it is a workflow of another make, or has dead lettering off.
  return status === "timed_out" ? "timed_out" : undefined;
}

function deathOf({ status, closedAtMs = Date.now() }: VisibleRun, { terminated }: JobEnd): Death {
  return endedDeath(status === "timed_out" ? "timed_out" : "terminated", closedAtMs, terminated);
}

async function isNewest({ needs }: Reconciling, { workflowId, runId }: VisibleRun): Promise<boolean> {
  return (await needs.client.workflow.getHandle(workflowId).describe()).runId === runId;
}

type Seen = { readonly seen: SeenLetter; readonly end: JobEnd; readonly open: LetterHead | undefined };

/** Whether the letter that a death was recorded in is there, in either store, and is another one than the open one. */
async function hasLetter(step: Reconciling, run: VisibleRun, { seen, end, open }: Seen): Promise<boolean> {
  const { letterId } = end;
  const isOfOpen = letterId === undefined ? open !== undefined && isSince(open, run) : open?.id === letterId;
  if (isOfOpen) return false;
  if (letterId !== undefined && (await letterHead(step.needs.db, letterId)) !== undefined) return true;
  if (seen.as === "silent") return true;
  if (seen.as !== "gone" && (letterId === undefined ? open === undefined : seen.state.letterId === letterId))
    return true;
  return await hasClosedLetter(step, run, letterId);
}

function isSince({ firstFailedAt }: LetterHead, { closedAtMs = 0 }: VisibleRun): boolean {
  return closedAtMs >= firstFailedAt.getTime() - clockSkewMs;
}

/** A letter closes after the run that it is about, but for what the two take to be told. */
const clockSkewMs = 1_000;
/** Letters of one job id that are looked at. They close one after the other, and the first one is meant. */
const letters = 3;

/** Whether Temporal remembers how an earlier letter closed that had taken this run for a death. An id may have had many. */
async function hasClosedLetter(
  { needs: { client }, place }: Reconciling,
  { workflowId, closedAtMs = 0 }: VisibleRun,
  letterId: string | undefined,
): Promise<boolean> {
  const query = `WorkflowId = ${quoted(letterWorkflowId(workflowId))} AND ExecutionStatus = 'Completed'`;
  const span = { fromMs: closedAtMs - clockSkewMs, untilMs: place.untilMs };
  while (span.fromMs < span.untilMs) {
    const { runs, untilMs } = await closedWindow(client, query, span, letters);
    for (const { runId } of runs.slice(0, letters)) {
      const seen = await lookAtLetter(client, workflowId, runId);
      if (seen.as !== "closed") continue;
      const { state } = seen;
      const isMeant =
        letterId === undefined
          ? (state.firstDiedAtMs ?? state.lastDeath.atMs) <= closedAtMs + clockSkewMs
          : state.letterId === letterId;
      if (isMeant) return true;
    }
    if (runs.length > 0) return false;
    span.fromMs = untilMs;
  }
  return false;
}
