import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { Duration } from "../../model/duration.ts";
import { formatDuration, parseDuration } from "../../model/duration.ts";

const day = 86_400_000;

test.each<[unknown, number]>([
  ["30 days", 30 * day],
  ["30d", 30 * day],
  ["1.5 hours", 5_400_000],
  [".5 s", 500],
  ["5 Minutes", 300_000],
  ["250 ms", 250],
  ["1 week", 7 * day],
  ["100 years", 36_525 * day],
  [1500, 1500],
  [1499.6, 1500],
])("%j is %d ms", (value, expected) => {
  expect(parseDuration(value, "retention")).toBe(expected);
});

test("what is refused is told with its likely meaning", () => {
  const refusal = (value: unknown) => {
    try {
      return `taken: ${parseDuration(value, "retention")}`;
    } catch (error) {
      return (error as Error).message.replace(
        'Expected retention to be a duration such as "30 days" or a number of milliseconds, got ',
        "",
      );
    }
  };
  const given = [
    ...[
      "30",
      "2 months",
      "1 mo",
      "1h 30m",
      "1 day and 2 hours",
      "PT1H30M",
      "P30D",
      "30 dayz",
      "3 fortnights",
      "1,5 hours",
    ],
    ...["-1 day", "0 s", "", " 30 days ", "forever", "Infinity", "soon", "1:30", "200 years", "x".repeat(200)],
    ...[NaN, Infinity, -5, 0, 0.2, 1e15, null, undefined, true, {}, [], 10n, Symbol("s")],
  ];
  expect(given.map(refusal)).toMatchInlineSnapshot(`
    [
      ""30" (string): the unit is missing; say "30 seconds" or "30 days"",
      ""2 months" (string): months vary in length; say "60 days"",
      ""1 mo" (string): months vary in length; say "30 days"",
      ""1h 30m" (string): it takes one number and one unit; say "90 minutes"",
      ""1 day and 2 hours" (string): it takes one number and one unit; say "26 hours"",
      ""PT1H30M" (string): it takes one number and one unit; say "90 minutes"",
      ""P30D" (string): it takes one number and one unit; say "30 days"",
      ""30 dayz" (string): "dayz" is not a unit; say "30 days"",
      ""3 fortnights" (string): "fortnights" is not a unit; units are milliseconds, seconds, minutes, hours, days, weeks, years",
      ""1,5 hours" (string): decimals take a point; say "1.5 hours"",
      ""-1 day" (string): a duration cannot be negative",
      ""0 s" (string): it must be longer than nothing",
      """ (string): it is empty",
      "" 30 days " (string): it takes one number and one unit; say "30 days"",
      ""forever" (string): a duration ends; where something may last without end, the word is "indefinite"",
      ""Infinity" (string): a duration ends; where something may last without end, the word is "indefinite"",
      ""soon" (string): it takes one number and one unit (milliseconds, seconds, minutes, hours, days, weeks, years)",
      ""1:30" (string): it takes one number and one unit (milliseconds, seconds, minutes, hours, days, weeks, years)",
      ""200 years" (string): it must be at most 100 years",
      ""xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" (string): it takes one number and one unit (milliseconds, seconds, minutes, hours, days, weeks, years)",
      "NaN (number): it is not a number",
      "Infinity (number): a duration ends; where something may last without end, the word is "indefinite"",
      "-5 (number): a duration cannot be negative",
      "0 (number): it must be longer than nothing",
      "0.2 (number): it must be at least 1 ms (a plain number is milliseconds)",
      "1000000000000000 (number): it must be at most 100 years (a plain number is milliseconds)",
      "null: it is of another type",
      "undefined: it is of another type",
      "true (boolean): it is of another type",
      "an object: it is of another type",
      "a list: it is of another type",
      "a bigint: it is of another type",
      "a symbol: it is of another type",
    ]
  `);
});

test("bounds are told in words", () => {
  expect(() => parseDuration(10, "heartbeatTimeout", { minimumMs: 1000 })).toThrow(
    "got 10 (number): it must be at least 1 second (a plain number is milliseconds)",
  );
  expect(() => parseDuration("2 days", "timeout", { maximumMs: day })).toThrow(
    'got "2 days" (string): it must be at most 1 day',
  );
  expect(parseDuration(0, "after", { minimumMs: 0 })).toBe(0);
  expect(parseDuration("0 s", "after", { minimumMs: 0 })).toBe(0);
});

test("a text without a unit does not compile", () => {
  expectTypeOf<"30">().not.toExtend<Duration>();
  expectTypeOf<"soon">().not.toExtend<Duration>();
  expectTypeOf<"30 days">().toExtend<Duration>();
  expectTypeOf<30>().toExtend<Duration>();
});

test("never more than a whole number of milliseconds within the bounds, whatever is given", () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.string(), fc.double()), (value) => {
      try {
        const parsed = parseDuration(value, "x");
        return Number.isInteger(parsed) && parsed >= 1 && parsed <= 36_525 * day;
      } catch (error) {
        return (error as Error).message.startsWith("Expected x to be a duration");
      }
    }),
  );
});

describe("formatDuration", () => {
  test.each([
    [0, "0 ms"],
    [1, "1 ms"],
    [999, "999 ms"],
    [1000, "1 second"],
    [1234, "1.234 seconds"],
    [90_000, "1.5 minutes"],
    [5_400_000, "1.5 hours"],
    [4_800_000, "1 hour 20 minutes"],
    [day, "1 day"],
    [30 * day, "30 days"],
    [day + 3_600_000 + 60_000 + 1001, "1 day 1 hour 1 minute 1.001 seconds"],
    [3_600_005, "1 hour 5 ms"],
    [-60_000, "-1 minute"],
    [Infinity, "Infinity"],
  ])("%d ms is %s", (given, expected) => {
    expect(formatDuration(given)).toBe(expected);
  });

  test("loses not a millisecond", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 36_525 * day }), (given) => {
        const parts = formatDuration(given).match(/[\d.]+ [a-z]+/g) ?? [];
        const sum = parts.reduce((total, part) => total + parseDuration(part, "part"), 0);
        expect(sum).toBe(given);
      }),
    );
  });
});
