import { type Duration, formatDuration, parseDuration } from "./duration.ts";
import type { Filter } from "./filter.ts";
import { type FilterOrLine, filterFrom, formatFilter } from "./filter-line.ts";
import { listOf } from "./list-of.ts";
import { usage } from "./office-error.ts";
import { readMoment } from "./read-moment.ts";
import { isOpen, type Status, statuses } from "./status.ts";
import { unknownWord } from "./suggest.ts";

/** Which closed letters are deleted, and by whom. Without any of it: all that are past their own keep time. */
export type PruneOptions = {
  /** A UUID. A repeat with the same one deletes nothing more. @default a new one */
  readonly id?: string;
  /** Only those that fit it. It cannot ask for open letters: these are never deleted. @default all closed letters */
  readonly filter?: FilterOrLine;
  /**
   * Those that were closed longer ago than this, in place of their own keep time.
   *
   * Takes letters that are kept for ever, too, and those whose keep time is not over.
   *
   * @format milliseconds, or an `ms` string such as `"30 days"`
   * @minimum 1 minute
   * @default each letter's own keep time, `keep_until`
   */
  readonly olderThan?: Duration;
  /** Ages are counted back from here, such as the `asOf` of the dry run that somebody looked at. @default now, which is also the latest */
  readonly asOf?: Date | string;
  /** How many letters one transaction deletes. @minimum 1 @maximum 500 @default 500 */
  readonly batch?: number;
  readonly by?: string;
  readonly reason?: string;
};

/** Which letters, whoever asks for them. */
export type PruneRule = {
  readonly filter: Filter;
  /** Null: by the letters' own keep time. */
  readonly olderThanMs: number | null;
  readonly asOfMs: number;
};

/** What was asked of a prune, checked, with defaults filled in. */
export type Prune = PruneRule & {
  readonly id: string;
  readonly batch: number;
  readonly by: string;
  readonly reason: string | null;
};

export const pruneKeys = [
  "id",
  "filter",
  "olderThan",
  "asOf",
  "batch",
  "by",
  "reason",
] as const satisfies readonly (keyof PruneOptions)[];

/** Deletes of so many take about 30 ms, and nobody waits for them. */
export const largestBatch = 500;

/**
 * Checks what is asked of a prune at each of its doors: the client, a schedule, a plain start of the workflow.
 *
 * It fails closed. What is misspelt or undefined would delete more than was meant, and so would an age without its unit.
 *
 * @throws {OfficeError} `USAGE` with the option, what it is, and what it should be
 */
export function readPrune(
  given: unknown,
  asked: { readonly id: string; readonly by: string; readonly atMs: number },
): Prune {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw usage('A prune takes an object such as {"olderThan":"30 days"}, or an empty one');
  for (const [key, value] of Object.entries(given)) {
    if (!(pruneKeys as readonly string[]).includes(key)) throw usage(unknownWord("prune option", key, pruneKeys));
    if (value === undefined) throw usage(`The prune's ${key} is undefined. Leave it out where it doesn't matter`);
  }
  const { id = asked.id, filter, olderThan, asOf, batch = largestBatch, by = asked.by, reason } = given as PruneOptions;
  if (typeof id !== "string" || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
    throw usage(`id must be a UUID, got ${JSON.stringify(id)}`);
  if (!Number.isInteger(batch) || batch < 1 || batch > largestBatch)
    throw usage(`batch must be a whole number of letters from 1 to ${largestBatch}, got ${String(batch)}`);
  for (const [key, text, longest] of [["by", by, 1000] as const, ["reason", reason, 10_000] as const])
    if (text !== undefined && (typeof text !== "string" || text.length > longest))
      throw usage(`${key} must be a text of at most ${longest} characters`);
  return {
    id: id.toLowerCase(),
    filter: filter === undefined ? {} : readFilter(filter),
    olderThanMs: olderThan === undefined ? null : readAge(olderThan),
    asOfMs: asOf === undefined ? asked.atMs : Math.min(readTime(asOf), asked.atMs),
    ...{ batch, by, reason: reason ?? null },
  };
}

/** The rule as its audit row keeps it, for people to read. */
export function ruleText({ filter, olderThanMs, asOfMs }: PruneRule): Readonly<Record<string, string>> {
  return {
    ...(Object.keys(filter).length === 0 ? {} : { filter: formatFilter(filter) }),
    ...(olderThanMs === null ? {} : { olderThan: formatDuration(olderThanMs) }),
    asOf: new Date(asOfMs).toISOString(),
  };
}

/** The rule as one phrase: `job:import-movie, closed more than 30 days ago`. */
export function ruleSummary({ filter, olderThanMs }: PruneRule): string {
  const age = olderThanMs === null ? "past their keep time" : `closed more than ${formatDuration(olderThanMs)} ago`;
  return Object.keys(filter).length === 0 ? age : `${formatFilter(filter)}, ${age}`;
}

/** Below it somebody most likely forgot the unit, and meant days: a plain number is milliseconds. */
const youngestMs = 60_000;

function readAge(olderThan: unknown): number {
  try {
    return parseDuration(olderThan, "olderThan", { minimumMs: youngestMs });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function readTime(asOf: unknown): number {
  const at = asOf instanceof Date ? asOf : typeof asOf === "string" ? readMoment(asOf)?.from : undefined;
  if (at !== undefined && !Number.isNaN(at.getTime())) return at.getTime();
  throw usage(`asOf must be a time such as 2026-11-01T10:00Z, got ${JSON.stringify(asOf)}`);
}

function readFilter(given: unknown): Filter {
  const filter = filterFrom(given as FilterOrLine);
  if (Object.keys(filter).length === 0)
    throw usage("An empty filter would mean all closed letters. Leave the filter out where these are meant");
  if (filter.namespace !== undefined)
    throw usage("A prune deletes letters of the namespace that it is started in, so its filter names none");
  const asked: readonly Status[] = filter.status === undefined ? statuses : statusesOf(filter.status);
  const left = filter.not?.status === undefined ? [] : statusesOf(filter.not.status);
  const open = filter.status === undefined ? [] : asked.filter(isOpen);
  if (open.length > 0)
    throw usage(`A prune deletes closed letters alone, and its filter asks for open ones: ${open.join(", ")}`);
  if (asked.every((status) => isOpen(status) || left.includes(status)))
    throw usage("A prune deletes closed letters alone, and its filter leaves all of them out");
  return filter;
}

/** The states that are meant; `open` and `closed` are several. */
function statusesOf(asked: NonNullable<Filter["status"]>): Status[] {
  const words = listOf(asked);
  return statuses.filter((status) => words.includes(status) || words.includes(isOpen(status) ? "open" : "closed"));
}
