import type { Client } from "@temporalio/client";
import type proto from "@temporalio/proto";

export type SucceededRun = { readonly workflowId: string; readonly runId: string; readonly closedAt: Date | null };

/** The newest runs of a job that succeeded, as far as Temporal remembers them. Visibility may be some seconds late. */
export async function succeededRuns(client: Client, workflowType: string, runs: number): Promise<SucceededRun[]> {
  const found: SucceededRun[] = [];
  const query = `WorkflowType = '${workflowType.replaceAll("'", "''")}' AND ExecutionStatus = 'Completed'`;
  for await (const { workflowId, runId, closeTime } of client.workflow.list({ query, pageSize: runs })) {
    found.push({ workflowId, runId, closedAt: closeTime ?? null });
    if (found.length >= runs) break;
  }
  return found;
}

/** What a run was started with, encoded: from its first event alone, however long its history is. */
export async function inputOfRun(
  client: Client,
  { workflowId, runId }: Pick<SucceededRun, "workflowId" | "runId">,
): Promise<readonly proto.temporal.api.common.v1.IPayload[]> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  return history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
}
