import type { DeadLetterPolicy } from "../model/contract.ts";
import { expiryFrom } from "../model/letter-state.ts";
import { ownPolicy, queuePolicy, unlessSaid } from "../model/queue-policy.ts";
import type { ParkedDeath } from "../schema/park-death.ts";
import type { OfficeNeeds } from "./office-needs.ts";

/**
 * How a new letter is filed, and by which rules it is kept.
 *
 * @param elsewhere the queue that was chosen for this death alone: its rules go before the contract's
 */
export function filedUnder(
  { queues, defaults }: Pick<OfficeNeeds, "queues" | "defaults">,
  policy: DeadLetterPolicy,
  elsewhere?: string,
): Pick<ParkedDeath, "queue" | "tags" | "policy" | "ownPolicy" | "supersededBy" | "expiresAtMs"> {
  const queue = elsewhere ?? policy.queue;
  const own = elsewhere === undefined ? ownPolicy(policy) : unlessSaid(policy, queues[queue]);
  const rules = queuePolicy(queues[queue], defaults, own);
  return {
    ...{ queue, tags: policy.tags, policy: rules, ownPolicy: own },
    ...(policy.supersededBy === undefined ? {} : { supersededBy: policy.supersededBy }),
    expiresAtMs: expiryFrom(Date.now(), rules.retentionMs),
  };
}
