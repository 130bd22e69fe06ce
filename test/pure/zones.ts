import fc from "fast-check";
import type { PeriodUnit } from "../../model/periods.ts";

export const quarterMs = 15 * 60_000;

/** Zones with offsets of halves and quarters of an hour, with a change of half an hour, at midnight, in either half of the year. */
const namedZones = [
  "UTC",
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "Australia/Lord_Howe",
  "America/New_York",
  "Europe/Berlin",
  "America/St_Johns",
  "Pacific/Chatham",
  "Africa/Cairo",
  "America/Havana",
  "Pacific/Apia",
] as const;

export const anyZone = fc.oneof(
  fc.constantFrom<string>(...namedZones),
  fc.constantFrom(...Intl.supportedValuesOf("timeZone")),
);

const from = Date.UTC(2024, 0);
const to = Date.UTC(2027, 0);

/** A quarter of an hour, often one near to which the zone's clocks are changed. */
export function momentNearChange(zone: string): fc.Arbitrary<number> {
  const changes = changesOf(zone);
  const any = fc.integer({ min: from / quarterMs, max: to / quarterMs }).map((quarter) => quarter * quarterMs);
  if (changes.length === 0) return any;
  const near = fc
    .tuple(fc.constantFrom(...changes), fc.integer({ min: -200, max: 100 }))
    .map(([day, quarters]) => day + quarters * quarterMs);
  return fc.oneof(any, near);
}

/** What clocks show of a moment, to the hour, day or week: from Node's own calendar, part by part. */
export function localLabel(unit: PeriodUnit, ms: number, zone: string): string {
  const { year, month, day, hour, offset } = partsOf(ms, zone);
  if (unit === "hour") return `${year}-${month}-${day} ${hour} ${offset}`;
  if (unit === "day") return `${year}-${month}-${day}`;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  return date.toISOString().slice(0, 10);
}

export function localHour(ms: number, zone: string): number {
  return Number(partsOf(ms, zone).hour);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function partsOf(ms: number, zone: string) {
  const known = formats.get(zone);
  const format =
    known ??
    new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      hourCycle: "h23",
      timeZoneName: "longOffset",
    });
  formats.set(zone, format);
  const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  return {
    year: parts["year"]!,
    month: parts["month"]!,
    day: parts["day"]!,
    hour: parts["hour"]!,
    offset: parts["timeZoneName"]!,
  };
}

const dayMs = 86_400_000;
const known = new Map<string, readonly number[]>();

/** Days on which a zone's offset changes. */
function changesOf(zone: string): readonly number[] {
  const before = known.get(zone);
  if (before !== undefined) return before;
  const days: number[] = [];
  const offsetAt = (ms: number) => partsOf(ms, zone).offset;
  for (let week = from; week < to; week += 7 * dayMs) {
    if (offsetAt(week) === offsetAt(week + 7 * dayMs)) continue;
    let day = week;
    while (offsetAt(day + dayMs) === offsetAt(week)) day += dayMs;
    days.push(day);
  }
  known.set(zone, days);
  return days;
}
