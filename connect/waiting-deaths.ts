import type { Client } from "@temporalio/client";
import { reservedTypes } from "../model/ids.ts";

/** A dying job that waits for an office to record its death. */
export type WaitingDeath = { readonly workflowId: string; readonly lastFailure?: string };

export type WaitingDeaths = { readonly waiting: readonly WaitingDeath[]; readonly lookedAt: number };

/** How many running jobs are looked at: each costs a request. */
export const mostLookedAt = 100;
const atOnce = 10;
/** Recording a death takes a moment; only one that was refused, or has waited for longer, is a finding. */
const patientMs = 5000;

/** The dying jobs among the newest running ones that wait for an office to record their deaths. */
export async function waitingDeaths(client: Client): Promise<WaitingDeaths> {
  const ids: { workflowId: string; runId: string }[] = [];
  const ours = reservedTypes.map((type) => `'${type}'`).join(", ");
  const query = `ExecutionStatus = 'Running' AND WorkflowType NOT IN (${ours})`;
  for await (const { workflowId, runId } of client.workflow.list({ query, pageSize: mostLookedAt })) {
    ids.push({ workflowId, runId });
    if (ids.length === mostLookedAt) break;
  }
  const waiting: WaitingDeath[] = [];
  for (let start = 0; start < ids.length; start += atOnce) {
    const looked = await Promise.all(ids.slice(start, start + atOnce).map((run) => lookAt(client, run)));
    waiting.push(...looked.filter((one) => one !== undefined));
  }
  return { waiting, lookedAt: ids.length };
}

async function lookAt(client: Client, run: { workflowId: string; runId: string }): Promise<WaitingDeath | undefined> {
  let raw;
  try {
    ({ raw } = await client.workflow.getHandle(run.workflowId, run.runId).describe());
  } catch {
    // It has ended, and been deleted, since it was listed.
    return undefined;
  }
  const parking = raw.pendingActivities?.find(({ activityType }) => activityType?.name === "parkDeadLetter");
  if (parking === undefined) return undefined;
  const lastFailure = parking.lastFailure?.message;
  const scheduledAtMs = Number(parking.scheduledTime?.seconds ?? 0) * 1000;
  if (!lastFailure && Date.now() - scheduledAtMs < patientMs) return undefined;
  return { workflowId: run.workflowId, ...(lastFailure ? { lastFailure } : {}) };
}
