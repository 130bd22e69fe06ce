import { defaultPayloadConverter } from "@temporalio/common";
import { officeWorkflowId } from "../model/ids.ts";
import { hasDiedThere } from "../schema/policy-of-last-letter.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { isGone } from "./read-run-end.ts";
import { type VisibleRun, visibleRuns } from "./visible-runs.ts";

/** Whether a run, of which no worker says whose it is, may be for another office of the namespace: it has never died here where it ran. */
export async function mayBeAnothers(
  { db, client }: Pick<OfficeNeeds, "db" | "client">,
  { type, taskQueue }: VisibleRun,
): Promise<boolean> {
  const { runs } = await visibleRuns(client, "WorkflowType = 'office' AND ExecutionStatus = 'Running'", { size: 2 });
  return runs.length > 1 && !(await hasDiedThere(db, client.options.namespace, { job: type, taskQueue }));
}

/** Whether another office has this one's database, and so will find there what this one has recorded. */
export async function sharesDatabase(
  { client, taskQueue }: Pick<OfficeNeeds, "client" | "taskQueue">,
  office: string,
): Promise<boolean> {
  const [own, other] = await Promise.all([taskQueue, office].map(async (name) => await databaseOf({ client }, name)));
  return own !== undefined && own === other;
}

/** As its resting workflow says, which is never encrypted. */
async function databaseOf({ client }: Pick<OfficeNeeds, "client">, office: string): Promise<unknown> {
  try {
    const { workflowExecutionInfo } = await client.workflowService.describeWorkflowExecution({
      namespace: client.options.namespace,
      execution: { workflowId: officeWorkflowId(office) },
    });
    const told = workflowExecutionInfo?.memo?.fields?.["databaseId"];
    return told ? defaultPayloadConverter.fromPayload(told) : undefined;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
