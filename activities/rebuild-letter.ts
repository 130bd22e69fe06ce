import type { DeadLetterPolicy } from "../model/contract.ts";
import type { Death } from "../model/death.ts";
import { emptyLedger } from "../model/ledger.ts";
import { queuePolicy } from "../model/queue-policy.ts";
import type { FoundItem } from "../model/reconcile.ts";
import { isOpen } from "../model/status.ts";
import { letterHead } from "../schema/letter-head.ts";
import { parkDeath } from "../schema/park-death.ts";
import { settleLetter, type ToldState } from "../schema/settle-letter.ts";
import { unrecordedRuns } from "../schema/unrecorded-runs.ts";
import { allRuns } from "./close-window.ts";
import { parkRun } from "./park-run.ts";
import { recapture } from "./recapture.ts";
import { readJobEnd } from "./read-job-end.ts";
import type { Reconciling } from "./reconciling.ts";
import { endedDeath, runDeath } from "./run-death.ts";
import { quoted, type VisibleRun } from "./visible-runs.ts";

/** A letter's runs begin to close a moment after its first death was told. */
const clockSkewMs = 1_000;

/**
 * Writes a letter's row anew, under its own id: its deaths from the runs that Temporal still knows, and the rest as its workflow
 * has it. Safe to repeat: a row without its last touch is found as one that differs.
 */
export async function rebuildLetter(
  step: Reconciling,
  workflowId: string,
  told: ToldState,
  policy: DeadLetterPolicy,
): Promise<FoundItem> {
  const { needs, asked } = step;
  const { db } = needs;
  const { state } = told;
  const said = isOpen(state.status)
    ? `its workflow runs (${state.status}), and its row was gone`
    : `it was closed (${state.status}), and its row was gone`;
  const item = { finding: "no_row" as const, workflowId, letterId: state.letterId };
  if (asked.dryRun) return { ...item, mended: false, said };
  // A record's first death is no run of its job.
  if (state.source !== undefined) await recapture(needs, workflowId, state.letterId);
  const runs = await runsOf(step, workflowId, told);
  const found = "found by a reconcile: its record was lost";
  for (const run of runs) {
    step.beat();
    const end = await readJobEnd(needs.client, needs.codecs, run);
    const death =
      end.death ??
      endedDeath(run.status === "timed_out" ? "timed_out" : "terminated", run.closedAtMs ?? 0, end.terminated);
    const { queue } = state;
    await parkRun(needs, run, { death, policy: { ...(end.policy ?? policy), queue }, letterId: state.letterId, found });
  }
  if ((await letterHead(db, state.letterId)) === undefined) await parkWhatIsLeft(step, told, found);
  const row = await letterHead(db, state.letterId);
  const mended = row !== undefined && (await settleLetter(db, told, { revision: row.revision, was: { row: "gone" } }));
  return { ...item, mended, said: `${said}; ${runs.length} of ${state.deaths} deaths are told by history` };
}

/** The runs that the letter took for deaths. What died before its first death was another letter's. */
async function runsOf({ needs }: Reconciling, workflowId: string, { state }: ToldState): Promise<VisibleRun[]> {
  const query = `WorkflowId = ${quoted(workflowId)} AND ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')`;
  const since = (state.firstDiedAtMs ?? state.lastDeath.atMs) - clockSkewMs;
  const closed = (await allRuns(needs.client, query))
    .filter(({ closedAtMs = 0 }) => closedAtMs >= since)
    .toSorted((a, b) => (a.closedAtMs ?? 0) - (b.closedAtMs ?? 0))
    .slice(0, state.deaths);
  return await unrecordedRuns(needs.db, needs.client.options.namespace, closed);
}

/** Temporal knows none of its runs any more: what its letter remembers of the last death is all there is. */
async function parkWhatIsLeft({ needs }: Reconciling, { state }: ToldState, found: string): Promise<void> {
  const { lastDeath, jobWorkflowId: workflowId, job, queue } = state;
  const { runId, reason, category, errorType, errorMessage, atMs } = lastDeath;
  const death: Death = {
    version: 1,
    ...{ reason, category },
    error: { type: errorType, message: errorMessage, causes: [] },
    ledger: emptyLedger,
    diedAtMs: atMs,
  };
  const namespace = needs.client.options.namespace;
  const dying = { namespace, workflowId, runId, job, queue, startedAt: undefined };
  await parkDeath(needs.db, {
    ...runDeath(dying, death, needs.fingerprint),
    ...{ payload: null, payloadData: null, memoData: null, headers: {}, idempotencyKey: workflowId },
    ...{
      kind: state.source === undefined ? (state.kind ?? "job") : "record",
      job,
      workflowType: job,
      taskQueue: state.taskQueue,
      queue,
      tags: [],
    },
    letterId: state.letterId,
    policy: queuePolicy(needs.queues[queue], needs.defaults),
    expiresAtMs: state.expiresAtMs,
    found,
  });
}
