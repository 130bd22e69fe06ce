import type { Category } from "./category.ts";
import type { ErrorRecord } from "./error-record.ts";
import type { Reason } from "./reason.ts";

/** Code of a job that its letter runs, in the job's worker: after a death, and before the letter expires. */
export const ownCodes = ["onDead", "onExpire"] as const;

export type OwnCode = (typeof ownCodes)[number];

/**
 * Run after each death of the job, once its letter knows of it: to give back what the job held, to tell the customer.
 *
 * It runs as an activity on the job's task queue, which beats by itself, has 5 minutes a try, and is tried 10 times within some 15
 * minutes; an `ApplicationFailure` that is not to be retried ends that at once. A crash between its end and its record runs it
 * again, so hand on `idempotencyKey` with `deaths`. What is still not done when the job is retried or the letter is closed is left.
 *
 * An object that it returns is kept in the event `code_ran`, at most 16 KiB of it.
 */
export type OnDead<Parsed = unknown> = (error: DeadError, dead: DeadJob<Parsed>) => unknown;

/**
 * Run when the letter is about to expire, by its clock or by command, in place of closing at once: the letter expires when it
 * has returned. Where it fails for good the letter stays parked, without a clock, until somebody acts. Else as `OnDead`.
 */
export type OnExpire<Parsed = unknown> = (error: DeadError, dead: DeadJob<Parsed>) => unknown;

/** What the job died of last, as its letter shows it: secrets are redacted. */
export type DeadError = ErrorRecord & { readonly category: Category };

/** What a job's own code is told. */
export type DeadJob<Parsed = unknown> = {
  readonly job: string;
  readonly workflowId: string;
  /** The run that died last. */
  readonly runId: string;
  readonly letterId: string;
  /** The dead letter queue. */
  readonly queue: string;
  readonly reason: Reason;
  /** How often it has died. */
  readonly deaths: number;
  /** Runs that retries have started. */
  readonly retries: number;
  /** Attempts in all, over all deaths. */
  readonly attempts: number;
  readonly diedAt: Date;
  /** The caller's headers, as they were given at the start. */
  readonly headers: Readonly<Record<string, string>>;
  readonly idempotencyKey: string;
  readonly key?: string;
  /** As the handler gets it; absent where the schema refuses it, or the queue stores none. */
  readonly input?: Parsed;
  /** Which try of this code it is. */
  readonly attempt: number;
  /** Aborts when the letter goes on without it, the try times out, or the worker shuts down. */
  readonly signal: AbortSignal;
};

/** The same as it passes through Temporal; the memo has the rest. */
export type DeadRecord = Omit<
  DeadJob,
  "diedAt" | "headers" | "idempotencyKey" | "key" | "input" | "attempt" | "signal"
> & {
  readonly diedAtMs: number;
  readonly error: DeadError;
  readonly idempotencyKey: string;
  readonly key?: string;
};

/** What a job's worker is asked by a letter. */
export type OwnCodeActivities = Record<OwnCode, (input: unknown, dead: OwnCodeAsk) => Promise<OwnCodeResult>>;

export type OwnCodeAsk = {
  readonly version: 1;
  readonly dead: DeadRecord;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: `input` is the job's. */
  readonly omitted?: true;
};

/** `ran: false`: the job has no such code any more. */
export type OwnCodeResult = { readonly ran: boolean; readonly result?: Readonly<Record<string, unknown>> };
