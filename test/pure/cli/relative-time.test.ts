import { expect, test } from "vitest";
import { bothTimes, briefTime, relativeTime, tookTime } from "../../../cli/relative-time.ts";

const now = Date.parse("2026-11-24T12:00:00Z");
const at = (ms: number) => new Date(now + ms);

test.each([
  [0, "now"],
  [-400, "now"],
  [-1000, "1 second ago"],
  [-59_700, "1 minute ago"],
  [-3 * 60_000, "3 minutes ago"],
  [30 * 86_400_000, "in 30 days"],
  [36_000_000, "in 10 hours"],
])("%i ms is %s", (ms, text) => {
  expect(relativeTime(at(ms), now)).toBe(text);
});

test("the other forms", () => {
  expect(briefTime(at(-180_000), now)).toBe("3m ago");
  expect(briefTime(at(86_400_000), now)).toBe("in 1d");
  expect(briefTime(at(0), now)).toBe("now");
  expect(bothTimes(at(-60_000), now)).toBe("2026-11-24 11:59:00 UTC (1 minute ago)");
  expect([tookTime(340), tookTime(2_140), tookTime(240_000)]).toEqual(["340 ms", "2.1 s", "4 minutes"]);
});
