import { ApplicationFailure, Context } from "@temporalio/activity";
import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import type { FollowedRun, FollowRun } from "../model/letter-activities.ts";

/** How long one attempt listens. Short enough that many waiting letters share the office's activity slots. */
const listenMs = 50_000;

/**
 * Waits for the newest run of a workflow id to end.
 *
 * Listens by long poll, so that a run that ends soon is heard at once; then makes room and comes back later. Retries of
 * an activity write no events, so the wait costs six events however long it is.
 */
export async function followRun(client: Client, { workflowId, exceptRunId }: FollowRun): Promise<FollowedRun> {
  const { heartbeat, cancellationSignal, info } = Context.current();
  const beat = setInterval(() => heartbeat(), 10_000);
  try {
    const found = await latestRun(client, workflowId);
    if (found === undefined) return { runId: "", excepted: false, outcome: "gone" };
    if (found.runId === exceptRunId)
      return { runId: found.runId, excepted: true, outcome: outcomes[found.status] ?? "failed" };
    const ended = outcomes[found.status];
    if (ended !== undefined) return { runId: found.runId, excepted: false, outcome: ended };
    await listen(client, workflowId, found.runId, cancellationSignal);
    const now = await latestRun(client, workflowId);
    if (now === undefined) return { runId: found.runId, excepted: false, outcome: "gone" };
    const endedNow = outcomes[now.status];
    if (endedNow !== undefined) return { runId: now.runId, excepted: false, outcome: endedNow };
    throw ApplicationFailure.create({
      message: `Run ${now.runId} of ${workflowId} is still running`,
      type: "StillRunning",
      category: "BENIGN",
      nextRetryDelay: Math.min(2 ** info.attempt * 1000, 60_000),
    });
  } finally {
    clearInterval(beat);
  }
}

/** How a run can end. Any other status is one of a run that goes on: it may be paused. */
const outcomes: Readonly<Record<string, FollowedRun["outcome"]>> = {
  COMPLETED: "completed",
  FAILED: "failed",
  CANCELLED: "cancelled",
  TERMINATED: "terminated",
  TIMED_OUT: "timed_out",
};

async function latestRun(client: Client, workflowId: string): Promise<{ runId: string; status: string } | undefined> {
  try {
    const { runId, status } = await client.workflow.getHandle(workflowId).describe();
    return { runId, status: status.name };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Returns when the run has ended, when the time is over, or when the office stops; and then no poll goes on behind its back. */
async function listen(client: Client, workflowId: string, runId: string, stopped: AbortSignal): Promise<void> {
  const enough = AbortSignal.any([stopped, AbortSignal.timeout(listenMs)]);
  await client
    .withAbortSignal(enough, async () => await client.workflow.getHandle(workflowId, runId).result())
    // However the run ended, and whether this was interrupted: the caller looks for itself.
    .catch(() => undefined);
}
