import { type Client, isGrpcServiceError } from "@temporalio/client";
import proto from "@temporalio/proto";
import { type Adoption, type AdoptWhat, closedWithin } from "../model/adopt.ts";
import { activityJobId } from "../model/ids.ts";
import { runMemoKey } from "../model/run-memo.ts";
import { searchAttributes } from "../model/search-attributes.ts";
import type { DeadStatus } from "./foreign-death.ts";
import { dateOf } from "./foreign-run.ts";

type Info = proto.temporal.api.workflow.v1.IWorkflowExecutionInfo;

/** A row of Visibility: a run that failed, timed out or was terminated. */
export type FoundRun = {
  /** As its letter is called by it. */
  readonly jobId: string;
  readonly runId: string;
  readonly type: string;
  readonly taskQueue: string;
  readonly status: DeadStatus;
  readonly closedAtMs: number;
  readonly parentId?: string;
  /** Something on it says that it is a job of ours. */
  readonly isMarked: boolean;
  /** Of a workflow. */
  readonly info?: Info;
};

/** Asks Visibility for what closed within a span of time. */
export type Visibility = {
  count(fromMs: number, untilMs: number): Promise<number>;
  list(fromMs: number, untilMs: number): AsyncIterable<readonly FoundRun[]>;
};

/** Rows that are asked for at once. */
export const pageRows = 200;

export function visibilityOf(client: Client, { query, what }: Pick<Adoption, "query" | "what">): Visibility {
  const { workflowService, options } = client;
  const { namespace } = options;
  return {
    async count(fromMs, untilMs) {
      const ask = { namespace, query: closedWithin(query, fromMs, untilMs) };
      return Number(
        (what === "workflows"
          ? await workflowService.countWorkflowExecutions(ask)
          : await workflowService.countActivityExecutions(ask)
        ).count ?? 0,
      );
    },
    async *list(fromMs, untilMs) {
      let nextPageToken: Uint8Array | undefined;
      do {
        const ask = {
          ...{ namespace, query: closedWithin(query, fromMs, untilMs), pageSize: pageRows },
          ...(nextPageToken === undefined ? {} : { nextPageToken }),
        };
        if (what === "workflows") {
          const page = await workflowService.listWorkflowExecutions(ask);
          yield page.executions.flatMap(workflowRow);
          ({ nextPageToken } = page);
        } else {
          const page = await workflowService.listActivityExecutions(ask);
          yield page.executions.flatMap(activityRow);
          ({ nextPageToken } = page);
        }
      } while (nextPageToken !== undefined && nextPageToken !== null && nextPageToken.length > 0);
    },
  };
}

/** Whether a server has such a thing at all: older ones have no standalone activities. */
export async function isSupported(client: Client, what: AdoptWhat): Promise<boolean> {
  if (what === "workflows") return true;
  try {
    const query = "ExecutionStatus = 'Failed'";
    await client.workflowService.countActivityExecutions({ namespace: client.options.namespace, query });
    return true;
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === unimplemented) return false;
    throw error;
  }
}

/** gRPC's number. */
const unimplemented = 12;

function workflowRow(info: Info): FoundRun[] {
  const { execution, type, status, taskQueue, closeTime, parentExecution, memo } = info;
  const dead = workflowStatuses.get(status ?? 0);
  if (!execution?.workflowId || !execution.runId || !type?.name || dead === undefined) return [];
  return [
    {
      ...{ jobId: execution.workflowId, runId: execution.runId, type: type.name, taskQueue: taskQueue ?? "" },
      ...{ status: dead, closedAtMs: dateOf(closeTime)?.getTime() ?? 0, info },
      ...(parentExecution?.workflowId ? { parentId: parentExecution.workflowId } : {}),
      isMarked:
        memo?.fields?.[runMemoKey] !== undefined ||
        info.searchAttributes?.indexedFields?.[searchAttributes.job] !== undefined,
    },
  ];
}

function activityRow(info: proto.temporal.api.activity.v1.IActivityExecutionListInfo): FoundRun[] {
  const { activityId, runId, activityType, status, taskQueue, closeTime } = info;
  const dead = activityStatuses.get(status ?? 0);
  if (!activityId || !runId || !activityType?.name || dead === undefined) return [];
  return [
    {
      ...{ jobId: activityJobId(activityId), runId, type: activityType.name, taskQueue: taskQueue ?? "" },
      ...{ status: dead, closedAtMs: dateOf(closeTime)?.getTime() ?? 0, isMarked: false },
    },
  ];
}

const { WorkflowExecutionStatus, ActivityExecutionStatus } = proto.temporal.api.enums.v1;

const workflowStatuses = new Map<number, DeadStatus>([
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED, "failed"],
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, "timed_out"],
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED, "terminated"],
]);

const activityStatuses = new Map<number, DeadStatus>([
  [ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_FAILED, "failed"],
  [ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_TIMED_OUT, "timed_out"],
  [ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_TERMINATED, "terminated"],
]);
