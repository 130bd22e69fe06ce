import { type Client, WorkflowExecutionAlreadyStartedError } from "@temporalio/client";
import { deliveryType, deliveryWorkflowId, type EventDelivery } from "../model/event-delivery.ts";
import { hookedTypes, type Hooks, hooksOf } from "../model/hooks.ts";
import type { Db } from "../schema/database.ts";
import { forgetCursors } from "../schema/forget-cursors.ts";
import type { OfficeEvent } from "../schema/read-events.ts";
import type { Follower } from "./follow-events.ts";
import { summaryLine } from "../model/summary-line.ts";

export type HookSource = { readonly client: Client; readonly office: string; readonly hooks: Hooks };

/** The beginning of the names of an office's hooks in `dlo.cursors`. Of the office "pay" it also begins those of "pay/eu". */
function prefixOf({ client, office }: Pick<HookSource, "client" | "office">): string {
  return `hooks/${client.options.namespace}/${office}/`;
}

/** Forgets the places of the office's hooks that are no longer there. */
export async function forgetHooks(db: Db, source: HookSource): Promise<void> {
  const kept = hookFollowers(source).map(({ name }) => name);
  await forgetCursors(db, prefixOf(source), kept);
}

/**
 * Follows the events that hooks are to be told of, and starts a delivery for each. The place of each type of event is kept by
 * itself, so that a hook which is added later begins with what happens then.
 *
 * A delivery is started once, by its workflow id, however many offices of the name follow and whenever they are killed.
 */
export function hookFollowers({ client, office, hooks }: HookSource): Follower[] {
  const { namespace } = client.options;
  return hookedTypes(hooks).map((type) => ({
    name: prefixOf({ client, office }) + type,
    types: [type],
    take: async (events) => {
      // Others' are their own offices'. What was done to a cause by hand has no namespace.
      for (const event of events)
        if (event.namespace === null || event.namespace === namespace)
          await startDelivery(client, office, event, hooksOf(hooks, type).length);
    },
  }));
}

async function startDelivery(client: Client, office: string, event: OfficeEvent, hooks: number): Promise<void> {
  const { position, type } = event;
  const delivery: EventDelivery = { version: 1, position, type, hooks };
  try {
    await client.workflow.start(deliveryType, {
      workflowId: deliveryWorkflowId(office, position, type),
      taskQueue: office,
      args: [delivery],
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      staticSummary: summaryOf(event),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

function summaryOf({ type, cause, letter }: OfficeEvent): string {
  const what = letter === null ? cause?.title : `${letter.job}: ${letter.errorType}: ${letter.errorMessage}`;
  return summaryLine(`${type} · ${what ?? ""}`);
}
