import type { Client } from "@temporalio/client";
import { reservedTypes } from "../model/ids.ts";
import { type Check, fine, hint, messageOf, wrong } from "./check.ts";

/** How many running jobs are looked at: each costs a request. */
const mostLookedAt = 100;
const atOnce = 10;
/** Recording a death takes a moment; only one that was refused, or has waited for longer, is a finding. */
const patientMs = 5000;

/** Are there dying jobs that wait for an office to record them? */
export async function checkWaitingDeaths(client: Client): Promise<Check> {
  const what = "deaths being recorded";
  let found;
  try {
    found = await waitingDeaths(client);
  } catch (error) {
    return hint(what, `running jobs cannot be listed: ${messageOf(error)}`, "Ask for the right to list workflows");
  }
  const { waiting, lookedAt } = found;
  const scope = lookedAt < mostLookedAt ? `${lookedAt} running jobs` : `the ${mostLookedAt} newest running jobs`;
  if (lookedAt === 0) return fine(what, "no job is running");
  if (waiting.length === 0) return fine(what, `none of ${scope} waits for the office`);
  const [first] = waiting;
  const why = first?.lastFailure === undefined ? "no office has taken it yet" : first.lastFailure;
  return wrong(
    what,
    `${waiting.length} of ${scope} wait for the office, such as ${first?.workflowId}: ${why}`,
    "Nothing is lost: they wait. Start the office (dlo office), or mend what it says; where it cannot read payloads, give it the codec in dlo.config",
  );
}

type Waiting = { readonly workflowId: string; readonly lastFailure?: string };

async function waitingDeaths(client: Client): Promise<{ waiting: Waiting[]; lookedAt: number }> {
  const ids: { workflowId: string; runId: string }[] = [];
  const ours = reservedTypes.map((type) => `'${type}'`).join(", ");
  const query = `ExecutionStatus = 'Running' AND WorkflowType NOT IN (${ours})`;
  for await (const { workflowId, runId } of client.workflow.list({ query, pageSize: mostLookedAt })) {
    ids.push({ workflowId, runId });
    if (ids.length === mostLookedAt) break;
  }
  const waiting: Waiting[] = [];
  for (let start = 0; start < ids.length; start += atOnce) {
    const looked = await Promise.all(ids.slice(start, start + atOnce).map((run) => lookAt(client, run)));
    waiting.push(...looked.filter((one) => one !== undefined));
  }
  return { waiting, lookedAt: ids.length };
}

async function lookAt(client: Client, run: { workflowId: string; runId: string }): Promise<Waiting | undefined> {
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
