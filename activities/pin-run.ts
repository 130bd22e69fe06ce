import { setTimeout } from "node:timers/promises";
import { type Client, isGrpcServiceError, type WorkflowHandle, WorkflowNotFoundError } from "@temporalio/client";
import proto from "@temporalio/proto";
import type { PinRun } from "../model/letter-activities.ts";
import { errorCodeOf } from "../model/office-error.ts";
import { goSignalName } from "../model/run-memo.ts";
import { checkBuild } from "./check-build.ts";

/**
 * Puts a run onto its build, then lets it begin: Temporal's command that starts a child takes no build, so the run waits before
 * its first activity.
 *
 * @returns why that cannot be, if it cannot: the run was ended. A run that has ended by itself needs nothing
 */
export async function pinRun(client: Client, ask: PinRun): Promise<string | null> {
  const { workflowId, runId, build } = ask;
  const run = client.workflow.getHandle(workflowId, runId);
  await unlessEnded(async () => pastFirstTask(run));
  try {
    await client.workflowService.updateWorkflowExecutionOptions({
      namespace: client.options.namespace,
      workflowExecution: { workflowId, runId },
      workflowExecutionOptions: { versioningOverride: { pinned: { behavior: pinned, version: build } } },
      updateMask: { paths: ["versioning_override"] },
    });
  } catch (error) {
    if (!isGrpcServiceError(error)) throw error;
    if (error.code === notFound) return null;
    if (!refusals.includes(error.code)) throw error;
    // What has just been deployed is known to one part of Temporal before another: only where both refuse it, it is refused.
    const why = error.code === failedPrecondition ? await refusalOf(client, ask) : error.details;
    if (why === undefined) throw error;
    await unlessEnded(async () => run.terminate(why));
    return why;
  }
  await unlessEnded(async () => run.signal(goSignalName));
  return null;
}

/**
 * A worker that is at a task gets the next one, too, pinned or not, and has to give it back: a task failed, or ten seconds. So it
 * is waited for, for half a second at most.
 */
async function pastFirstTask(run: WorkflowHandle): Promise<void> {
  for (let looks = 0; looks < 10; looks++) {
    const { raw } = await run.describe();
    if (raw.pendingWorkflowTask?.state !== started) return;
    await setTimeout(50);
  }
}

const started = proto.temporal.api.enums.v1.PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED;

const pinned = proto.temporal.api.workflow.v1.VersioningOverride.PinnedOverrideBehavior.PINNED_OVERRIDE_BEHAVIOR_PINNED;

const [notFound, failedPrecondition] = [5, 9];

/** FAILED_PRECONDITION, INVALID_ARGUMENT, UNIMPLEMENTED, PERMISSION_DENIED. */
const refusals: readonly number[] = [failedPrecondition, 3, 12, 7];

async function refusalOf(client: Client, ask: PinRun): Promise<string | undefined> {
  try {
    await checkBuild(client, ask);
    return undefined;
  } catch (error) {
    if (errorCodeOf(error) !== "BUILD_UNKNOWN") throw error;
    return (error as Error).message;
  }
}

async function unlessEnded(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
