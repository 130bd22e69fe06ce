import { expect, test } from "vitest";
import { bar } from "../../../cli/bar.ts";
import { hoursText, rankedText, statsText, timedText } from "../../../cli/stats-text.ts";
import type { Ranked, Stats, Timed } from "../../../client/index.ts";

const since = new Date("2026-10-25T00:00Z");
const until = new Date("2026-10-25T03:00Z");
const counted = { since, until, timeZone: "Europe/Berlin", fromCounts: true };

const ranked: Ranked = {
  ...counted,
  by: "cause",
  total: 1300,
  others: 2,
  rows: [
    {
      value: "3765eed3-1739-55b8-87b1-599f74dc26d1",
      title: "connect ECONNREFUSED <…>:5432 in chargeCard",
      n: 1200,
      share: 0.923,
      letters: 11_945,
      open: 688,
      recovered: 8364,
    },
    {
      value: "986a9bb2-5f1b-57fc-b8e1-a77ed5cd45d7",
      title: "customer <…> does not exist in parseRow",
      n: 60,
      share: 0.046,
      letters: 80,
      open: 0,
      recovered: 0,
    },
  ],
};

const timed: Timed = {
  ...counted,
  by: "hour",
  total: 50,
  rows: [
    { from: since, to: until, local: "2026-10-25T02:00:00+02:00", n: 40 },
    { from: since, to: until, local: "2026-10-25T02:00:00+01:00", n: 0 },
    { from: since, to: until, local: "2026-10-25T03:00:00+01:00", n: 10 },
  ],
};

const numbers: Stats = {
  since,
  until,
  timeZone: "Europe/Berlin",
  total: 12_345,
  byStatus: { parked: 700, retrying: 12, recovered: 8000, expired: 3000, discarded: 600, superseded: 33 },
  open: 712,
  notRetried: 600,
  recoveredShare: 0.6877,
  today: 1200,
  thisWeek: 1300,
  growthPerHour: -40,
  attemptsPerDeath: 2.96,
  timeToFirstLook: { medianMs: 3_600_000, p95Ms: 86_400_000, letters: 2000, exact: false },
  timeToRecovery: { medianMs: null, p95Ms: null, letters: 0, exact: true },
  oldestOpen: null,
};

test("a bar is as long as its part of the largest, and the least is to be seen", () => {
  expect([40, 20, 10, 1, 0].map((n) => bar(n, 40, 8))).toEqual(["████████", "████", "██", "▎", ""]);
  expect(bar(1, 1_000_000, 10)).toBe("▏");
  expect(bar(0, 0, 10)).toBe("");
});

test("a ranking has bars, shares, and what became of the letters", () => {
  expect(rankedText(ranked, 130)).toMatchInlineSnapshot(`
    "CAUSE                                                 DEATHS  SHARE  LETTERS  OPEN  RECOVERED
    3765eed3 connect ECONNREFUSED <…>:5432 in chargeCard   1,200  92.3%   11,945   688      8,364  ████████████████████
    986a9bb2 customer <…> does not exist in parseRow          60   4.6%       80     0          0  █
    2 more: --limit 4
    1,300 deaths, 2026-10-25 00:00 to 2026-10-25 03:00 UTC"
  `);
});

test("an hour that clocks show twice is told apart by its offset", () => {
  expect(timedText(timed, 60)).toMatchInlineSnapshot(`
    "HOUR                         DEATHS
    2026-10-25 Sun 02:00 +02:00      40  ██████████████████████
    2026-10-25 Sun 02:00 +01:00       0
    2026-10-25 Sun 03:00 +01:00      10  █████▌
    50 deaths, Europe/Berlin"
  `);
});

test("the tiles are one number a line", () => {
  expect(statsText({ numbers, hours: timed, rankings: [ranked] }, 100)).toMatchInlineSnapshot(`
    "letters      12,345
    open         712 (600 not retried, 12 retrying)
    died         1,200 today, 1,300 this week
    last hour    40 fewer open letters
    recovered    68.8% of closed letters
    attempts     3.0 a death
    first look   1 hour median, 1 day p95 (of the newest 2,000)
    recovery     -
    oldest open  -

    Deaths an hour, last 3 hours
    █·▂  most: 40 at 02:00

    Deaths by cause, 2026-10-25 00:00 to 2026-10-25 03:00 UTC
    CAUSE                                                 DEATHS  SHARE  LETTERS  OPEN  RECOVERED
    3765eed3 connect ECONNREFUSED <…>:5432 in chargeCard   1,200  92.3%   11,945   688      8,364  ████
    986a9bb2 customer <…> does not exist in parseRow          60   4.6%       80     0          0  ▎"
  `);
});

test.for([36, 40, 60, 80, 100, 200])("nothing is wider than a terminal of %d columns", (columns) => {
  const texts = [
    rankedText(ranked, columns),
    timedText(timed, columns),
    hoursText({ ...counted, by: "hour-of-day", total: 3, rows: [{ hour: 0, n: 3 }] }, columns),
  ];
  for (const line of texts.flatMap((text) => text.split("\n").slice(0, -2)))
    expect(line.length).toBeLessThanOrEqual(columns);
  for (const text of texts) expect(text).toMatch(/CAUSE +DEATHS|HOUR +DEATHS/);
});

test("where nothing died there is no table", () => {
  expect(rankedText({ ...ranked, total: 0, others: 0, rows: [] }, 80)).toBe(
    "Nothing like that died, 2026-10-25 00:00 to 2026-10-25 03:00 UTC.",
  );
});
