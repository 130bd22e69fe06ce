import type { Duration } from "./duration.ts";

/** What can be asked of a letter. Each is a Temporal signal and an update of the same name. */
export const commandNames = ["retry", "expire", "discard", "amend", "extend", "note"] as const;

export type CommandName = (typeof commandNames)[number];

/** Signs a command; all of it lands in the letter's events. */
export type Signature = {
  /** Who asks: a person, a service. */
  readonly by?: string;
  readonly reason?: string;
  /** Makes a repeat harmless: the letter carries out a request id once. */
  readonly requestId?: string;
};

export type RetryCommand = Signature & {
  /** A new input for the job, checked against its schema. Absent: the recorded one. */
  readonly input?: unknown;
  /** Wait this long first. A plain `retry` overtakes the wait. */
  readonly after?: Duration;
  /** Take the new input without asking the job's worker; recorded in the event. */
  readonly unchecked?: boolean;
};
export type ExpireCommand = Signature;
export type DiscardCommand = Signature;
export type AmendCommand = Signature & { readonly input: unknown; readonly unchecked?: boolean };
export type ExtendCommand = Signature & {
  /** Counted from now; `"indefinite"` holds the letter until somebody acts. */
  readonly retention: Duration | "indefinite";
};
export type NoteCommand = Signature & { readonly text: string };

export type Command =
  | ({ readonly name: "retry" } & RetryCommand)
  | ({ readonly name: "expire" } & ExpireCommand)
  | ({ readonly name: "discard" } & DiscardCommand)
  | ({ readonly name: "amend" } & AmendCommand)
  | ({ readonly name: "extend" } & ExtendCommand)
  | ({ readonly name: "note" } & NoteCommand);

/** The fields that a command of each name takes, for checks at the door. */
export const commandFields = {
  retry: ["input", "after", "unchecked"],
  expire: [],
  discard: [],
  amend: ["input", "unchecked"],
  extend: ["retention"],
  note: ["text"],
} as const satisfies Record<CommandName, readonly string[]>;

export const signatureFields = ["by", "reason", "requestId"] as const satisfies readonly (keyof Signature)[];
