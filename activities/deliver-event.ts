import { activityInfo, ApplicationFailure } from "@temporalio/activity";
import { deliveryWorkflowId, type HookActivities } from "../model/event-delivery.ts";
import { type Hook, type HookCause, type HookEvent, type HookLetter, type Hooks, hooksOf } from "../model/hooks.ts";
import { errorCodeOf } from "../model/office-error.ts";
import { webUiLinks } from "../model/web-ui.ts";
import type { Db } from "../schema/database.ts";
import { getLetter } from "../schema/get-letter.ts";
import { type Cause, causesById } from "../schema/list-causes.ts";
import { type OfficeEvent, readEvents } from "../schema/read-events.ts";
import type { LetterRow } from "../schema/rows.ts";
import { postEvent } from "./post-event.ts";

export type HookNeeds = {
  readonly db: Db;
  readonly hooks: Hooks;
  readonly office: string;
  readonly namespace: string;
  /** Base address of Temporal Web UI, where it is known. */
  readonly ui?: string;
};

/** Shorter than the activity's own time, so that it is the hook that is told of its end, and the failure says so. */
const timeoutMs = 25_000;

/** Hands events to hooks. Each call may come again: hooks tell them apart by the event's `id`. */
export function hookActivities(needs: HookNeeds): HookActivities {
  return {
    async deliverEvent({ version, position, type, hook: n }) {
      if (version !== 1)
        throw ApplicationFailure.retryable(
          `This office is older than the one that began this: it knows deliverEvent version 1, not ${String(version)}. Upgrade it`,
          "SCHEMA_TOO_NEW",
        );
      const hook = hooksOf(needs.hooks, type)[n];
      if (hook === undefined)
        // While a deploy goes on, offices of one name may have different configurations.
        throw ApplicationFailure.retryable(
          `This office's configuration names no hook ${n + 1} for ${type}; another one's may`,
          "CONFIG_INVALID",
        );
      const event = await eventAt(position, needs);
      if (event === undefined) return "nobody: its record is pruned";
      return await tell(hook, event);
    },
  };
}

async function tell(hook: Hook, event: HookEvent): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs);
  if (typeof hook !== "function") return await postEvent(new URL(hook), event, signal);
  const { attempt } = activityInfo();
  const late = new Promise<never>((_, reject) =>
    signal.addEventListener("abort", () => reject(new Error(`The hook took longer than ${timeoutMs / 1000} seconds`))),
  );
  // Called within the race: what a hook throws before its first await is a failure like another.
  await Promise.race([late, (async () => await hook(event, { signal, attempt }))()]);
  return "a function";
}

async function eventAt(position: number, needs: HookNeeds): Promise<HookEvent | undefined> {
  const { db, office, namespace, ui } = needs;
  const event = (await readEvents(db, position - 1, 1)).events.find((found) => found.position === position);
  if (event === undefined) return undefined;
  const [[cause], letter] = await Promise.all([
    causesById(db, event.causeId === null ? [] : [event.causeId]),
    letterOf(db, event),
  ]);
  const { type, at, by, reason, data } = event;
  return {
    id: deliveryWorkflowId(office, position, type),
    type,
    position,
    at,
    office,
    namespace: event.namespace ?? namespace,
    by,
    reason,
    data,
    cause: cause === undefined ? null : shownCause(cause),
    letter: letter === undefined ? null : shownLetter(letter),
    links: ui === undefined || letter === undefined ? null : webUiLinks(ui, letter),
  };
}

/** Of a cause's event, the letter that brought it. */
async function letterOf(db: Db, { letterId, data }: OfficeEvent): Promise<LetterRow | undefined> {
  const id = letterId ?? data?.["letterId"];
  if (typeof id !== "string") return undefined;
  try {
    return await getLetter(db, id);
  } catch (error) {
    if (errorCodeOf(error) === "LETTER_NOT_FOUND") return undefined;
    throw error;
  }
}

function shownCause(cause: Cause): HookCause {
  const { id, title, errorType, state, returned, owner, note, firstSeenAt, lastSeenAt, open, letters, deaths } = cause;
  const jobs = cause.jobs.map(({ job }) => job);
  return { id, title, errorType, state, returned, owner, note, firstSeenAt, lastSeenAt, open, letters, deaths, jobs };
}

function shownLetter(letter: LetterRow): HookLetter {
  const { id, workflowId, runId, job, queue, status, reason, category, errorType, errorMessage } = letter;
  const { key, attempts, deaths, failedAt, expiresAt } = letter;
  const died = { job, queue, status, reason, category, errorType, errorMessage };
  return { id, workflowId, runId, ...died, key, attempts, deaths, failedAt, expiresAt };
}
