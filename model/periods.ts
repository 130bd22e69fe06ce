import type { TimeZone } from "./time-zone.ts";

/*
 * Hours, days and weeks as the clocks of a time zone show them. A day may have 23 or 25 hours. An hour that the clocks show
 * twice is two periods; where they jump by half an hour, one of the two is half as long.
 */

export const periodUnits = ["hour", "day", "week"] as const;

export type PeriodUnit = (typeof periodUnits)[number];

export type Period = {
  readonly fromMs: number;
  /** Where the next one begins. */
  readonly toMs: number;
  /** What the zone's clocks are ahead of UTC by when it begins. */
  readonly offsetMs: number;
};

/**
 * The periods that have any of the time from `fromMs` until before `toMs`, whole, in order and without gaps. Weeks begin on
 * Monday.
 */
export function periodsBetween(unit: PeriodUnit, fromMs: number, toMs: number, zone: TimeZone): Period[] {
  // Whatever the period, its neighbours begin and end within this reach.
  const reachMs = spanMs[unit] + 2 * dayMs;
  const starts = startsBetween(unit, fromMs - reachMs, toMs + reachMs, zone);
  return starts.flatMap((start, i) => {
    const next = starts[i + 1];
    return next === undefined || next.fromMs <= fromMs || start.fromMs >= toMs ? [] : [{ ...start, toMs: next.fromMs }];
  });
}

/** When the period began that this moment is in. */
export function startOfPeriod(unit: PeriodUnit, ms: number, zone: TimeZone): number {
  const [period] = periodsBetween(unit, ms, ms + 1, zone);
  if (period === undefined) throw new Error(`No ${unit} of ${zone.name} has the moment ${ms}`);
  return period.fromMs;
}

/** ISO 8601 with the zone's own offset: `2026-10-25T02:00:00+02:00`. */
export function localTime({ fromMs, offsetMs }: Pick<Period, "fromMs" | "offsetMs">): string {
  const local = new Date(fromMs + offsetMs).toISOString().slice(0, 19);
  if (offsetMs === 0) return `${local}Z`;
  const minutes = Math.round(Math.abs(offsetMs) / 60_000);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${local}${offsetMs < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;
const spanMs = { hour: hourMs, day: dayMs, week: 7 * dayMs };
/** The Unix epoch was a Thursday. */
const firstMondayMs = 4 * dayMs;

type Start = { readonly fromMs: number; readonly offsetMs: number };

/** Begins of periods. The very first is where the search began, which is none. */
function startsBetween(unit: PeriodUnit, fromMs: number, toMs: number, zone: TimeZone): Start[] {
  const starts: Start[] = [];
  const length = spanMs[unit];
  const shift = unit === "week" ? firstMondayMs : 0;
  let shown = Number.NEGATIVE_INFINITY;
  const stretches = stretchesBetween(fromMs, toMs, zone);
  for (const [i, { fromMs: begin, offsetMs }] of stretches.entries()) {
    const end = stretches[i + 1]?.fromMs ?? toMs;
    const numberAt = (ms: number) => Math.floor((ms + offsetMs - shift) / length);
    // Clocks that were put back show an hour anew, but no day.
    if (unit === "hour" || numberAt(begin) > shown) starts.push({ fromMs: begin, offsetMs });
    for (let number = numberAt(begin) + 1; number * length + shift - offsetMs < end; number++)
      if (unit === "hour" || number > shown) starts.push({ fromMs: number * length + shift - offsetMs, offsetMs });
    shown = Math.max(shown, numberAt(end - 1));
  }
  return starts.slice(1);
}

/** Stretches of time in which the zone's offset stays. None is taken to be shorter than a day. */
function stretchesBetween(fromMs: number, toMs: number, zone: TimeZone): Start[] {
  const first = Math.floor(fromMs / minuteMs) * minuteMs;
  let stretch: Start = { fromMs: first, offsetMs: zone.offsetAt(first) };
  const stretches = [stretch];
  for (let ms = first; ms < toMs; ms += dayMs) {
    if (zone.offsetAt(ms + dayMs) === stretch.offsetMs) continue;
    const change = changeBetween(ms, ms + dayMs, stretch.offsetMs, zone);
    stretch = { fromMs: change, offsetMs: zone.offsetAt(change) };
    stretches.push(stretch);
  }
  return stretches;
}

/** The first whole minute with another offset. */
function changeBetween(beforeMs: number, afterMs: number, offsetMs: number, zone: TimeZone): number {
  let before = beforeMs;
  let after = afterMs;
  while (after - before > minuteMs) {
    const middle = before + Math.floor((after - before) / 2 / minuteMs) * minuteMs;
    if (zone.offsetAt(middle) === offsetMs) before = middle;
    else after = middle;
  }
  return after;
}
