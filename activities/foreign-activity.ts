import type { Client } from "@temporalio/client";
import proto from "@temporalio/proto";
import type { Codec } from "../model/config.ts";
import type { Death } from "../model/death.ts";
import type { Reason } from "../model/reason.ts";
import { activityLedger, deathOfEnd, type DeadStatus } from "./foreign-death.ts";
import { dateOf, type ForeignRun } from "./foreign-run.ts";
import { keepActivityStart } from "./kept-start.ts";
import { readFailure } from "./read-failure.ts";

type Description = proto.temporal.api.workflowservice.v1.IDescribeActivityExecutionResponse;

/** A run of an activity that was started by itself, and how it stands. */
export type ForeignActivity = {
  readonly run: ForeignRun;
  readonly runId: string;
  readonly status: "running" | "completed" | "cancelled" | DeadStatus;
  /** Absent where it did not die. */
  readonly death?: Death;
};

/**
 * Reads a standalone activity: its start and its end are in one answer.
 *
 * @param runId absent: the latest run of its id
 * @throws a gRPC error `NOT_FOUND` where it is gone: `isGone`
 */
export async function readActivity(
  client: Client,
  codecs: readonly Codec[],
  activityId: string,
  runId?: string,
): Promise<ForeignActivity> {
  const described = await client.workflowService.describeActivityExecution({
    namespace: client.options.namespace,
    activityId,
    ...(runId === undefined ? {} : { runId }),
    ...{ includeInput: true, includeOutcome: true, includeLastFailure: true },
  });
  const run = runOf(described);
  const status = statuses.get(described.info?.status ?? 0) ?? "running";
  const found = { run, runId: described.info?.runId ?? runId ?? "", status };
  if (status !== "failed" && status !== "timed_out" && status !== "terminated") return found;
  return { ...found, death: await deathOf(client, codecs, described, status) };
}

function runOf({ info, input }: Description): ForeignRun {
  const { activityType, taskQueue, retryPolicy, searchAttributes, header, userMetadata, priority } = info ?? {};
  const { scheduleToCloseTimeout, scheduleToStartTimeout, startToCloseTimeout, heartbeatTimeout } = info ?? {};
  return {
    kind: "activity",
    type: activityType?.name ?? "",
    taskQueue: taskQueue ?? "",
    input: input?.payloads ?? [],
    kept: keepActivityStart({
      ...{ activityType, taskQueue: { name: taskQueue ?? "" }, retryPolicy, searchAttributes, header },
      ...{ scheduleToCloseTimeout, scheduleToStartTimeout, startToCloseTimeout, heartbeatTimeout },
      ...{ userMetadata, priority },
    }),
    memo: {},
    searchAttributes: searchAttributes?.indexedFields ?? {},
    attempt: 1,
    startedAt: dateOf(info?.scheduleTime),
  };
}

async function deathOf(
  client: Client,
  codecs: readonly Codec[],
  { info, outcome }: Description,
  status: DeadStatus,
): Promise<Death> {
  const failure = outcome?.failure ?? info?.lastFailure;
  const error = await readFailure(client, codecs, failure);
  const closedAtMs = dateOf(info?.closeTime)?.getTime() ?? Date.now();
  const startedAtMs = dateOf(info?.lastStartedTime)?.getTime();
  const death = deathOfEnd({ status, closedAtMs, error }, {});
  return {
    ...death,
    reason: reasonOf(status, outcome?.retryState),
    ledger: activityLedger(
      {
        attempts: info?.attempt || 1,
        endedAtMs: closedAtMs,
        ...(startedAtMs === undefined ? {} : { startedAtMs }),
        ...(info?.lastWorkerIdentity ? { worker: info.lastWorkerIdentity } : {}),
      },
      error,
    ),
  };
}

const { ActivityExecutionStatus, RetryState } = proto.temporal.api.enums.v1;

const statuses = new Map<number, ForeignActivity["status"]>([
  [ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_COMPLETED, "completed"],
  [ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_FAILED, "failed"],
  [ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_CANCELED, "cancelled"],
  [ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_TERMINATED, "terminated"],
  [ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_TIMED_OUT, "timed_out"],
]);

function reasonOf(status: DeadStatus, retryState: number | null | undefined): Reason {
  if (status !== "failed") return status === "terminated" ? "lost" : "timed_out";
  switch (retryState) {
    case RetryState.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED:
    case RetryState.RETRY_STATE_RETRY_POLICY_NOT_SET:
      return "exhausted";
    case RetryState.RETRY_STATE_TIMEOUT:
      return "timed_out";
    case RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE:
      return "non_retryable";
    default:
      return "failed";
  }
}
