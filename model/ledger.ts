import type { Category } from "./category.ts";
import type { ErrorRecord } from "./error-record.ts";

/**
 * The attempt ledger: what happened to each attempt of a run. It travels inside Temporal, in heartbeat details and in
 * failure details, because Temporal itself keeps only the last error.
 *
 * An attempt is first entered as `open`. What finds it still open later knows that it never answered: it is `lost`.
 */
export type Ledger = {
  /** Attempts in all; more than `entries` holds once the middle has been cut out. */
  readonly total: number;
  /** How many of them a shutdown handed back: they don't count as attempts. */
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
 * - `interrupted`: handed back by a worker that shut down; not counted as an attempt
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
};

/** Which cause an error belongs to. */
export type CauseRef = {
  readonly id: string;
  readonly version: number;
  readonly fingerprint: string;
  readonly title: string;
};

export const emptyLedger: Ledger = { total: 0, interrupted: 0, entries: [] };

const keptFirst = 5;
const keptLast = 95;

/** Adds an entry, or replaces the last one where it has the same number. Cuts the middle out above 100. */
export function enter(ledger: Ledger, entry: AttemptEntry): Ledger {
  const others = ledger.entries.filter((known) => known.n !== entry.n);
  const entries = [...others, entry];
  if (entries.length > keptFirst + keptLast) entries.splice(keptFirst, entries.length - keptFirst - keptLast);
  const interrupted = ledger.interrupted + (entry.state === "interrupted" ? 1 : 0);
  return { total: Math.max(ledger.total, entry.n), interrupted, entries };
}

/**
 * The ledger as attempt `n` finds it: what is still open never answered, and numbers below `n` that are missing belong to
 * attempts that died before they could say anything.
 */
export function openAttempt(found: Ledger, entry: AttemptEntry & { state: "open" }, startToCloseMs?: number): Ledger {
  return enter(fillGaps(closeOpen(found, entry.startedAtMs, startToCloseMs), entry.n - 1), entry);
}

/** Marks open entries as ended without an answer. */
export function closeOpen(ledger: Ledger, nowMs: number | undefined, startToCloseMs?: number): Ledger {
  return {
    ...ledger,
    entries: ledger.entries.map((entry) => (entry.state === "open" ? silentEnd(entry, nowMs, startToCloseMs) : entry)),
  };
}

/** Enters attempts up to `upTo` that left no trace as lost. */
export function fillGaps(ledger: Ledger, upTo: number): Ledger {
  let filled = ledger;
  const lastKnown = ledger.entries.at(-1)?.n ?? 0;
  for (let n = Math.max(ledger.total, lastKnown) + 1; n <= upTo; n++)
    filled = enter(filled, { n, state: "lost", error: lostError, category: "lost" });
  return filled;
}

/** Attempts that count: all but the interrupted ones. */
export function countedAttempts(ledger: Ledger): number {
  return ledger.total - ledger.interrupted;
}

const lostError: ErrorRecord = {
  type: "AttemptLost",
  message: "The attempt ended without an answer: its worker vanished",
  causes: [],
};

function silentEnd(entry: AttemptEntry, nowMs: number | undefined, startToCloseMs: number | undefined): AttemptEntry {
  const timedOut =
    startToCloseMs !== undefined &&
    nowMs !== undefined &&
    entry.startedAtMs !== undefined &&
    nowMs - entry.startedAtMs >= startToCloseMs;
  return timedOut
    ? {
        ...entry,
        state: "timed_out",
        endedAtMs: entry.startedAtMs + startToCloseMs,
        error: { type: "StartToCloseTimeout", message: "The attempt ran into its start-to-close timeout", causes: [] },
        category: "timeout",
      }
    : { ...entry, state: "lost", error: lostError, category: "lost" };
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
