import type { Category } from "./category.ts";
import type { CauseState, ReturnReason } from "./cause-state.ts";
import { type EventType, eventTypes } from "./event.ts";
import type { Reason } from "./reason.ts";
import type { Status } from "./status.ts";
import { unknownWord } from "./suggest.ts";

/** Who is told of an event: a function, or an address that it is posted to as JSON. */
export type Hook = string | URL | ((event: HookEvent, context: HookContext) => unknown);

/** Whom the office tells of what. `cause_new` and `cause_returned` are the two that page someone. */
export type Hooks = { readonly [Type in EventType]?: Hook | readonly Hook[] };

/** What a hook is told. As JSON its times are in ISO 8601. */
export type HookEvent = {
  /** The same each time that this event is delivered: what must not be done twice is told by it. */
  readonly id: string;
  readonly type: EventType;
  /** Its place in the ordered events. */
  readonly position: number;
  readonly at: Date;
  readonly office: string;
  readonly namespace: string;
  readonly by: string | null;
  readonly reason: string | null;
  /** What else is known of the event, as `dlo.events` has it. */
  readonly data: Readonly<Record<string, unknown>> | null;
  /** The cause that it concerns, as it is now. Of a letter's events, deaths alone have one. */
  readonly cause: HookCause | null;
  /** The letter that it concerns, as it is now; of a cause's event, the one whose death brought it. Null where it is pruned. */
  readonly letter: HookLetter | null;
  /** Where Temporal Web UI shows that letter and its job; null where its address is not known. */
  readonly links: { readonly letter: string; readonly job: string } | null;
};

export type HookCause = {
  readonly id: string;
  readonly title: string;
  readonly errorType: string;
  readonly state: CauseState;
  /** Why it came back. */
  readonly returned: ReturnReason | null;
  readonly owner: string | null;
  readonly note: string | null;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
  /** Open letters of it. */
  readonly open: number;
  readonly letters: number;
  readonly deaths: number;
  readonly jobs: readonly string[];
};

export type HookLetter = {
  readonly id: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly job: string;
  readonly queue: string;
  readonly status: Status;
  readonly reason: Reason;
  readonly category: Category;
  readonly errorType: string;
  readonly errorMessage: string;
  readonly key: string | null;
  readonly attempts: number;
  readonly deaths: number;
  readonly failedAt: Date;
  readonly expiresAt: Date | null;
};

export type HookContext = {
  /** Aborts when the delivery has taken too long: it is tried again then. */
  readonly signal: AbortSignal;
  /** 1 for the first. */
  readonly attempt: number;
};

/** The hooks of a type of event, in the order of the configuration. */
export function hooksOf(hooks: Hooks, type: EventType): readonly Hook[] {
  const given = hooks[type];
  return given === undefined ? [] : isList(given) ? given : [given];
}

/** The types of events that somebody is to be told of. */
export function hookedTypes(hooks: Hooks): EventType[] {
  return eventTypes.filter((type) => hooksOf(hooks, type).length > 0);
}

/** @throws {Error} with the event or the hook that cannot be meant */
export function checkHooks(hooks: unknown): void {
  if (typeof hooks !== "object" || hooks === null || Array.isArray(hooks))
    throw new Error('it must name events, such as { cause_new: "https://…" }');
  for (const [type, given] of Object.entries(hooks as Hooks)) {
    if (!eventTypes.includes(type as EventType)) throw new Error(unknownWord("event", type, eventTypes));
    const list: readonly unknown[] = isList(given) ? given : [given];
    for (const hook of list)
      if (typeof hook !== "function" && !isAddress(hook))
        throw new Error(`${type}: a hook is a function of the event, or an http(s) address, or a list of these`);
  }
}

function isList(given: Hook | readonly Hook[]): given is readonly Hook[] {
  return Array.isArray(given);
}

function isAddress(hook: unknown): boolean {
  if (typeof hook !== "string" && !(hook instanceof URL)) return false;
  return URL.canParse(String(hook)) && /^https?:$/.test(new URL(hook).protocol);
}
