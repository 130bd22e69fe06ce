import type { Client } from "@temporalio/client";
import { deliveryType } from "../model/event-delivery.ts";
import { type Check, fine, hint, messageOf, wrong } from "./check.ts";

/** How many deliveries under way are looked at: each costs a request. */
const mostLookedAt = 20;
const recentMs = 86_400_000;

/** Were this office's hooks told of the events that they are for? */
export async function checkHooks(client: Client, office: string): Promise<Check> {
  const what = "hooks";
  const ours = `WorkflowType = '${deliveryType}' AND TaskQueue = '${office.replaceAll("'", "''")}'`;
  try {
    const failing = await failingDelivery(client, `${ours} AND ExecutionStatus = 'Running'`);
    if (failing !== undefined)
      return wrong(what, `${failing.workflowId} is tried again and again: ${failing.why}`, "Mend what it says");
    const since = new Date(Date.now() - recentMs).toISOString();
    const failed = `${ours} AND ExecutionStatus = 'Failed' AND CloseTime > '${since}'`;
    const { count } = await client.workflow.count(failed);
    if (count === 0) return fine(what, "none has failed in the last day");
    const lost = await lastFailed(client, failed);
    return wrong(
      what,
      `${count} ${count === 1 ? "delivery has" : "deliveries have"} failed in the last day, such as ${lost?.workflowId}: ${lost?.why}`,
      `Correct the hook in the office's configuration. To deliver one once more: temporal workflow reset --workflow-id ${lost?.workflowId} --type FirstWorkflowTask --reason "hook corrected"`,
    );
  } catch (error) {
    return hint(what, `deliveries cannot be listed: ${messageOf(error)}`, "Ask for the right to list workflows");
  }
}

type Delivery = { readonly workflowId: string; readonly why: string };

async function failingDelivery(client: Client, query: string): Promise<Delivery | undefined> {
  let lookedAt = 0;
  for await (const { workflowId, runId } of client.workflow.list({ query, pageSize: mostLookedAt })) {
    const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
    const why = raw.pendingActivities?.map(({ lastFailure }) => lastFailure?.message).find(Boolean);
    if (why) return { workflowId, why };
    if (++lookedAt === mostLookedAt) break;
  }
  return undefined;
}

async function lastFailed(client: Client, query: string): Promise<Delivery | undefined> {
  for await (const { workflowId, runId } of client.workflow.list({ query, pageSize: 1 })) {
    const error = await client.workflow
      .getHandle(workflowId, runId)
      .result()
      .then(
        () => undefined,
        (failure: unknown) => failure,
      );
    return { workflowId, why: rootOf(error) };
  }
  return undefined;
}

/** What the hook said, below what Temporal says of the activity. */
function rootOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? rootOf(cause) : messageOf(error);
}
