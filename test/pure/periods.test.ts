import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { localTime, periodsBetween, periodUnits, startOfPeriod } from "../../model/periods.ts";
import { timeZoneOf } from "../../model/time-zone.ts";
import { anyZone, localLabel, momentNearChange, quarterMs } from "./zones.ts";

vi.setConfig({ testTimeout: 60_000 });

const hourMs = 3_600_000;

test.for([
  ["Europe/Berlin", "2026-03-29", 23],
  ["Europe/Berlin", "2026-10-25", 25],
  ["America/New_York", "2026-03-08", 23],
  ["America/New_York", "2026-11-01", 25],
  ["Australia/Lord_Howe", "2026-04-05", 24.5],
  ["Australia/Lord_Howe", "2026-10-04", 23.5],
  ["Asia/Kolkata", "2026-03-29", 24],
  ["Asia/Kathmandu", "2026-10-25", 24],
  ["UTC", "2026-03-29", 24],
  // Clocks are changed at midnight here.
  ["Africa/Cairo", "2026-04-24", 23],
  ["America/Havana", "2026-11-01", 25],
] as const)("in %s the %s has %d hours", ([zone, date, hours]) => {
  const { atLocal } = timeZoneOf(zone);
  const noon = atLocal(Date.parse(`${date}T12:00Z`));
  const [day, ...others] = periodsBetween("day", noon, noon + 1, timeZoneOf(zone));
  expect(others).toEqual([]);
  expect((day!.toMs - day!.fromMs) / hourMs).toBe(hours);
  expect(localTime(day!).slice(0, 10)).toBe(date);
});

test("an hour that clocks show twice is two periods, and one that they leave out is none", () => {
  const berlin = timeZoneOf("Europe/Berlin");
  const hours = (from: string, to: string, zone = berlin) =>
    periodsBetween("hour", Date.parse(from), Date.parse(to), zone).map((period) => localTime(period));
  expect(hours("2026-10-25T00:00Z", "2026-10-25T02:00Z")).toEqual([
    "2026-10-25T02:00:00+02:00",
    "2026-10-25T02:00:00+01:00",
  ]);
  expect(hours("2026-03-29T00:00Z", "2026-03-29T02:00Z")).toEqual([
    "2026-03-29T01:00:00+01:00",
    "2026-03-29T03:00:00+02:00",
  ]);
  // Half an hour is shown twice, so one of the two is half an hour long.
  expect(hours("2026-04-04T14:00Z", "2026-04-04T16:00Z", timeZoneOf("Australia/Lord_Howe"))).toEqual([
    "2026-04-05T01:00:00+11:00",
    "2026-04-05T01:30:00+10:30",
    "2026-04-05T02:00:00+10:30",
  ]);
  expect(hours("2026-11-24T10:00Z", "2026-11-24T11:00Z", timeZoneOf("Asia/Kathmandu"))).toEqual([
    "2026-11-24T15:00:00+05:45",
    "2026-11-24T16:00:00+05:45",
  ]);
});

test("weeks begin on Monday, also those in which clocks are changed", () => {
  const berlin = timeZoneOf("Europe/Berlin");
  const weeks = periodsBetween("week", Date.parse("2026-10-19T12:00Z"), Date.parse("2026-11-03T12:00Z"), berlin);
  expect(weeks.map((week) => [localTime(week), (week.toMs - week.fromMs) / hourMs])).toEqual([
    ["2026-10-19T00:00:00+02:00", 169],
    ["2026-10-26T00:00:00+01:00", 168],
    ["2026-11-02T00:00:00+01:00", 168],
  ]);
  expect(new Date(startOfPeriod("week", Date.parse("2026-11-01T22:59Z"), berlin)).toISOString()).toBe(
    "2026-10-25T23:00:00.000Z",
  );
});

test("in any zone, periods have no gaps, cover what was asked for, and hold what the clocks show", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...periodUnits),
      anyZone.chain((zone) => fc.tuple(fc.constant(zone), momentNearChange(zone))),
      fc.integer({ min: 1, max: 60 * 24 * 2 }),
      (unit, [zone, from], minutes) => {
        const to = from + minutes * 60_000;
        const periods = periodsBetween(unit, from, to, timeZoneOf(zone));
        expect(periods[0]!.fromMs).toBeLessThanOrEqual(from);
        expect(periods.at(-1)!.toMs).toBeGreaterThanOrEqual(to);
        for (const [i, period] of periods.entries()) {
          expect(period.toMs).toBe(periods[i + 1]?.fromMs ?? period.toMs);
          expect(period.toMs).toBeGreaterThan(period.fromMs);
          // All of it is shown as that hour, day or week, and what is beside it isn't.
          const stepMs = unit === "week" ? hourMs : quarterMs;
          const label = localLabel(unit, period.fromMs, zone);
          for (let ms = period.fromMs; ms < period.toMs; ms += stepMs) expect(localLabel(unit, ms, zone)).toBe(label);
          expect(localLabel(unit, period.toMs, zone)).not.toBe(label);
          expect(localLabel(unit, period.fromMs - 1, zone)).not.toBe(label);
        }
      },
    ),
    { numRuns: 80 },
  );
});
