import type { Client } from "@temporalio/client";

/** Between a letter's last word to its row and its end, outages included. */
const lastEvents = 30;

/** When a letter may have closed its row, by its own clock: that is when its last tasks began. In milliseconds. */
export async function closingTimes(
  client: Client,
  run: { readonly workflowId: string; readonly runId: string },
): Promise<number[]> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId: run.workflowId, runId: run.runId },
    maximumPageSize: lastEvents,
  });
  return (history?.events ?? [])
    .filter((event) => event.workflowTaskStartedEventAttributes)
    .map(({ eventTime }) => Number(eventTime?.seconds ?? 0) * 1000 + Math.floor((eventTime?.nanos ?? 0) / 1e6));
}
