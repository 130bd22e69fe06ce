import { isGrpcServiceError } from "@temporalio/client";
import { ApplicationFailure } from "@temporalio/activity";
import proto from "@temporalio/proto";
import { activityIdOf } from "../model/ids.ts";
import type { ResetTo, StartAgain, StartedAgain } from "../model/letter-activities.ts";
import { isOpen } from "../model/status.ts";
import { beginRetry, type RetryMaterial } from "../schema/begin-retry.ts";
import { argumentsOf } from "./arguments-of.ts";
import { keptActivityStart, keptWorkflowStart } from "./kept-start.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { isGone, readRunEnd } from "./read-run-end.ts";
import { storedAmendment } from "./run-input.ts";
import { payloadsOf } from "./stored-payloads.ts";
import { translated } from "./translated.ts";

/**
 * Records that a retry of a workflow or activity of other make was asked for, and starts it as it was started: with history's own
 * bytes, which nothing reads on the way. The id is the lock, and the letter's revision the request id: a repeat finds its own run.
 */
export async function startAgain(needs: OfficeNeeds, ask: StartAgain): Promise<StartedAgain> {
  const { letterId, revision, event, amendment, fromFailure } = ask;
  // Before anything is written: what is refused here changes nothing.
  const place = fromFailure === true ? await resetPlace(needs, ask) : undefined;
  const amended = await storedAmendment(amendment, needs, await argumentsOf(needs, letterId, amendment));
  const begun = await translated(async () =>
    beginRetry(needs.db, {
      ...{ letterId, revision, event, ...amended.stored },
      ...(place !== undefined && { needsNoInput: true as const }),
    }),
  );
  refuseUnusable(letterId, begun);
  if (place !== undefined) return "to" in place ? await reset(needs, ask, place) : place;
  const data = amended.encoded ?? begun.payloadData;
  if (data === null)
    throw ApplicationFailure.nonRetryable(
      `Dead letter ${letterId} was stored without its payload: its retry needs an input`,
      "PAYLOAD_OMITTED",
    );
  return await orHeld(
    async () =>
      await (ask.kind === "workflow" ? startWorkflow(needs, ask, begun, data) : startActivity(needs, ask, begun, data)),
  );
}

function refuseUnusable(letterId: string, begun: RetryMaterial | undefined): asserts begun is RetryMaterial {
  if (begun === undefined)
    throw ApplicationFailure.nonRetryable(`Dead letter ${letterId} has no row in this database`, "LETTER_NOT_FOUND");
  if (!isOpen(begun.status))
    throw ApplicationFailure.nonRetryable(
      `Dead letter ${letterId} is closed (${begun.status}) and takes no more commands`,
      "LETTER_CLOSED",
    );
}

async function startWorkflow(
  { client }: OfficeNeeds,
  ask: StartAgain,
  { memoData, workflowType, taskQueue }: RetryMaterial,
  data: Uint8Array,
): Promise<StartedAgain> {
  const { namespace, identity } = client.options;
  const kept = keptWorkflowStart(memoData) ?? { workflowType: { name: workflowType } };
  const { runId } = await client.workflowService.startWorkflowExecution({
    ...kept,
    ...{ namespace, identity, requestId: requestIdOf(ask), workflowId: ask.workflowId },
    taskQueue: { name: ask.taskQueue ?? kept.taskQueue?.name ?? taskQueue },
    input: { payloads: payloadsOf(data) },
    workflowIdReusePolicy: WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
  });
  return { as: "started", runId: runId ?? "" };
}

async function startActivity(
  { client }: OfficeNeeds,
  ask: StartAgain,
  { memoData, workflowType, taskQueue }: RetryMaterial,
  data: Uint8Array,
): Promise<StartedAgain> {
  const { namespace, identity } = client.options;
  const kept = keptActivityStart(memoData) ?? {
    ...{ activityType: { name: workflowType }, startToCloseTimeout: { seconds: 300 as never } },
  };
  const { runId } = await client.workflowService.startActivityExecution({
    ...kept,
    ...{ namespace, identity, requestId: requestIdOf(ask), activityId: activityIdOf(ask.workflowId) },
    taskQueue: { name: ask.taskQueue ?? kept.taskQueue?.name ?? taskQueue },
    input: { payloads: payloadsOf(data) },
    idReusePolicy: ActivityIdReusePolicy.ACTIVITY_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
    idConflictPolicy: ActivityIdConflictPolicy.ACTIVITY_ID_CONFLICT_POLICY_FAIL,
  });
  return { as: "started", runId: runId ?? "" };
}

type Place = { readonly runId: string; readonly to: ResetTo } | Extract<StartedAgain, { as: "started" | "held" }>;

/**
 * Where the run would be reset to. Looked up just before, since a reset knows no lock: of an older run it would terminate the newer
 * one, and one that completed would be done again.
 */
async function resetPlace({ client, codecs }: OfficeNeeds, ask: StartAgain): Promise<Place> {
  const { workflowId, diedRunId: runId, retryRunId } = ask;
  const { workflowService, options } = client;
  const describe = async (execution: { workflowId: string; runId?: string }) =>
    await workflowService.describeWorkflowExecution({ namespace: options.namespace, execution });
  try {
    const { workflowExecutionInfo: latest } = await describe({ workflowId });
    const latestRunId = latest?.execution?.runId ?? "";
    const resetOf = async (of: string) =>
      (await describe({ workflowId, runId: of })).workflowExtendedInfo?.resetRunId || undefined;
    // Resets of it, one of the other: an earlier retry that was cancelled has left no death.
    let tip = runId;
    for (let next: string | undefined = tip; tip !== latestRunId && next !== undefined; next = await resetOf(tip))
      tip = next;
    // Its own reset, of a try that a crash interrupted; or one by hand, which is what was asked for, too.
    if (tip !== runId && tip === latestRunId && tip !== retryRunId) return { as: "started", runId: tip };
    if (!latest?.closeTime || latest.status === WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED)
      return { as: "held" };
    if (latestRunId !== tip)
      throw refused(
        `run ${runId} is not the latest one of ${workflowId}: ${latestRunId} is, and a reset of the older one would end it. Adopt that one first (dlo adopt), or retry from the start`,
      );
    const end = await readRunEnd(client, codecs, { workflowId, runId });
    if (end?.resetPoint === undefined)
      throw refused(
        `run ${runId} of ${workflowId} has done nothing yet that it could go back to. Retry from the start`,
      );
    return { runId: tip, to: end.resetPoint };
  } catch (error) {
    if (!isGone(error)) throw error;
    throw refused(`the history of run ${runId} of ${workflowId} is gone. Retry from the start: that needs no history`);
  }
}

async function reset(
  { client }: OfficeNeeds,
  ask: StartAgain,
  { runId, to }: Extract<Place, { to: ResetTo }>,
): Promise<StartedAgain> {
  const { namespace, identity } = client.options;
  const { by, reason } = ask.event;
  return await orHeld(async () => {
    const begun = await client.workflowService.resetWorkflowExecution({
      ...{ namespace, identity, requestId: requestIdOf(ask) },
      workflowExecution: { workflowId: ask.workflowId, runId },
      reason: [`Dead letter ${ask.letterId}, ${to.before}`, by, reason].filter(Boolean).join(", ").slice(0, 1000),
      workflowTaskFinishEventId: to.eventId as never,
    });
    return { as: "started", runId: begun.runId ?? "", resetTo: to };
  });
}

/** What is written by then stays: these are answers, not failures. */
async function orHeld(begin: () => Promise<StartedAgain>): Promise<StartedAgain> {
  try {
    return await begin();
  } catch (error) {
    if (!isGrpcServiceError(error)) throw error;
    if (error.code === alreadyExists) return { as: "held" };
    if (!refusals.includes(error.code)) throw error;
    return { as: "refused", why: `Temporal does not take it: ${error.details}` };
  }
}

const alreadyExists = 6;
/** INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION, UNIMPLEMENTED. */
const refusals: readonly number[] = [3, 5, 7, 9, 12];

function requestIdOf({ letterId, revision }: StartAgain): string {
  return `${letterId}/${revision}`;
}

function refused(why: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(`It cannot be reset: ${why}`, "RETRY_REFUSED");
}

const {
  WorkflowIdReusePolicy,
  WorkflowIdConflictPolicy,
  ActivityIdReusePolicy,
  ActivityIdConflictPolicy,
  WorkflowExecutionStatus,
} = proto.temporal.api.enums.v1;
