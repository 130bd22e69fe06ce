import { describe, expect, test } from "vitest";
import { gradeHealth, healthLimits } from "../../model/health.ts";

const now = new Date("2026-05-01T12:00:00Z");
const grade = (deadLetters: number, options = {}, oldestAt: Date | null = null) =>
  gradeHealth({ deadLetters, open: deadLetters, oldestAt }, healthLimits(options), now);

test.each([
  [0, "healthy"],
  [1, "degraded"],
  [9, "degraded"],
  [10, "unhealthy"],
  [40_000, "unhealthy"],
])("%i recent letters: %s", (letters, status) => {
  const health = grade(letters);
  expect(health).toMatchObject({ status, deadLetters: letters, timestamp: now });
  expect(health.reasons).toHaveLength(status === "healthy" ? 0 : 1);
});

test("the limits are the configuration's", () => {
  expect(grade(4, { degraded: 5 }).status).toBe("healthy");
  expect(grade(5, { degraded: 5 }).status).toBe("degraded");
  expect(grade(20, { degraded: 20 }).status).toBe("unhealthy");
  expect(grade(2, { unhealthy: 2, window: "15 minutes" }).reasons).toEqual([
    "within 15 minutes 2 letters died and wait: unhealthy from 2",
  ]);
});

test("a letter that has waited for too long degrades, and tells so beside the rest", () => {
  const old = new Date(now.getTime() - 7 * 86_400_000 - 1);
  expect(grade(0, {}, old).status).toBe("healthy");
  expect(grade(0, { oldest: "7 days" }, new Date(old.getTime() + 1)).status).toBe("healthy");
  expect(grade(0, { oldest: "7 days" }, old)).toMatchObject({
    status: "degraded",
    reasons: ["the oldest open letter has waited for more than 7 days: degraded"],
  });
  expect(grade(10, { oldest: "7 days" }, old)).toMatchObject({
    status: "unhealthy",
    reasons: [{}, {}].map(() => expect.any(String) as string),
  });
});

describe("limits that cannot be meant are refused", () => {
  test.each([
    [{ windows: "1 hour" }, 'Unknown health option "windows". Did you mean "window"?'],
    [{ window: "60" }, "Expected window to be a duration"],
    [{ degraded: 0 }, "Expected degraded to be a whole number of letters from 1, got 0"],
    [{ unhealthy: 1.5 }, "Expected unhealthy to be a whole number of letters from 1, got 1.5"],
    [{ degraded: 5, unhealthy: 4 }, "Expected unhealthy to be at least as many letters as degraded (5), got 4"],
    [{ oldest: "a week" }, "Expected oldest to be a duration"],
  ])("%j", (options, why) => expect(() => healthLimits(options as never)).toThrow(why));
});
