import type { Death } from "../model/death.ts";
import { activityIdOf } from "../model/ids.ts";
import type { DeathRecord } from "../model/letter-activities.ts";
import type { RunInput } from "../schema/run-input.ts";
import { readActivity } from "./foreign-activity.ts";
import { deathOfEnd, isDead } from "./foreign-death.ts";
import { foreignInput, type ForeignRun, readForeignRun } from "./foreign-run.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { isGone, readRunEnd } from "./read-run-end.ts";
import { readRun } from "./read-run.ts";
import { endedDeath } from "./run-death.ts";
import { runInput } from "./run-input.ts";
import { serializePayloads } from "./stored-payloads.ts";

/** How a run of a letter ended, and what it was started with where the letter does not know that. */
export type RecordedEnd = { readonly death: Death; readonly input?: RunInput; readonly startedAt: Date | undefined };

type Ask = Pick<DeathRecord, "workflowId" | "runId" | "queue" | "death" | "kind" | "ownRun" | "begunAs" | "atMs">;

/**
 * Reads what the letter could not know of a run's end. A run that the letter started had the row's own input; one that goes on in its
 * place may have been given another.
 */
export async function recordedEnd(needs: OfficeNeeds, ask: Ask): Promise<RecordedEnd> {
  const { workflowId, runId, death, kind, ownRun, atMs } = ask;
  const queue = needs.queues[ask.queue];
  if (kind === undefined || !("ended" in death)) {
    const told = "ended" in death ? endedDeath(death.ended === "failed" ? "terminated" : death.ended, atMs) : death;
    if (ownRun) return { death: told, startedAt: undefined };
    const run = await readRun(needs.client, workflowId, runId);
    return { death: told, input: await runInput(run, workflowId, queue, needs), startedAt: run.startedAt };
  }
  try {
    const { run, end } = await readForeign(needs, { workflowId, runId, kind });
    return {
      death: end ?? unknownEnd(death.ended, atMs),
      ...(ownRun && !(await isGivenOther(needs, run, ask))
        ? {}
        : { input: await foreignInput(run, workflowId, queue, needs) }),
      startedAt: run.startedAt,
    };
  } catch (error) {
    if (!isGone(error)) throw error;
    return { death: unknownEnd(death.ended, atMs), startedAt: undefined };
  }
}

/** Whether a run that continued as new has another input than the one that the letter started. */
async function isGivenOther({ client }: OfficeNeeds, run: ForeignRun, { workflowId, begunAs }: Ask): Promise<boolean> {
  if (begunAs === undefined || run.kind !== "workflow") return false;
  try {
    const begun = await readForeignRun(client, workflowId, begunAs);
    return !serializePayloads(begun.input ?? []).equals(serializePayloads(run.input ?? []));
  } catch (error) {
    if (isGone(error)) return true;
    throw error;
  }
}

/** A run of other make, and its death where it died. */
export async function readForeign(
  { client, codecs }: OfficeNeeds,
  { workflowId, runId, kind }: Pick<Ask, "workflowId" | "runId"> & { kind: NonNullable<Ask["kind"]> },
) {
  if (kind === "activity") {
    const { run, death } = await readActivity(client, codecs, activityIdOf(workflowId), runId);
    return { run, end: death };
  }
  const run = await readForeignRun(client, workflowId, runId);
  const end = await readRunEnd(client, codecs, { workflowId, runId });
  if (end === undefined || !isDead(end.status)) return { run, end: undefined };
  const begun = run.startedAt === undefined ? {} : { startedAtMs: run.startedAt.getTime() };
  return { run, end: deathOfEnd({ ...end, status: end.status }, { attempt: run.attempt, ...begun }) };
}

/** Its history is gone. */
function unknownEnd(ended: "terminated" | "timed_out" | "failed", atMs: number): Death {
  if (ended !== "failed") return endedDeath(ended, atMs);
  const error = {
    type: "HistoryGone",
    message: "The run failed; why is not known, as its history is gone",
    causes: [],
  };
  return deathOfEnd({ status: "failed", closedAtMs: atMs, error }, {});
}
