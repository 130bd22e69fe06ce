import type { Category } from "./category.ts";
import { utf8Bytes } from "./clean.ts";
import { compactError, type ErrorRecord } from "./error-record.ts";
import type { RecordExtra } from "./record-extra.ts";

/**
 * The attempt ledger: what happened to each attempt of a run. It travels inside Temporal, in heartbeat details and in
 * failure details, because Temporal itself keeps only the last error.
 *
 * An attempt is first entered as `open`. What finds it still open later knows that it never answered: it is `lost`.
 */
export type Ledger = {
  /** Attempts in all; more than `entries` holds once the middle has been cut out. */
  readonly total: number;
  /** How many of them were interrupted: they don't count as attempts. */
  readonly interrupted: number;
  /** In order. At most the first 5 and the last 95. */
  readonly entries: readonly AttemptEntry[];
};

export type AttemptEntry = {
  /** 1 for the first attempt of the run. */
  readonly n: number;
  readonly state: AttemptState;
  /** Absent where the attempt died before it could say that it began. */
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  /** At most 2 KiB. */
  readonly error?: ErrorRecord;
  readonly category?: Category;
  /** Identity of the worker that ran it. */
  readonly worker?: string;
  readonly build?: string;
  readonly heartbeats?: number;
  readonly lastHeartbeatAtMs?: number;
  readonly progress?: Progress;
};

/**
 * - `open`: begun, no answer yet
 * - `failed`: the handler threw
 * - `interrupted`: handed back by a worker that shut down, or paused or reset by an operator, or to wait after a timeout as
 *   the job's policy asked; not counted as an attempt
 * - `timed_out`: it ran into its start-to-close timeout
 * - `lost`: it never answered; its worker vanished
 */
export const attemptStates = ["open", "failed", "interrupted", "timed_out", "lost"] as const;

export type AttemptState = (typeof attemptStates)[number];

export type Progress = { readonly current: number; readonly total?: number; readonly phase?: string };

/** What an attempt hands on: to the next one by its heartbeat, to the workflow by its failure's details. */
export type AttemptReport = {
  readonly version: 1;
  readonly ledger: Ledger;
  /** The attempt's number in the ledger less the one that Temporal gave it, where the two differ. */
  readonly offset?: number;
  /** What the job is about, by its contract. */
  readonly key?: string;
  /** The handler's own heartbeat details. */
  readonly heartbeat?: unknown;
  readonly progress?: Progress;
  /** The failure by itself, up to 64 KiB; only in a failure's details. */
  readonly failure?: AttemptFailure;
};

export type AttemptFailure = {
  readonly error: ErrorRecord;
  readonly category: Category;
  readonly cause: CauseRef;
  readonly givenUp?: true;
  /** The dead letter queue that the job's `onFailure` chose. */
  readonly queue?: string;
  /** What the job's `record` hook adds. */
  readonly extra?: RecordExtra;
};

/** Which cause an error belongs to. */
export type CauseRef = {
  readonly id: string;
  readonly version: number;
  readonly fingerprint: string;
  readonly title: string;
};

/** The type of the failure with which an attempt is handed back: by a worker that shuts down, or by an operator who paused or reset it. */
export const interruptedType = "AttemptInterrupted";

export const emptyLedger: Ledger = { total: 0, interrupted: 0, entries: [] };

const keptFirst = 5;
const keptLast = 95;

/** Adds an entry, or replaces the last one where it has the same number. Cuts the middle out above 100. */
export function enter(ledger: Ledger, entry: AttemptEntry): Ledger {
  const replaced = ledger.entries.find(({ n }) => n === entry.n);
  const entries = [...ledger.entries.filter((known) => known !== replaced), entry];
  if (entries.length > keptFirst + keptLast) entries.splice(keptFirst, entries.length - keptFirst - keptLast);
  const interrupted = ledger.interrupted + interruptions(entry) - interruptions(replaced);
  return { total: Math.max(ledger.total, entry.n), interrupted, entries };
}

/** Timeouts of one attempt, to tell what became of an attempt that never answered. */
export type AttemptTimeouts = { readonly startToCloseMs?: number; readonly heartbeatMs?: number };

/**
 * The ledger as attempt `n` finds it: what is still open never answered, and numbers below `n` that are missing belong to
 * attempts that died before they could say anything.
 */
export function openAttempt(
  found: Ledger,
  entry: AttemptEntry & { state: "open" },
  timeouts: AttemptTimeouts = {},
): Ledger {
  const closed = closeOpen(found, (open) => silentEnd(open, timeouts));
  return enter(fillGaps(closed, entry.n - 1), entry);
}

/** How an attempt ended that could not say so itself. */
export type SilentEnd = Required<Pick<AttemptEntry, "state" | "error" | "category">> & { readonly endedAtMs?: number };

/** Ends open entries. */
export function closeOpen(ledger: Ledger, endOf: (open: AttemptEntry) => SilentEnd): Ledger {
  const { entries } = ledger;
  if (!entries.some(({ state }) => state === "open")) return ledger;
  return {
    ...ledger,
    entries: entries.map((entry) => (entry.state === "open" ? { ...entry, ...endOf(entry) } : entry)),
  };
}

/** Enters attempts up to number `upTo` that left no trace as lost. */
export function fillGaps(ledger: Ledger, upTo: number): Ledger {
  // Of a long gap only what the cut leaves is made: a poison job may well kill its worker a million times.
  const from = Math.max(ledger.total + 1, upTo - keptLast + 1);
  let filled = ledger;
  for (let n = ledger.total + 1; n <= Math.min(upTo, keptFirst); n++) filled = enter(filled, { n, ...lostEnd });
  for (let n = Math.max(from, filled.total + 1); n <= upTo; n++) filled = enter(filled, { n, ...lostEnd });
  return filled;
}

/** A ledger small enough to travel beside a large input: with errors in a line each, where it must be. */
export function shortenLedger(ledger: Ledger, maxBytes: number): Ledger {
  if (utf8Bytes(JSON.stringify(ledger)) <= maxBytes) return ledger;
  const entries = ledger.entries.map(({ error, ...entry }) =>
    error === undefined ? entry : { ...entry, error: compactError(error, 256) },
  );
  return { ...ledger, entries };
}

/** Attempts that count: all but the interrupted ones. */
export function countedAttempts(ledger: Ledger): number {
  return ledger.total - ledger.interrupted;
}

/** The worker vanished: it was killed, or it was silent for longer than the heartbeat timeout. */
export const lostEnd: SilentEnd = {
  state: "lost",
  error: { type: "AttemptLost", message: "The attempt ended without an answer: its worker vanished", causes: [] },
  category: "lost",
};

/** The attempt ran into its start-to-close timeout. */
export const timedOutEnd: SilentEnd = {
  state: "timed_out",
  error: { type: "StartToCloseTimeout", message: "The attempt ran into its start-to-close timeout", causes: [] },
  category: "timeout",
};

/**
 * Temporal does not tell an attempt how the one before ended. But what never answered was ended by a timeout, and it is that
 * which was due first: a worker that lived on would have beaten until the start-to-close timeout.
 */
function silentEnd(
  { startedAtMs, lastHeartbeatAtMs = startedAtMs }: AttemptEntry,
  timeouts: AttemptTimeouts,
): SilentEnd {
  const { startToCloseMs, heartbeatMs } = timeouts;
  if (startedAtMs === undefined || lastHeartbeatAtMs === undefined || startToCloseMs === undefined) return lostEnd;
  const closeDueAtMs = startedAtMs + startToCloseMs;
  if (heartbeatMs !== undefined && lastHeartbeatAtMs + heartbeatMs < closeDueAtMs) return lostEnd;
  return { ...timedOutEnd, endedAtMs: closeDueAtMs };
}

function interruptions(entry: AttemptEntry | undefined): number {
  return entry?.state === "interrupted" ? 1 : 0;
}

/** Tells a report from whatever else stands in a failure's details or a heartbeat. */
export function isAttemptReport(value: unknown): value is AttemptReport {
  return (
    typeof value === "object" &&
    value !== null &&
    (value as AttemptReport).version === 1 &&
    Array.isArray((value as AttemptReport).ledger?.entries)
  );
}
