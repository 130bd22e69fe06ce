import { expect, test } from "vitest";
import { readDecision } from "../../model/read-decision.ts";

test.for([
  [{ do: "retry" }, { do: "retry" }],
  [
    { do: "retry", after: "2 minutes" },
    { do: "retry", afterMs: 120_000 },
  ],
  [
    { do: "retry", after: 0 },
    { do: "retry", afterMs: 0 },
  ],
  [{ do: "die" }, { do: "die" }],
  [
    { do: "die", category: "auth" },
    { do: "die", category: "auth" },
  ],
  [
    { do: "skip", reason: "empty\0" },
    { do: "skip", reason: "empty␀" },
  ],
  [
    { do: "skip", reason: "r", result: null },
    { do: "skip", reason: "r", result: null },
  ],
  [
    { do: "file", queue: "eu/payments" },
    { do: "file", queue: "eu/payments" },
  ],
])("%j", ([given, decision]) => {
  expect(readDecision(given)).toEqual(decision);
});

test.for([undefined, null])("%s is no decision", (given) => {
  expect(readDecision(given)).toBeUndefined();
});

test.for<[unknown, string]>([
  ["retry", 'Expected a decision such as { do: "retry" }, got a string'],
  [true, "got a boolean"],
  [{}, 'Unknown decision "undefined"'],
  [{ do: "retyr" }, 'Did you mean "retry"?'],
  [{ do: "toString" }, 'Unknown decision "toString"'],
  [{ do: "retry", afer: 1 }, 'Did you mean "after"?'],
  [{ do: "retry", after: "soon" }, "Expected after to be a duration"],
  [{ do: "retry", after: -1 }, "cannot be negative"],
  [{ do: "die", category: "netwrok" }, 'Did you mean "network"?'],
  [{ do: "skip" }, "A job is skipped for a reason"],
  [{ do: "skip", reason: " " }, "A job is skipped for a reason"],
  [{ do: "file" }, "Expected queue to be a name"],
  [{ do: "file", queue: "two words" }, 'got "two words"'],
  [{ do: "file", queue: "q", reason: "r" }, 'Unknown field of "file" "reason"'],
])("%j is refused", ([given, why]) => {
  expect(() => readDecision(given)).toThrow(why);
});

test("a long reason is cut with a mark", () => {
  const decision = readDecision({ do: "skip", reason: "r".repeat(5000) });
  expect((decision as { reason: string }).reason).toMatch(/^r{900,}… \[cut: 5,000 characters in all\]$/);
});
