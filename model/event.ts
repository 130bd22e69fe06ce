/** What can happen to a letter, one row in `dlo.events` each. */
export const letterEventTypes = [
  "parked",
  "retry_asked",
  "retrying",
  "retry_cancelled",
  "waiting",
  "died_again",
  "recovered",
  "expiring",
  "expired",
  "discarded",
  "superseded",
  "amended",
  "extended",
  "moved",
  "reopened",
  "code_asked",
  "code_ran",
  "code_failed",
  "code_dropped",
  "policy_applied",
  "noted",
  "refused",
  "imported",
  "restored",
  "settled",
  "captured",
] as const;

export type LetterEventType = (typeof letterEventTypes)[number];

/** What can happen to a cause. `cause_new` and `cause_returned` are the two that page someone. */
export const causeEventTypes = [
  "cause_new",
  "cause_returned",
  "cause_resolved",
  "cause_ignored",
  "cause_reopened",
  "cause_noted",
  "cause_assigned",
  "cause_renamed",
  "cause_regrouped",
] as const;

export type CauseEventType = (typeof causeEventTypes)[number];

/** What can happen to a redrive. */
export const redriveEventTypes = [
  "redrive_started",
  "redrive_paused",
  "redrive_resumed",
  "redrive_changed",
  "redrive_stopped",
  "redrive_cancelled",
  "redrive_completed",
] as const;

export type RedriveEventType = (typeof redriveEventTypes)[number];

export const eventTypes = [...letterEventTypes, ...causeEventTypes, ...redriveEventTypes] as const;

export type EventType = LetterEventType | CauseEventType | RedriveEventType;

/** Who acts when nobody asked: the letter's own timers. */
export const officeActor = "office";

/** One entry of a letter's story, as an activity is to write it. */
export type LetterEvent = {
  readonly type: LetterEventType;
  /** When it happened in the letter's own time, in milliseconds. */
  readonly atMs: number;
  readonly by?: string;
  readonly reason?: string;
  readonly requestId?: string;
  /** The run that it concerns. */
  readonly runId?: string;
  /** What else is known: the text of a note, the new retention, why something was refused. */
  readonly data?: Readonly<Record<string, unknown>>;
};
