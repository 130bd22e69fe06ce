import type { DeadLetterPolicy } from "../model/contract.ts";
import type { Death } from "../model/death.ts";
import { emptyLedger } from "../model/ledger.ts";
import { queuePolicy } from "../model/queue-policy.ts";
import type { FoundItem } from "../model/reconcile.ts";
import { isOpen } from "../model/status.ts";
import { letterHead } from "../schema/letter-head.ts";
import type { Db } from "../schema/database.ts";
import { type ParkedDeath, parkDeath } from "../schema/park-death.ts";
import { recordRetryDeath } from "../schema/record-death.ts";
import { settleLetter, type ToldState } from "../schema/settle-letter.ts";
import { unrecordedRuns } from "../schema/unrecorded-runs.ts";
import { allRuns } from "./close-window.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { foreignToPark } from "./park-foreign.ts";
import { runToPark } from "./park-run.ts";
import { recapture } from "./recapture.ts";
import { readJobEnd } from "./read-job-end.ts";
import { isGone } from "./read-run-end.ts";
import { readForeign } from "./recorded-end.ts";
import type { Reconciling } from "./reconciling.ts";
import { endedDeath, runDeath } from "./run-death.ts";
import { at, quoted, type VisibleRun } from "./visible-runs.ts";

/** A letter's runs begin to close a moment after its first death was told. */
const clockSkewMs = 1_000;

/**
 * Writes a letter's row anew, under its own id: its deaths from the runs that Temporal still knows, and the rest as its workflow
 * has it; all of it or nothing. Safe to repeat.
 */
export async function rebuildLetter(
  step: Reconciling,
  workflowId: string,
  told: ToldState,
  policy: DeadLetterPolicy,
): Promise<FoundItem> {
  const { needs, asked } = step;
  const { state } = told;
  const said = isOpen(state.status)
    ? `its workflow runs (${state.status}), and its row was gone`
    : `it was closed (${state.status}), and its row was gone`;
  const item = { finding: "no_row" as const, workflowId, letterId: state.letterId };
  if (asked.dryRun) return { ...item, mended: false, said };
  const runs = await runsOf(step, workflowId, told);
  const deaths: ParkedDeath[] = [];
  for (const run of runs) {
    step.beat();
    const death = await deathOf(step, run, told, policy);
    if (death !== undefined) deaths.push({ ...death, letterId: state.letterId, found, ...closedAs(told) });
  }
  const mended = await needs.db.transaction(async (tx) => await write({ ...needs, db: tx }, told, deaths));
  return { ...item, mended, said: `${said}; ${deaths.length} of ${state.deaths} deaths are told by history` };
}

const found = "found by a reconcile: its record was lost";

/** A letter that has closed is written as one: another one of its job may be open. */
function closedAs({ state: { status, source, lastDeath }, closedAtMs }: ToldState): Pick<ParkedDeath, "closed"> {
  // A record's row begins with the record.
  if (isOpen(status) || source !== undefined) return {};
  return { closed: { status, atMs: closedAtMs ?? lastDeath.atMs } };
}

async function write(needs: OfficeNeeds, told: ToldState, deaths: readonly ParkedDeath[]): Promise<boolean> {
  const { db } = needs;
  const { letterId, jobWorkflowId, source } = told.state;
  // A record's first death is no run of its job.
  if (source !== undefined) await recapture(needs, jobWorkflowId, letterId);
  for (const death of deaths) await append(db, letterId, death);
  if ((await letterHead(db, letterId)) === undefined) await append(db, letterId, whatIsLeft(needs, told));
  const row = await letterHead(db, letterId);
  return row !== undefined && (await settleLetter(db, told, { revision: row.revision, was: { row: "gone" } }));
}

/** To its letter, and to no other one of the job. */
async function append(db: Db, letterId: string, death: ParkedDeath): Promise<void> {
  if (death.closed !== undefined && (await letterHead(db, letterId)) !== undefined)
    return void (await recordRetryDeath(db, { ...death, letterId, revision: 0, expiresAtMs: null, input: death }));
  const { letter } = await parkDeath(db, death);
  if (letter.id !== letterId) throw new Error(`letter ${letter.id} of the same job is open`);
}

/** What history tells of a run; undefined: it is no death, or it has been forgotten. */
async function deathOf(
  { needs }: Reconciling,
  run: RunRef,
  { state }: ToldState,
  policy: DeadLetterPolicy,
): Promise<ParkedDeath | undefined> {
  const { kind, queue, jobWorkflowId } = state;
  if (kind !== undefined) {
    try {
      const { run: foreign, end } = await readForeign(needs, { ...run, kind });
      if (end === undefined) return undefined;
      return await foreignToPark(needs, {
        ...{ run: foreign, jobId: jobWorkflowId, runId: run.runId, death: end },
        policy: { ...policy, queue },
      });
    } catch (error) {
      if (!isGone(error)) throw error;
      return undefined;
    }
  }
  const end = await readJobEnd(needs.client, needs.codecs, run);
  const death =
    end.death ??
    endedDeath(run.status === "timed_out" ? "timed_out" : "terminated", run.closedAtMs ?? 0, end.terminated);
  return await runToPark(needs, run, { death, policy: { ...(end.policy ?? policy), queue } });
}

type RunRef = Pick<VisibleRun, "workflowId" | "runId"> & Partial<Pick<VisibleRun, "status" | "closedAtMs">>;

/** The runs that the letter took for deaths. What died before its first death was another letter's, and so was what died after its end. */
async function runsOf({ needs }: Reconciling, workflowId: string, told: ToldState): Promise<RunRef[]> {
  const { state, closedAtMs } = told;
  // An activity is told by its own run id alone.
  if (state.kind === "activity") return [{ workflowId, runId: state.lastDeath.runId }];
  const since = (state.firstDiedAtMs ?? state.lastDeath.atMs) - clockSkewMs;
  const until = closedAtMs === undefined ? "" : ` AND CloseTime <= ${at(closedAtMs + clockSkewMs)}`;
  const query = `WorkflowId = ${quoted(workflowId)} AND ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')`;
  const closed = (await allRuns(needs.client, `${query} AND CloseTime >= ${at(since)}${until}`))
    .toSorted((a, b) => (a.closedAtMs ?? 0) - (b.closedAtMs ?? 0))
    .slice(0, state.deaths);
  return await unrecordedRuns(needs.db, needs.client.options.namespace, closed);
}

/** Temporal knows none of its runs any more: what its letter remembers of the last death is all there is. */
function whatIsLeft(needs: OfficeNeeds, told: ToldState): ParkedDeath {
  const { state } = told;
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
  return {
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
    ...closedAs(told),
  };
}
