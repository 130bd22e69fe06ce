import { type Breakdown, breakdowns, type Ranking, rankings } from "../model/breakdown.ts";
import { type Duration, formatDuration, parseDuration } from "../model/duration.ts";
import type { Filter } from "../model/filter.ts";
import { filterFrom, type FilterOrLine, inNamespace } from "../model/filter-line.ts";
import { usage } from "../model/office-error.ts";
import { type PeriodUnit, periodUnits } from "../model/periods.ts";
import { readMoment } from "../model/read-moment.ts";
import { unknownWord } from "../model/suggest.ts";
import { type TimeZone, timeZoneOf } from "../model/time-zone.ts";
import {
  type HoursOfDay,
  hoursOfDay,
  layOut,
  mostPeriods,
  rank,
  type Ranked,
  type Timed,
} from "../schema/breakdown.ts";
import type { Db } from "../schema/database.ts";
import { refuseUnreadable } from "../schema/refuse-unreadable.ts";
import { type Stats, type StatsWindow, statsOf } from "../schema/stats.ts";

export type StatsOptions = {
  /** Whose hours, days and weeks are meant: an IANA name, such as `"Europe/Berlin"`. @default "UTC" */
  readonly timeZone?: string;
  /** A time, or a span (a `Duration`) that is counted back from now. A time without a zone is one of `timeZone`. @default "7 days" */
  readonly since?: Date | string | number;
  /** As `since`; what is counted lies before it. @default now */
  readonly until?: Date | string | number;
  /** How long Postgres may take for one question. @default "10 seconds" */
  readonly timeout?: Duration;
};

export type RankingOptions = StatsOptions & {
  readonly by: Ranking;
  /** At most so many rows. @default 20 @maximum 1000 */
  readonly limit?: number;
};

/**
 * The numbers of the letters that fit a filter: without `by` as a whole, with it the deaths of a window one by one.
 *
 * Facets (job, queue, category, reason, cause and the like) are counted exactly and at once, however many letters there are. What
 * asks for more reads rows; a question that would take too long is given up.
 *
 * @throws {OfficeError} `USAGE` for a filter, time or time zone that cannot be meant, `QUERY_TIMEOUT`
 */
export type AskStats = {
  /** Deaths ranked; with `any-error`, failed attempts. */
  (filter: FilterOrLine, options: RankingOptions): Promise<Ranked>;
  /** Deaths along the time, without gaps, in whole hours, days or weeks of the time zone. */
  (filter: FilterOrLine, options: StatsOptions & { readonly by: PeriodUnit }): Promise<Timed>;
  /** Deaths by the hour that clocks showed. */
  (filter: FilterOrLine, options: StatsOptions & { readonly by: "hour-of-day" }): Promise<HoursOfDay>;
  (filter?: FilterOrLine, options?: StatsOptions & { readonly by?: undefined }): Promise<Stats>;
};

/** @param namespace the one that is meant where the filter names none */
export function askStats(database: () => Db, namespace: string): AskStats {
  const ask = async (filter: FilterOrLine = {}, options: AnyOptions = {}) => {
    const asked = inNamespace(filterFrom(filter), namespace);
    const told = await tell(asked, options);
    if (told.total === 0) await refuseUnreadable(database(), asked);
    return told;
  };
  const tell = async (asked: Filter, options: AnyOptions) => {
    const { by, limit = 20 } = options;
    const now = new Date();
    const window = readWindow(options, now);
    if (by === undefined) return await statsOf(database(), asked, window, now);
    if (isRanking(by)) return await rank(database(), asked, by, window, rowLimit(limit), now);
    if (by === "hour-of-day") {
      refuseTooMany("hour", window);
      return await hoursOfDay(database(), asked, window, now);
    }
    if (!(periodUnits as readonly string[]).includes(by)) throw usage(unknownWord("breakdown", String(by), breakdowns));
    refuseTooMany(by, window);
    return await layOut(database(), asked, by, window, now);
  };
  return ask as AskStats;
}

type AnyOptions = StatsOptions & { readonly by?: Breakdown; readonly limit?: number };

function isRanking(by: Breakdown): by is Ranking {
  return (rankings as readonly string[]).includes(by);
}

function rowLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1000) return limit;
  throw usage(`limit must be a whole number from 1 to 1000, got ${limit}`);
}

function readWindow(options: StatsOptions, now: Date): StatsWindow {
  const { timeZone = "UTC", since = "7 days", until, timeout = "10 seconds" } = options;
  const zone = timeZoneOf(timeZone);
  const fromMs = readTime("since", since, zone, now);
  const toMs = until === undefined ? now.getTime() : readTime("until", until, zone, now);
  if (fromMs >= toMs)
    throw usage(
      `since (${new Date(fromMs).toISOString()}) must lie before until (${new Date(toMs).toISOString()}); both count back from now where they are spans`,
    );
  return { fromMs, toMs, zone, maximumMs: asUsage(() => parseDuration(timeout, "timeout")) };
}

function readTime(what: "since" | "until", given: Date | string | number, zone: TimeZone, now: Date): number {
  const problem = `${what} takes a time (2026-11-01, 2026-11-01T09:30) or a span such as "7 days", got ${JSON.stringify(given)}`;
  if (given instanceof Date) {
    if (Number.isNaN(given.getTime())) throw usage(problem);
    return given.getTime();
  }
  const moment = typeof given === "string" ? readMoment(given) : undefined;
  if (moment === undefined) {
    // What begins like a date was meant to be one.
    if (typeof given === "string" && /^\d{4}-/.test(given)) throw usage(problem);
    return now.getTime() - asUsage(() => parseDuration(given, what, { minimumMs: 0 }));
  }
  const saysZone = /(?:Z|[+-]\d{2}:?\d{2})$/.test(String(given).slice(11));
  return saysZone ? moment.from.getTime() : zone.atLocal(moment.from.getTime());
}

function asUsage<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw usage((error as Error).message);
  }
}

function refuseTooMany(unit: PeriodUnit, { fromMs, toMs }: StatsWindow): void {
  const count = Math.ceil((toMs - fromMs) / { hour: 3_600_000, day: 86_400_000, week: 604_800_000 }[unit]);
  if (count <= mostPeriods) return;
  throw usage(
    `${formatDuration(toMs - fromMs)} are ${count} ${unit}s, and at most ${mostPeriods} are counted at once. Ask for a shorter time, or longer periods`,
  );
}
