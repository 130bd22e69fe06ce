import type { EventType } from "../model/event.ts";
import type { HookActivities } from "../model/event-delivery.ts";

export type HookOutcome = { readonly type: EventType; readonly outcome: "told" | "failed"; readonly n: number };

/** The hooks' activities, and how their calls have ended in this process. */
export function countCalls({ deliverEvent }: HookActivities): {
  readonly activities: HookActivities;
  outcomes(): readonly HookOutcome[];
} {
  const counts = new Map<string, HookOutcome>();
  const count = (type: EventType, outcome: HookOutcome["outcome"]) => {
    const key = `${type} ${outcome}`;
    counts.set(key, { type, outcome, n: (counts.get(key)?.n ?? 0) + 1 });
  };
  return {
    activities: {
      async deliverEvent(call) {
        try {
          const told = await deliverEvent(call);
          count(call.type, "told");
          return told;
        } catch (error) {
          count(call.type, "failed");
          throw error;
        }
      },
    },
    outcomes: () => [...counts.values()],
  };
}
