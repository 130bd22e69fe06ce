import { WorkflowNotFoundError } from "@temporalio/client";
import type { DeadLetterPolicy } from "../model/contract.ts";
import { deadLetteredType, diedType } from "../model/death.ts";
import type { Death } from "../model/death.ts";
import { activityIdOf, letterWorkflowId } from "../model/ids.ts";
import type { LetterState } from "../model/letter-state.ts";
import { isOpen } from "../model/status.ts";
import { letterHead } from "../schema/letter-head.ts";
import type { KnownDeath } from "../schema/known-runs.ts";
import { readActivity } from "./foreign-activity.ts";
import { deathOfEnd, isDead } from "./foreign-death.ts";
import { forgottenRun, type ForeignRun, readForeignRun } from "./foreign-run.ts";
import type { FoundRun } from "./found-run.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { parkForeign } from "./park-foreign.ts";
import { isGone, readRunEnd } from "./read-run-end.ts";
import { tellLetter } from "./tell-letter.ts";

export type AdoptedNow = { readonly letterId: string; readonly isNew: boolean } | "job" | "older";

/** Makes a letter of a run that failed: its row first, then the word to its workflow. Safe to repeat. */
export async function adoptRun(
  needs: OfficeNeeds,
  found: FoundRun,
  policy: DeadLetterPolicy,
  adoption: string,
): Promise<AdoptedNow> {
  const read = found.info === undefined ? await readDeadActivity(needs, found) : await readDeadWorkflow(needs, found);
  if (typeof read === "string") return read;
  const { jobId, runId } = found;
  const { letter, deathKnown } = await parkForeign(needs, { ...read, jobId, runId, policy, adoption });
  if (letter.closedAt === null) await tellLetter(needs, letter);
  return { letterId: letter.id, isNew: !deathKnown };
}

/** A crash may have come between a death's row and the word to its letter: then it is told now. */
export async function healKnown(needs: OfficeNeeds, { jobId }: FoundRun, death: KnownDeath): Promise<void> {
  if (!isOpen(death.status) || death.kind === "job") return;
  if (await knows(needs, jobId, death.letterDeaths)) return;
  const letter = await letterHead(needs.db, death.letterId);
  if (letter?.closedAt === null) await tellLetter(needs, letter);
}

/** Whether a letter's workflow runs, and has heard of so many deaths. */
async function knows({ client }: OfficeNeeds, jobId: string, deaths: number): Promise<boolean> {
  const handle = client.workflow.getHandle(letterWorkflowId(jobId));
  try {
    const { status } = await handle.describe();
    if (status.name !== "RUNNING") return false;
    return deaths === 1 || (await handle.query<LetterState>("state")).deaths >= deaths;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

type Read = { readonly run: ForeignRun; readonly death: Death };

async function readDeadWorkflow(
  { client, codecs }: OfficeNeeds,
  { jobId: workflowId, runId, info = {}, status, closedAtMs }: FoundRun,
): Promise<Read | "job" | "older"> {
  try {
    const run = await readForeignRun(client, workflowId, runId);
    const end = await readRunEnd(client, codecs, { workflowId, runId });
    // It goes on after all, or its own retry policy has begun another run.
    if (end === undefined || !isDead(end.status) || end.nextRunId !== undefined) return "older";
    if (end.error?.type === deadLetteredType || end.error?.type === diedType) return "job";
    const { startedAt, attempt } = run;
    const begun = startedAt === undefined ? {} : { startedAtMs: startedAt.getTime() };
    return { run, death: deathOfEnd({ ...end, status: end.status }, { attempt, ...begun }) };
  } catch (error) {
    if (!isGone(error)) throw error;
    const run = forgottenRun(info);
    const begun = run.startedAt === undefined ? {} : { startedAtMs: run.startedAt.getTime() };
    return { run, death: deathOfEnd({ status, closedAtMs, error: forgotten(status) }, begun) };
  }
}

function forgotten(status: FoundRun["status"]) {
  const how = { failed: "failed", terminated: "was terminated", timed_out: "timed out" }[status];
  const message = `The workflow ${how}; why is not known any more, as its history is gone`;
  return { type: "HistoryGone", message, causes: [] };
}

async function readDeadActivity({ client, codecs }: OfficeNeeds, { jobId, runId }: FoundRun): Promise<Read | "older"> {
  try {
    const { run, death } = await readActivity(client, codecs, activityIdOf(jobId), runId);
    return death === undefined ? "older" : { run, death };
  } catch (error) {
    // All that is known of an activity is in one place.
    if (isGone(error)) return "older";
    throw error;
  }
}
