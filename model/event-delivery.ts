import type { EventType } from "./event.ts";

/** The workflow type that hands an event to the hooks of an office's configuration. */
export const deliveryType = "deliverEvent";

const deliveryPrefix = "dlo-event/";

/** One workflow id an event, so that offices of the same name deliver it once. */
export function deliveryWorkflowId(office: string, position: number, type: EventType): string {
  return `${deliveryPrefix}${office}/${position}/${type}`;
}

/** The argument of `deliverEvent`. Public between releases: `version` grows when its shape changes. */
export type EventDelivery = {
  readonly version: 1;
  readonly position: number;
  readonly type: EventType;
  /** How many hooks are to be told: one activity each, so that one that fails holds up no other. */
  readonly hooks: number;
};

export type HookCall = Omit<EventDelivery, "hooks"> & {
  /** Which of the event's hooks, from 0. */
  readonly hook: number;
};

/** Run by the office; declared here, because workflows may not see the code. */
export type HookActivities = {
  /** Tells a hook of an event, and returns who took it, in words. */
  deliverEvent(call: HookCall): Promise<string>;
};
