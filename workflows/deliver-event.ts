import { proxyActivities } from "@temporalio/workflow";
import type { EventDelivery, HookActivities } from "../model/event-delivery.ts";

const office = proxyActivities<HookActivities>({
  startToCloseTimeout: "30 seconds",
  // What is down for a day is not mended by an alarm that comes after it.
  scheduleToCloseTimeout: "1 day",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "5 minutes" },
});

/** Tells an event to each of its hooks. Fails with the first that could not be told, once all have ended. */
export async function deliverEvent({ hooks, ...event }: EventDelivery): Promise<void> {
  const calls = Array.from({ length: hooks }, (_, hook) => office.deliverEvent({ ...event, hook }));
  for (const ended of await Promise.allSettled(calls)) if (ended.status === "rejected") throw ended.reason;
}
