import { and, asc, isNull, sql } from "drizzle-orm";
import type { Filter } from "../model/filter.ts";
import { startOfPeriod } from "../model/periods.ts";
import type { Status } from "../model/status.ts";
import { isOpen, statuses } from "../model/status.ts";
import type { TimeZone } from "../model/time-zone.ts";
import type { Db } from "./database.ts";
import { countedDeaths, deathRows, moment, narrowing, type Window } from "./death-counts.ts";
import { filterConditions } from "./filter-conditions.ts";
import { firstDeaths } from "./first-deaths.ts";
import { firstLooks } from "./first-looks.ts";
import { countedLetters } from "./counted-letters.ts";
import { recoveryTimes } from "./recovery-times.ts";
import type { Spread } from "./spread.ts";
import { deadLetters } from "./tables.ts";
import { withinTime } from "./within-time.ts";

/** The numbers of the letters that fit a filter. */
export type Stats = {
  /** What `attemptsPerDeath` and the two times are about. */
  readonly since: Date;
  readonly until: Date;
  /** In which today and this week begin. */
  readonly timeZone: string;
  /** Letters, open and closed. */
  readonly total: number;
  readonly byStatus: Readonly<Record<Status, number>>;
  readonly open: number;
  /** Open letters for which no retry was ever started. */
  readonly notRetried: number;
  /** Of the closed letters, those that recovered: from 0 to 1. Null where none is closed. */
  readonly recoveredShare: number | null;
  /** Deaths since midnight. */
  readonly today: number;
  /** Deaths since Monday. */
  readonly thisWeek: number;
  /** Letters that came in the last hour, less those that were closed in it: below 0 the pile shrinks. */
  readonly growthPerHour: number;
  /** Null where nothing died in the window. */
  readonly attemptsPerDeath: number | null;
  /** Of letters that first died in the window: until the first signed command, note or change of their cause. */
  readonly timeToFirstLook: Spread;
  /** Of letters that recovered in the window: since their first death. */
  readonly timeToRecovery: Spread;
  /** The open letter whose last death is longest ago. */
  readonly oldestOpen: { readonly id: string; readonly failedAt: Date } | null;
};

export type StatsWindow = Window & { readonly zone: TimeZone; readonly maximumMs: number };

/**
 * The numbers of the letters that fit a filter, each by a statement of its own.
 *
 * A filter of facets is answered from the counts; any other, and the times, from the rows, each within `maximumMs`.
 *
 * @throws {OfficeError} `USAGE` for a filter that cannot be meant, `QUERY_TIMEOUT`
 */
export async function statsOf(db: Db, filter: Filter, window: StatsWindow, now: Date): Promise<Stats> {
  const { zone, maximumMs, fromMs, toMs } = window;
  const bounded = async <Result>(work: (tx: Db) => Promise<Result>) => await withinTime(db, maximumMs, work);
  const [letters, deaths, growthPerHour, attemptsPerDeath, timeToFirstLook, timeToRecovery, oldestOpen] =
    await Promise.all([
      bounded(async (tx) => await lettersByState(tx, filter, now)),
      bounded(async (tx) => await recentDeaths(tx, filter, zone, now)),
      bounded(async (tx) => await growth(tx, filter, now)),
      bounded(async (tx) => await meanAttempts(tx, filter, window, now)),
      bounded(async (tx) => await firstLooks(tx, filter, window, now)),
      bounded(async (tx) => await recoveryTimes(tx, filter, window, now)),
      bounded(async (tx) => await oldestOpenLetter(tx, filter, now)),
    ]);
  return {
    since: new Date(fromMs),
    until: new Date(toMs),
    timeZone: zone.name,
    ...letters,
    ...deaths,
    growthPerHour,
    attemptsPerDeath,
    timeToFirstLook,
    timeToRecovery,
    oldestOpen,
  };
}

const hourMs = 3_600_000;

async function lettersByState(db: Db, filter: Filter, now: Date) {
  const rows = await db.execute<{ status: Status; retried: boolean; n: number }>(sql`
    select status, retried, sum(n)::float8 as n from ${countedLetters(filter, now, ["status", "retried"])}
    group by status, retried`);
  const sum = (fits: (row: (typeof rows)[number]) => boolean) =>
    rows.filter(fits).reduce((total, { n }) => total + n, 0);
  const byStatus = Object.fromEntries(
    statuses.map((status) => [status, sum((row) => row.status === status)]),
  ) as Stats["byStatus"];
  const closed = sum(({ status }) => !isOpen(status));
  return {
    total: sum(() => true),
    byStatus,
    open: sum(({ status }) => isOpen(status)),
    notRetried: sum(({ status, retried }) => isOpen(status) && !retried),
    recoveredShare: closed === 0 ? null : byStatus.recovered / closed,
  };
}

async function recentDeaths(db: Db, filter: Filter, zone: TimeZone, now: Date) {
  const today = startOfPeriod("day", now.getTime(), zone);
  const week = startOfPeriod("week", now.getTime(), zone);
  // Workers' clocks may be ahead a little.
  const window = { fromMs: week, toMs: now.getTime() + hourMs };
  const [found] = await db.execute<{ today: number; week: number }>(sql`
    select coalesce(sum(n) filter (where at >= ${moment(today)}), 0)::float8 as today, coalesce(sum(n), 0)::float8 as week
    from ${countedDeaths(filter, window, "all", now).from}`);
  return { today: found?.today ?? 0, thisWeek: found?.week ?? 0 };
}

async function growth(db: Db, filter: Filter, now: Date): Promise<number> {
  const since = now.getTime() - hourMs;
  const conditions = filterConditions(filter, now);
  const [found] = await db.execute<{ came: number; closed: number }>(sql`
    select (
      select count(*) from ${firstDeaths(filter, now)} as died where died_at > ${moment(since)}
    )::float8 as came, (
      select count(*) from ${deadLetters}
      where ${and(sql`${deadLetters.closedAt} > ${moment(since)}`, ...conditions)}
    )::float8 as closed`);
  return found === undefined ? 0 : found.came - found.closed;
}

async function meanAttempts(db: Db, filter: Filter, window: Window, now: Date): Promise<number | null> {
  const narrowed = narrowing(filter);
  const here = narrowed?.namespaces === undefined ? sql`` : sql`and namespace in ${narrowed.namespaces}`;
  const [found] = await db.execute<{ mean: number | null }>(
    narrowed !== undefined && narrowed.dimension === undefined
      ? sql`select avg(attempts)::float8 as mean from dlo.deaths
          where died_at >= ${moment(window.fromMs)} and died_at < ${moment(window.toMs)} ${here}`
      : sql`select avg(death_attempts)::float8 as mean from ${deathRows(filter, window, now)}`,
  );
  return found?.mean ?? null;
}

async function oldestOpenLetter(db: Db, filter: Filter, now: Date): Promise<Stats["oldestOpen"]> {
  const { id, failedAt, closedAt } = deadLetters;
  const [oldest] = await db
    .select({ id, failedAt })
    .from(deadLetters)
    .where(and(isNull(closedAt), ...filterConditions(filter, now)))
    .orderBy(asc(failedAt), asc(id))
    .limit(1);
  return oldest ?? null;
}
