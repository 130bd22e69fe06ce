import type { Client } from "@temporalio/client";
import type proto from "@temporalio/proto";

type Time = proto.google.protobuf.ITimestamp | null | undefined;

/** A run as Temporal's Visibility lists it. */
export type VisibleRun = {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly taskQueue: string;
  readonly status: RunStatus;
  readonly startedAtMs: number;
  /** Absent: it runs. */
  readonly closedAtMs?: number;
  readonly parentId?: string;
  /** Its `DloKey`. */
  readonly key?: string;
};

export type RunStatus = "running" | "completed" | "failed" | "terminated" | "timed_out" | "other";

export type VisiblePage = { readonly runs: readonly VisibleRun[]; readonly next?: Uint8Array };

/** A page of the runs that fit a query. Temporal lists in no order that can be asked for, and a run twice where it changes meanwhile. */
export async function visibleRuns(
  client: Client,
  query: string,
  page: { readonly size: number; readonly token?: Uint8Array },
): Promise<VisiblePage> {
  const { executions, nextPageToken } = await client.workflowService.listWorkflowExecutions({
    namespace: client.options.namespace,
    query,
    pageSize: page.size,
    ...(page.token === undefined ? {} : { nextPageToken: page.token }),
  });
  return {
    runs: executions.map(asRun),
    ...(nextPageToken?.length ? { next: nextPageToken } : {}),
  };
}

export async function countRuns(client: Client, query: string): Promise<number> {
  const { count } = await client.workflowService.countWorkflowExecutions({
    namespace: client.options.namespace,
    query,
  });
  return Number(count);
}

/** The first run of each workflow id, then the second of each, and so on. */
export function nthOfEach(runs: readonly VisibleRun[]): VisibleRun[][] {
  const seen = new Map<string, number>();
  const rounds: VisibleRun[][] = [];
  for (const run of runs) {
    const nth = seen.get(run.workflowId) ?? 0;
    seen.set(run.workflowId, nth + 1);
    (rounds[nth] ??= []).push(run);
  }
  return rounds;
}

/** A list of words as Visibility's `IN` takes it. */
export function listed(values: readonly string[]): string {
  return `(${values.map(quoted).join(", ")})`;
}

/** A text in a query. */
export function quoted(value: string): string {
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** A moment in a query. */
export function at(ms: number): string {
  return quoted(new Date(ms).toISOString());
}

function asRun(info: proto.temporal.api.workflow.v1.IWorkflowExecutionInfo): VisibleRun {
  const key = info.searchAttributes?.indexedFields?.["DloKey"]?.data;
  const parentId = info.parentExecution?.workflowId;
  const closedAtMs = info.closeTime ? millis(info.closeTime) : undefined;
  return {
    workflowId: info.execution?.workflowId ?? "",
    runId: info.execution?.runId ?? "",
    type: info.type?.name ?? "",
    taskQueue: info.taskQueue ?? "",
    status: statuses[info.status ?? 0] ?? "other",
    startedAtMs: millis(info.startTime),
    ...(closedAtMs === undefined ? {} : { closedAtMs }),
    ...(parentId ? { parentId } : {}),
    ...(key ? { key: keyOf(key) } : {}),
  };
}

/** A keyword is JSON; of a list the first. */
function keyOf(data: Uint8Array): string {
  const value: unknown = JSON.parse(Buffer.from(data).toString());
  return String(Array.isArray(value) ? value[0] : value);
}

/** By the API's own numbers (`temporal.api.enums.v1.WorkflowExecutionStatus`). */
const statuses: Readonly<Record<number, RunStatus>> = {
  1: "running",
  2: "completed",
  3: "failed",
  5: "terminated",
  7: "timed_out",
};

function millis(time: Time): number {
  return Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6);
}
