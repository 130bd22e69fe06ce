import { ApplicationFailure, Context } from "@temporalio/activity";
import type { Client } from "@temporalio/client";
import proto from "@temporalio/proto";
import { activityIdOf } from "../model/ids.ts";
import type { FollowedRun, FollowRun } from "../model/letter-activities.ts";
import { readActivity } from "./foreign-activity.ts";
import { isGone, readRunEnd } from "./read-run-end.ts";

/** How long one try listens, as long as few do. */
const listenMs = 50_000;

/** So many listen at once: an office has a hundred slots for all that its letters ask. */
const listeners = 20;
let listening = 0;

/**
 * Waits for a run that a letter started, and for whatever goes on in its place: it may continue as new, and its own policy may retry
 * it. Returns how the last run of that chain ended.
 */
export async function followOwnRun(
  client: Client,
  { workflowId, kind }: FollowRun,
  firstRunId: string,
): Promise<FollowedRun> {
  const { heartbeat, cancellationSignal, info } = Context.current();
  const beat = setInterval(() => heartbeat(), 10_000);
  const mayListen = listening < listeners;
  if (mayListen) listening++;
  try {
    const until = mayListen ? Date.now() + listenMs : 0;
    let runId = firstRunId;
    for (;;) {
      const ended =
        kind === "activity"
          ? await activityEnd(client, workflowId, runId)
          : await workflowEnd(client, workflowId, runId);
      if (ended?.next !== undefined) {
        runId = ended.next;
        continue;
      }
      if (ended?.outcome === "gone" && kind !== "activity") {
        const latest = await latestOfChain(client, workflowId, firstRunId);
        if (latest !== undefined && latest !== runId) {
          runId = latest;
          continue;
        }
      }
      if (ended !== undefined) return { runId, excepted: false, outcome: ended.outcome };
      const leftMs = until - Date.now();
      if (leftMs <= 0 || cancellationSignal.aborted)
        throw ApplicationFailure.create({
          message: `Run ${runId} of ${workflowId} is still running`,
          type: "StillRunning",
          category: "BENIGN",
          nextRetryDelay: Math.min(2 ** info.attempt * 500, 60_000),
        });
      await listen(
        client,
        { workflowId, runId, ...(kind && { kind }) },
        AbortSignal.any([cancellationSignal, AbortSignal.timeout(leftMs)]),
      );
    }
  } finally {
    clearInterval(beat);
    if (mayListen) listening--;
  }
}

/** As `followRun` does of a workflow: the newest run of an activity's id, which the letter did not start. */
export async function followActivity(client: Client, { workflowId, exceptRunId }: FollowRun): Promise<FollowedRun> {
  const latest = await orGone(async () => await readActivity(client, [], activityIdOf(workflowId)));
  if (latest === undefined) return { runId: "", excepted: false, outcome: "gone" };
  const { runId, status } = latest;
  if (runId === exceptRunId) return { runId, excepted: true, outcome: status === "running" ? "failed" : status };
  return await followOwnRun(client, { workflowId, kind: "activity" }, runId);
}

async function orGone<Answer>(ask: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

type Ended = { readonly outcome: FollowedRun["outcome"]; readonly next?: string };

/** Undefined: it goes on. */
async function workflowEnd(client: Client, workflowId: string, runId: string): Promise<Ended | undefined> {
  // No more of its end than whether, and how.
  const read = await orGone(async () => ({ end: await readRunEnd(client, [], { workflowId, runId }) }));
  if (read === undefined) return { outcome: "gone" };
  if (read.end === undefined) return undefined;
  const { status, nextRunId } = read.end;
  // A cron schedule begins its next run whatever became of this one.
  const next = nextRunId === undefined || status === "completed" ? {} : { next: nextRunId };
  return { outcome: status === "continued" ? "gone" : status, ...next };
}

/** The latest run of a chain of which Temporal has forgotten the beginning: one that goes on for longer than history is kept. */
async function latestOfChain(client: Client, workflowId: string, firstRunId: string): Promise<string | undefined> {
  const { namespace } = client.options;
  const described = await orGone(
    async () => await client.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId } }),
  );
  const { firstRunId: first, execution } = described?.workflowExecutionInfo ?? {};
  return first === firstRunId ? (execution?.runId ?? undefined) : undefined;
}

async function activityEnd(client: Client, workflowId: string, runId: string): Promise<Ended | undefined> {
  const read = await orGone(async () => await readActivity(client, [], activityIdOf(workflowId), runId));
  if (read === undefined) return { outcome: "gone" };
  return read.status === "running" ? undefined : { outcome: read.status };
}

/** Returns when it has ended, or the time is over, or the office stops; then no poll goes on behind its back. */
async function listen(
  client: Client,
  { workflowId, runId, kind }: Pick<FollowRun, "workflowId" | "kind"> & { readonly runId: string },
  enough: AbortSignal,
): Promise<void> {
  const { namespace } = client.options;
  try {
    await client.withAbortSignal(enough, async () =>
      kind === "activity"
        ? await client.workflowService.pollActivityExecution({ namespace, activityId: activityIdOf(workflowId), runId })
        : await client.workflowService.getWorkflowExecutionHistory({
            ...{ namespace, execution: { workflowId, runId }, waitNewEvent: true },
            historyEventFilterType: HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
          }),
    );
  } catch {
    // Whatever it was: whether it goes on is asked next.
    if (!enough.aborted) await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const { HistoryEventFilterType } = proto.temporal.api.enums.v1;
