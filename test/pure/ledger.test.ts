import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AttemptEntry,
  attemptStates,
  closeOpen,
  countedAttempts,
  emptyLedger,
  enter,
  fillGaps,
  isAttemptReport,
  lostEnd,
  openAttempt,
  shortenLedger,
} from "../../model/ledger.ts";

const ended = fc.constantFrom(...attemptStates.filter((state) => state !== "open"));
const open = (n: number, startedAtMs = 0): AttemptEntry & { state: "open" } => ({ n, state: "open", startedAtMs });

/** What each attempt of a run came to: an answer, silence after its first sign, or not even that. */
const fates = fc.array(fc.oneof(ended, fc.constantFrom("silent" as const, "traceless" as const)), { maxLength: 300 });

test("whatever becomes of attempts, the first 5 and the last 95 are kept, in order, with the true counts", () => {
  fc.assert(
    fc.property(fates, (run) => {
      let ledger = emptyLedger;
      for (const [i, fate] of run.entries()) {
        const n = i + 1;
        if (fate === "traceless") continue;
        ledger = openAttempt(ledger, open(n));
        if (fate !== "silent") ledger = enter(ledger, { n, state: fate });
      }
      ledger = fillGaps(
        closeOpen(ledger, () => lostEnd),
        run.length,
      );
      const numbers = run.map((_, i) => i + 1);
      expect(ledger.total).toBe(run.length);
      expect(ledger.interrupted).toBe(run.filter((fate) => fate === "interrupted").length);
      expect(countedAttempts(ledger)).toBe(run.length - ledger.interrupted);
      expect(ledger.entries.map(({ n }) => n)).toEqual(
        numbers.length <= 100 ? numbers : [...numbers.slice(0, 5), ...numbers.slice(-95)],
      );
      for (const { n, state } of ledger.entries) {
        const fate = run[n - 1]!;
        expect(state).toBe(fate === "silent" || fate === "traceless" ? "lost" : fate);
      }
    }),
  );
});

test("a gap of a million attempts is filled as far as it is kept", () => {
  const ledger = fillGaps(enter(emptyLedger, { n: 1, state: "failed" }), 1_000_000);
  expect(ledger.total).toBe(1_000_000);
  expect(ledger.entries).toHaveLength(100);
  expect(ledger.entries.map(({ n }) => n).slice(0, 6)).toEqual([1, 2, 3, 4, 5, 999_906]);
});

test("an entry replaces the one of its number, and an interruption is counted once", () => {
  const once = enter(enter(emptyLedger, open(1)), { n: 1, state: "interrupted" });
  const twice = enter(once, { n: 1, state: "interrupted" });
  expect(twice).toEqual({ total: 1, interrupted: 1, entries: [{ n: 1, state: "interrupted" }] });
});

describe("an attempt that never answered was ended by the timeout that was due first", () => {
  const timeouts = { startToCloseMs: 60_000, heartbeatMs: 10_000 };
  const stateOf = (silent: Partial<AttemptEntry>, of = timeouts as object) =>
    openAttempt({ total: 1, interrupted: 0, entries: [{ ...open(1), ...silent }] }, open(2, 999_999), of).entries[0];
  test("it beat to the end: start-to-close", () => {
    expect(stateOf({ lastHeartbeatAtMs: 55_000 })).toMatchObject({
      state: "timed_out",
      category: "timeout",
      endedAtMs: 60_000,
    });
  });
  test("it fell silent before: its worker vanished", () => {
    expect(stateOf({ lastHeartbeatAtMs: 20_000 })).toMatchObject({ state: "lost", category: "lost" });
  });
  test("it never beat, in an attempt shorter than the heartbeat timeout", () => {
    expect(stateOf({}, { startToCloseMs: 500, heartbeatMs: 30_000 })).toMatchObject({ state: "timed_out" });
  });
  test("nothing is known of its timeouts", () => {
    expect(stateOf({}, {})).toMatchObject({ state: "lost" });
  });
});

test("a ledger too large to travel says less of each error, and as much of all else", () => {
  const error = { type: "E", message: "m".repeat(1024), stack: "s".repeat(900), causes: [] };
  const entries = Array.from({ length: 100 }, (_, i) => ({ n: i + 1, state: "failed" as const, worker: "w", error }));
  const ledger = { total: 100, interrupted: 2, entries };
  expect(shortenLedger(ledger, 1_000_000)).toBe(ledger);
  const short = shortenLedger(ledger, 65_536);
  expect(JSON.stringify(short).length).toBeLessThanOrEqual(65_536);
  expect(short).toMatchObject({
    total: 100,
    interrupted: 2,
    entries: entries.map(({ n, worker }) => ({ n, worker, error: { type: "E" } })),
  });
});

test("a report is told from whatever else stands in details", () => {
  expect(isAttemptReport({ version: 1, ledger: emptyLedger })).toBe(true);
  for (const other of [
    undefined,
    null,
    1,
    "x",
    [],
    {},
    { version: 2, ledger: emptyLedger },
    { version: 1 },
    { version: 1, ledger: 3 },
  ])
    expect(isAttemptReport(other)).toBe(false);
});
