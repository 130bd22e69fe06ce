import type { Duration } from "./duration.ts";
import type { OwnCode } from "./own-code.ts";
import type { RunOptions } from "./run-options.ts";

/** What can be asked of a letter. Each is a Temporal signal and an update of the same name. */
export const commandNames = [
  "retry",
  "expire",
  "discard",
  "amend",
  "extend",
  "move",
  "runCode",
  "applyPolicy",
  "note",
] as const;

export type CommandName = (typeof commandNames)[number];

/** Signs a command; all of it lands in the letter's events. */
export type Signature = {
  /** Who asks: a person, a service. */
  readonly by?: string;
  readonly reason?: string;
  /** Makes a repeat harmless: the letter carries out a request id once. */
  readonly requestId?: string;
};

/** Signs a command to a letter. */
export type LetterSignature = Signature & {
  /** The redrive that asks: what comes of the command is written to its item. */
  readonly redrive?: string;
};

export type RetryCommand = LetterSignature & {
  /** A new input for the job, checked against its schema. Absent: the recorded one. */
  readonly input?: unknown;
  /** Wait this long first. A plain `retry` overtakes the wait. */
  readonly after?: Duration;
  /** Take the new input without asking the job's worker; recorded in the event. */
  readonly unchecked?: boolean;
  /**
   * A probe of the office's config: go once it says yes, which is asked every half a minute or so. A plain `retry` overtakes the
   * wait. Not with `after`.
   */
  readonly when?: string;
  /** Take back a retry that is set for later; its retention begins anew. */
  readonly cancel?: boolean;
  /**
   * Of a workflow that was adopted: go back to the point before its failure, by Temporal's reset, in place of a run from the start. What
   * it had done before is not done again. Only its id's latest run, and with the input that it had.
   */
  readonly fromFailure?: boolean;
  /** For this retry alone: another task queue, job, retry policy, or other timeouts. Neither with `after` nor with `when`. */
  readonly run?: RunOptions;
};
export type ExpireCommand = LetterSignature;
export type DiscardCommand = LetterSignature;
export type AmendCommand = LetterSignature & { readonly input: unknown; readonly unchecked?: boolean };
export type ExtendCommand = LetterSignature & {
  /** Counted from now; `"indefinite"` holds the letter until somebody acts. */
  readonly retention: Duration | "indefinite";
};
export type MoveCommand = LetterSignature & {
  /** The dead letter queue to file it under. Its clock stays as it is. */
  readonly queue: string;
};
export type RunCodeCommand = LetterSignature & {
  /** The job's own code to run: `onDead`; or `onExpire`, after which the letter expires. Absent: what failed last. */
  readonly code?: OwnCode;
};
/** Gives the letter the policy that its queue has now. */
export type ApplyPolicyCommand = LetterSignature;
export type NoteCommand = LetterSignature & { readonly text: string };

export type Command =
  | ({ readonly name: "retry" } & RetryCommand)
  | ({ readonly name: "expire" } & ExpireCommand)
  | ({ readonly name: "discard" } & DiscardCommand)
  | ({ readonly name: "amend" } & AmendCommand)
  | ({ readonly name: "extend" } & ExtendCommand)
  | ({ readonly name: "move" } & MoveCommand)
  | ({ readonly name: "runCode" } & RunCodeCommand)
  | ({ readonly name: "applyPolicy" } & ApplyPolicyCommand)
  | ({ readonly name: "note" } & NoteCommand);

/** The fields that a command of each name takes, for checks at the door. */
export const commandFields = {
  retry: ["input", "after", "when", "unchecked", "cancel", "fromFailure", "run"],
  expire: [],
  discard: [],
  amend: ["input", "unchecked"],
  extend: ["retention"],
  move: ["queue"],
  runCode: ["code"],
  applyPolicy: [],
  note: ["text"],
} as const satisfies Record<CommandName, readonly string[]>;

export const signatureFields = [
  "by",
  "reason",
  "requestId",
  "redrive",
] as const satisfies readonly (keyof LetterSignature)[];
