import type { SQL } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { Ranking } from "../model/breakdown.ts";
import type { Filter } from "../model/filter.ts";
import { localTime, type Period, periodsBetween, type PeriodUnit } from "../model/periods.ts";
import type { TimeZone } from "../model/time-zone.ts";
import { countedAttempts } from "./counted-attempts.ts";
import type { CountedColumn } from "./counted-facets.ts";
import { countedLetters } from "./counted-letters.ts";
import type { Db } from "./database.ts";
import { countedDeaths, type DeathDimension } from "./death-counts.ts";
import type { StatsWindow } from "./stats.ts";
import { withinTime } from "./within-time.ts";

type Counted = {
  /** What is counted, rounded out to whole quarters of an hour or whole periods. */
  readonly since: Date;
  readonly until: Date;
  readonly timeZone: string;
  /** Deaths in all; with `any-error`, failed attempts. */
  readonly total: number;
  /** False: of the rows that are still there. What the counts can tell holds also what was pruned. */
  readonly fromCounts: boolean;
};

export type Ranked = Counted & {
  readonly by: Ranking;
  /** Most first. */
  readonly rows: readonly RankedRow[];
  /** Values that have no row, as there are more than were asked for. */
  readonly others: number;
};

export type RankedRow = {
  /** Of a cause the id. */
  readonly value: string;
  /** Of a cause. */
  readonly title?: string;
  /** Deaths in the window; with `any-error`, failed attempts. */
  readonly n: number;
  /** Of all in the window: from 0 to 1. */
  readonly share: number;
  /** Letters now, whenever they died; absent with `any-error`. */
  readonly letters?: number;
  readonly open?: number;
  readonly recovered?: number;
};

export type TimeRow = {
  readonly from: Date;
  readonly to: Date;
  /** `from` as the zone's clocks show it, with their offset. */
  readonly local: string;
  /** Deaths. */
  readonly n: number;
};

/** Deaths along the time, without gaps. The last period may not be over. */
export type Timed = Counted & { readonly by: PeriodUnit; readonly rows: readonly TimeRow[] };

/** Deaths by the hour that the zone's clocks showed, from 0 to 23. */
export type HoursOfDay = Counted & {
  readonly by: "hour-of-day";
  readonly rows: readonly { readonly hour: number; readonly n: number }[];
};

/**
 * Ranks the deaths of a window.
 *
 * @param limit at most so many rows
 * @throws {OfficeError} `USAGE` for a filter that cannot be meant, `QUERY_TIMEOUT`
 */
export async function rank(
  db: Db,
  filter: Filter,
  by: Ranking,
  window: StatsWindow,
  limit: number,
  now: Date,
): Promise<Ranked> {
  const whole = { ...window, fromMs: quarterBefore(window.fromMs), toMs: quarterAfter(window.toMs) };
  const { from, fromCounts } =
    by === "any-error" ? countedAttempts(filter, whole, now) : countedDeaths(filter, whole, dimensions[by], now);
  const rows = await withinTime(
    db,
    window.maximumMs,
    async (tx) => await tx.execute<RawRow>(ranked(from, filter, by, limit, now)),
  );
  const [first] = rows;
  const total = first?.total ?? 0;
  return {
    by,
    ...counted(whole, total, fromCounts),
    rows: rows.map(({ value, title, n, letters, open, recovered }) => ({
      value,
      ...(title === null ? {} : { title }),
      n,
      share: total === 0 ? 0 : n / total,
      ...(by === "any-error" ? {} : { letters, open, recovered }),
    })),
    others: Math.max(0, (first?.values ?? 0) - rows.length),
  };
}

/**
 * Lays the deaths of a window out along the time, in the zone's hours, days or weeks.
 *
 * @throws {OfficeError} `USAGE` for a filter that cannot be meant, `QUERY_TIMEOUT`
 */
export async function layOut(db: Db, filter: Filter, unit: PeriodUnit, window: StatsWindow, now: Date): Promise<Timed> {
  const { periods, whole, numbers, fromCounts } = await inPeriods(db, filter, unit, window, now);
  const rows = periods.map((period, i) => ({
    from: new Date(period.fromMs),
    to: new Date(period.toMs),
    local: localTime(period),
    n: numbers[i] ?? 0,
  }));
  return { by: unit, ...counted(whole, sumOf(rows), fromCounts), rows };
}

/** As `layOut`, with the same hours of all days together. */
export async function hoursOfDay(db: Db, filter: Filter, window: StatsWindow, now: Date): Promise<HoursOfDay> {
  const { periods, whole, numbers, fromCounts } = await inPeriods(db, filter, "hour", window, now);
  const hours = periods.map((period) => localHour(period));
  const rows = Array.from({ length: 24 }, (_, hour) => ({
    hour,
    n: numbers.filter((_n, i) => hour === hours[i]).reduce((sum, n) => sum + n, 0),
  }));
  return { by: "hour-of-day", ...counted(whole, sumOf(rows), fromCounts), rows };
}

/** More would be no picture, and no table that anybody reads. */
export const mostPeriods = 20_000;

const quarterMs = 15 * 60_000;

const quarterBefore = (ms: number) => Math.floor(ms / quarterMs) * quarterMs;
const quarterAfter = (ms: number) => Math.ceil(ms / quarterMs) * quarterMs;

const dimensions: Readonly<Record<Exclude<Ranking, "any-error">, DeathDimension>> = {
  job: "job",
  queue: "queue",
  category: "category",
  reason: "reason",
  error: "error",
  cause: "cause",
};

function counted(
  { fromMs, toMs, zone }: { readonly fromMs: number; readonly toMs: number; readonly zone: TimeZone },
  total: number,
  fromCounts: boolean,
): Counted {
  return { since: new Date(fromMs), until: new Date(toMs), timeZone: zone.name, total, fromCounts };
}

type RawRow = {
  value: string;
  title: string | null;
  n: number;
  total: number;
  values: number;
  letters: number;
  open: number;
  recovered: number;
};

function ranked(from: SQL, filter: Filter, by: Ranking, limit: number, now: Date): SQL {
  const top = sql`
    with died as (select value, sum(n)::float8 as n from ${from} group by value having sum(n) <> 0),
    top as (
      select value, n, (select sum(n) from died) as total, (select count(*)::float8 from died) as values
      from died order by n desc, value limit ${limit}
    )`;
  if (by === "any-error") return sql`${top} select *, null as title from top order by n desc, value`;
  const title = by === "cause" ? sql`(select title from dlo.causes where id = top.value::uuid)` : sql`null`;
  return sql`${top},
    now_there as (
      select ${sql.raw(facets[by])}::text as value, sum(n)::float8 as letters,
        coalesce(sum(n) filter (where status in ('parked', 'retrying')), 0)::float8 as open,
        coalesce(sum(n) filter (where status = 'recovered'), 0)::float8 as recovered
      from ${countedLetters(filter, now, [facets[by], "status"])} group by 1
    )
    select top.*, ${title} as title, coalesce(letters, 0) as letters, coalesce(open, 0) as open,
      coalesce(recovered, 0) as recovered
    from top left join now_there using (value) order by n desc, value`;
}

const facets: Readonly<Record<Exclude<Ranking, "any-error">, CountedColumn>> = {
  job: "job",
  queue: "queue",
  category: "category",
  reason: "reason",
  error: "error_type",
  cause: "cause_id",
};

async function inPeriods(db: Db, filter: Filter, unit: PeriodUnit, window: StatsWindow, now: Date) {
  const periods = periodsBetween(unit, window.fromMs, window.toMs, window.zone);
  const whole = { ...window, fromMs: periods[0]?.fromMs ?? window.fromMs, toMs: periods.at(-1)?.toMs ?? window.toMs };
  const { from, fromCounts } = countedDeaths(filter, whole, "all", now);
  const starts = `{${periods.map(({ fromMs }) => new Date(fromMs).toISOString()).join(",")}}`;
  const rows = await withinTime(
    db,
    window.maximumMs,
    async (tx) =>
      await tx.execute<{ period: number; n: number }>(sql`
        select width_bucket(at, ${starts}::timestamptz[]) as period, sum(n)::float8 as n from ${from} group by 1`),
  );
  const numbers: number[] = periods.map(() => 0);
  for (const { period, n } of rows) numbers[period - 1] = n;
  return { periods, whole, numbers, fromCounts };
}

function localHour({ fromMs, offsetMs }: Period): number {
  return new Date(fromMs + offsetMs).getUTCHours();
}

function sumOf(rows: readonly { readonly n: number }[]): number {
  return rows.reduce((sum, { n }) => sum + n, 0);
}
