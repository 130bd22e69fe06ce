/** What can happen to a letter, one row in `dlo.events` each. */
export const eventTypes = [
  "parked",
  "retry_asked",
  "retrying",
  "retry_cancelled",
  "waiting",
  "died_again",
  "recovered",
  "expired",
  "discarded",
  "superseded",
  "amended",
  "extended",
  "noted",
  "refused",
] as const;

export type EventType = (typeof eventTypes)[number];

/** Who acts when nobody asked: the letter's own timers. */
export const officeActor = "office";

/** One entry of a letter's story, as an activity is to write it. */
export type LetterEvent = {
  readonly type: EventType;
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
