import { setTimeout as pause } from "node:timers/promises";
import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from "@temporalio/client";
import { officeActor } from "../model/event.ts";
import { redriveType, redriveWorkflowId } from "../model/ids.ts";
import type { FoundItem } from "../model/reconcile.ts";
import { redriveStart } from "../model/redrive-start.ts";
import { skipUntried } from "../schema/drive-items.ts";
import { turnRedrive, unfinishedRedrives, type UnfinishedRedrive } from "../schema/redrive-rows.ts";
import { mendEach } from "./mend-each.ts";
import { type Reconciling, secondLookMs, type StepEnd } from "./reconciling.ts";

const skippedAtOnce = 5_000;

/**
 * Looks at redrives that have not ended, for those whose workflow is gone: nobody would drive them, and their letters could be in no
 * other. Each is begun again, paused: whoever terminated it did not want it to go on.
 */
export async function reconcileRedrives(step: Reconciling): Promise<StepEnd> {
  const { needs, beat } = step;
  const { client, db } = needs;
  const undriven = async () => {
    const found: (UnfinishedRedrive & { readonly as: "gone" | "completed" })[] = [];
    for (const redrive of await unfinishedRedrives(db, client.options.namespace)) {
      beat();
      const as = await lookAt(client, redrive.id);
      if (as !== "running") found.push({ ...redrive, as });
    }
    return found;
  };
  if ((await undriven()).length === 0) return { items: [] };
  // One that ends in this very moment.
  await pause(secondLookMs);
  const suspected = ({ id }: UnfinishedRedrive) => ({
    finding: "no_workflow" as const,
    workflowId: redriveWorkflowId(id),
  });
  return {
    items: await mendEach(step, await undriven(), suspected, async ({ as, ...redrive }) => {
      const item = suspected(redrive);
      return as === "gone" ? await beginAgain(step, redrive, item) : await endIt(step, redrive, item);
    }),
  };
}

async function lookAt(client: Client, id: string): Promise<"running" | "completed" | "gone"> {
  try {
    const { status } = await client.workflow.getHandle(redriveWorkflowId(id)).describe();
    if (status.name === "COMPLETED") return "completed";
    return status.name === "RUNNING" ? "running" : "gone";
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return "gone";
    throw error;
  }
}

async function beginAgain(
  { needs: { db, client, taskQueue, searchAttributes }, asked }: Reconciling,
  { id, spec }: UnfinishedRedrive,
  item: Pick<FoundItem, "finding" | "workflowId">,
): Promise<FoundItem> {
  const said = "the workflow of this redrive is gone: it is begun again, paused, and goes on when it is resumed";
  if (asked.dryRun) return { ...item, mended: false, said };
  const reason = "its workflow was gone";
  await turnRedrive(db, id, {
    ...{ from: ["preparing", "running"], to: "paused", event: "redrive_paused", by: officeActor, reason },
  });
  const { namespace } = client.options;
  try {
    await client.workflow.start(
      redriveType,
      redriveStart(redriveType, spec, { namespace, taskQueue, searchAttributes }),
    );
  } catch (error) {
    // Another reconcile was faster.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  return { ...item, mended: true, said };
}

/** Its row is older than its end: it was restored from a backup. What it did is its letters' to tell. */
async function endIt(
  { needs: { db }, asked, beat }: Reconciling,
  { id }: UnfinishedRedrive,
  item: Pick<FoundItem, "finding" | "workflowId">,
): Promise<FoundItem> {
  const said = "this redrive has ended, and its row is of before: it is closed, and its letters are free for others";
  if (asked.dryRun) return { ...item, mended: false, said };
  const reason = "it had ended, as Temporal knows";
  await turnRedrive(db, id, {
    ...{ from: ["preparing", "running", "paused", "stopped"], to: "cancelled", event: "redrive_cancelled" },
    ...{ by: officeActor, reason },
  });
  while ((await skipUntried(db, id, skippedAtOnce)) > 0) beat();
  return { ...item, mended: true, said };
}
