import { describe, expect, test } from "vitest";
import { type Prune, readPrune, ruleSummary, ruleText } from "../../model/prune.ts";

const asked = { id: "0197a3b2-1c4d-7000-8000-000000000001", by: "ann", atMs: Date.UTC(2026, 10, 28, 12) };
const day = 86_400_000;

function read(given: unknown): Prune {
  return readPrune(given, asked);
}

function problem(given: unknown): string {
  try {
    read(given);
  } catch (error) {
    expect(error).toMatchObject({ code: "USAGE" });
    return (error as Error).message;
  }
  throw new Error(`${JSON.stringify(given)} was taken`);
}

test("without options: all that are past their own keep time", () => {
  expect(read({})).toEqual({
    ...{ id: asked.id, filter: {}, olderThanMs: null, asOfMs: asked.atMs, batch: 500, by: "ann", reason: null },
  });
});

test("a filter, an age, and the rest", () => {
  const given = {
    filter: "job:import-movie status:recovered,expired",
    olderThan: "30 days",
    batch: 10,
    reason: "space",
  };
  expect(read(given)).toMatchObject({
    filter: { job: "import-movie", status: ["recovered", "expired"] },
    ...{ olderThanMs: 30 * day, batch: 10, reason: "space" },
  });
  expect(read({ filter: { retried: true, not: { status: "discarded" } } })).toMatchObject({ olderThanMs: null });
  expect(read({ filter: "status:closed" })).toMatchObject({ filter: { status: "closed" } });
});

describe("an age that cannot be meant is refused", () => {
  test.each([
    [0, "it must be longer than nothing"],
    ["0 days", "it must be longer than nothing"],
    [-1, "a duration cannot be negative"],
    ["-30 days", "a duration cannot be negative"],
    ["soon", "it takes one number and one unit"],
    ["", "it is empty"],
    [null, "it is of another type"],
    [Number.NaN, "it is not a number"],
    [Infinity, "a duration ends"],
    ["never", "a duration ends"],
    ["indefinite", "a duration ends"],
    ["30", 'the unit is missing; say "30 seconds" or "30 days"'],
    ["200 years", "it must be at most 100 years"],
  ])("%j", (olderThan, why) => {
    expect(problem({ olderThan })).toContain("Expected olderThan to be a duration");
    expect(problem({ olderThan })).toContain(why);
  });

  test("30, by somebody who meant days", () => {
    expect(problem({ olderThan: 30 })).toContain("at least 1 minute (a plain number is milliseconds)");
    expect(read({ olderThan: "1 minute" }).olderThanMs).toBe(60_000);
  });
});

describe("a filter that cannot be meant is refused", () => {
  test.each([
    ["status:open", "asks for open ones: parked, retrying"],
    ["status:parked", "asks for open ones: parked"],
    ["status:recovered,retrying", "asks for open ones: retrying"],
    ["-status:closed", "leaves all of them out"],
    ["status:recovered -status:recovered", "leaves all of them out"],
    ["", "An empty filter would mean all closed letters"],
    ["namespace:other", "names none"],
    ["jbo:import-movie", 'Did you mean "job"?'],
  ])("%s", (filter, why) => {
    expect(problem({ filter })).toContain(why);
  });

  test("as an object", () => {
    expect(problem({ filter: {} })).toContain("An empty filter would mean all closed letters");
    expect(problem({ filter: { status: "open" } })).toContain("asks for open ones");
    expect(problem({ filter: { jbo: "import-movie" } })).toContain('Did you mean "job"?');
    expect(problem({ filter: undefined })).toContain("filter is undefined");
    expect(problem({ filter: null })).toContain("A filter is an object");
  });
});

test("what is misspelt, undefined or of another kind is refused", () => {
  expect(problem({ olderthan: "30 days" })).toContain('Did you mean "olderThan"?');
  expect(problem({ olderThan: undefined })).toContain("olderThan is undefined");
  for (const batch of [0, -1, 1.5, 501, "10", Number.NaN])
    expect(problem({ batch })).toContain("batch must be a whole number of letters from 1 to 500");
  for (const given of [null, 5, "job:a", []]) expect(problem(given)).toContain("A prune takes an object");
  expect(problem({ id: "1" })).toContain("id must be a UUID");
  expect(problem({ by: 5 })).toContain("by must be a text");
  expect(problem({ reason: "x".repeat(10_001) })).toContain("reason must be a text");
  for (const asOf of ["soon", "", 5, null, new Date(Number.NaN)])
    expect(problem({ asOf })).toContain("asOf must be a time");
});

test("ages are never counted from a time that has yet to come", () => {
  expect(read({ asOf: new Date(asked.atMs + day) }).asOfMs).toBe(asked.atMs);
  expect(read({ asOf: "2026-11-01" }).asOfMs).toBe(Date.UTC(2026, 10, 1));
  expect(read({ asOf: new Date(asked.atMs - day).toISOString() }).asOfMs).toBe(asked.atMs - day);
});

test("what is written down of a rule says what was deleted", () => {
  const rule = read({ filter: { job: ["a", "b"] }, olderThan: "90 minutes" });
  expect(ruleText(rule)).toEqual({ filter: "job:a,b", olderThan: "1.5 hours", asOf: "2026-11-28T12:00:00.000Z" });
  expect(ruleSummary(rule)).toBe("job:a,b, closed more than 1.5 hours ago");
  expect(ruleText(read({}))).toEqual({ asOf: "2026-11-28T12:00:00.000Z" });
  expect(ruleSummary(read({}))).toBe("past their keep time");
});
