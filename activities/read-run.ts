import { strict as assert } from "node:assert";
import type { Client } from "@temporalio/client";
import { runMemoKey } from "../model/run-memo.ts";
import type { Payload } from "./stored-payloads.ts";

/** What the first event of a run says: encoded, as history has it. */
export type StartedRun = {
  readonly workflowType: string;
  readonly taskQueue: string;
  readonly input: readonly Payload[];
  readonly memo: Payload | undefined;
  readonly startedAt: Date;
  /** Identity of whoever started it. */
  readonly startedBy: string | undefined;
};

/** Reads the first event of a run: one call, which no payload limit can stop, and the bytes are the true ones. */
export async function readRun(client: Client, workflowId: string, runId: string): Promise<StartedRun> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const event = history?.events?.[0];
  const started = event?.workflowExecutionStartedEventAttributes;
  assert(event?.eventTime && started?.workflowType?.name && started.taskQueue?.name, `run ${runId} has no first event`);
  return {
    workflowType: started.workflowType.name,
    taskQueue: started.taskQueue.name,
    input: started.input?.payloads ?? [],
    memo: started.memo?.fields?.[runMemoKey] ?? undefined,
    startedAt: new Date(Number(event.eventTime.seconds) * 1000 + Math.floor((event.eventTime.nanos ?? 0) / 1e6)),
    startedBy: started.identity || undefined,
  };
}
