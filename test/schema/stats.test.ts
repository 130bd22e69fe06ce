import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { askStats } from "../../client/stats.ts";
import { type Category, needsPerson } from "../../model/category.ts";
import type { Filter } from "../../model/filter.ts";
import { type PeriodUnit, periodUnits } from "../../model/periods.ts";
import { foldCounts } from "../../schema/fold-counts.ts";
import { noteLetter } from "../../schema/note-letter.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { anyZone, localHour, localLabel, quarterMs } from "../pure/zones.ts";
import { testDatabase } from "../setup/postgres.ts";
import { causeNamed, deathOf } from "./deaths.ts";

// Numbers against those that a loop over all deaths gives.

const { db, sql } = await testDatabase();
const stats = askStats(() => db, "default");
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

type Died = {
  readonly atMs: number;
  readonly job: string;
  readonly queue: string;
  readonly category: Category;
  readonly reason: "exhausted" | "given_up";
  readonly cause: string;
  readonly error: string;
  readonly anyErrors: readonly string[];
  readonly letter: string;
};

const died: Died[] = [];
const from = Date.UTC(2026, 8, 28);
const to = Date.UTC(2026, 10, 10);
/** Clocks are changed in Lord Howe, in Berlin and in New York. */
const changes = [Date.UTC(2026, 9, 3, 15, 30), Date.UTC(2026, 9, 25, 1), Date.UTC(2026, 10, 1, 6)];

beforeAll(async () => {
  const random = fc
    .sample(
      fc.record({
        letter: fc.nat(120).map((n) => `job-${n}`),
        atMs: fc.oneof(
          fc.integer({ min: from, max: to }),
          fc
            .tuple(fc.constantFrom(...changes), fc.integer({ min: -6 * hourMs, max: 6 * hourMs }))
            .map(([change, ms]) => change + ms),
        ),
        category: fc.constantFrom<Category>("network", "data", "timeout"),
        reason: fc.constantFrom("exhausted", "given_up"),
        cause: fc.constantFrom("cause a", "cause b", "cause c").map((title) => causeNamed(title).id),
        error: fc.constantFrom("TypeError", "ECONNRESET", "ECONNREFUSED"),
      }),
      { numRuns: 300, seed: 11 },
    )
    .toSorted((a, b) => a.atMs - b.atMs);
  for (const [i, one] of random.entries()) {
    const number = Number(one.letter.slice(4));
    const named = {
      ...one,
      job: number % 3 === 0 ? "send-mail" : "import-movie",
      queue: number % 2 === 0 ? "mail" : "default",
    };
    const plain = deathOf(one.letter);
    const anyErrors = ["SocketError", one.error];
    await parkDeath(db, {
      ...plain,
      ...named,
      cause: { ...causeNamed("x"), id: one.cause, fingerprint: one.cause },
      error: { ...plain.error, type: one.error },
      attempts: plain.attempts.map((attempt, n) => ({
        ...attempt,
        error: { ...plain.error, type: anyErrors[n]! },
        endedAtMs: one.atMs - (1 - n) * 1000,
      })),
      diedAtMs: one.atMs,
    });
    died.push({ ...named, anyErrors });
    // Some of the counts are folded, some aren't.
    if (i === 100) await foldCounts(db);
    if (i === 200)
      await sql`update dlo.dead_letters set status = 'recovered', closed_at = failed_at + interval '1 hour', expires_at = null where workflow_id like '%5'`;
  }
  // Of another namespace, which nothing here is to count.
  await parkDeath(db, deathOf("elsewhere", { namespace: "other", diedAtMs: changes[1]! }));
});

/** Filters that the counts can answer, and such as only the rows can. */
const anyFilter = fc.constantFrom<(readonly [Filter, (death: Died) => boolean])[]>(
  [{}, () => true],
  [{ job: "send-mail" }, ({ job }) => job === "send-mail"],
  [{ job: ["send-mail", "import-movie"] }, () => true],
  [{ queue: "mail" }, ({ queue }) => queue === "mail"],
  [{ category: ["network", "timeout"] }, ({ category }) => category !== "data"],
  [{ reason: "given_up" }, ({ reason }) => reason === "given_up"],
  [{ needsPerson: true }, ({ category }) => needsPerson(category)],
  [{ cause: causeNamed("cause a").id }, ({ cause }) => cause === causeNamed("cause a").id],
  [{ cause: causeNamed("cause b").id.slice(0, 8) }, ({ cause }) => cause === causeNamed("cause b").id],
  [{ job: "*-mail" }, ({ job }) => job === "send-mail"],
  [{ job: "send-mail", category: "data" }, ({ job, category }) => job === "send-mail" && category === "data"],
  [{ error: "ECONN*" }, ({ error }) => error.startsWith("ECONN")],
  [{ not: { queue: "mail" } }, ({ queue }) => queue !== "mail"],
  [{ workflowId: "job-7" }, ({ letter }) => letter === "job-7"],
  [
    { failed: { from: new Date(changes[0]!), to: new Date(changes[1]!) } },
    ({ atMs }) => atMs >= changes[0]! && atMs < changes[1]!,
  ],
  [{ job: "no-such-job" }, () => false],
);

const anyWindow = fc
  .tuple(fc.integer({ min: from, max: to }), fc.integer({ min: 1, max: 20 * 24 * 60 }))
  .map(([since, minutes]) => ({ since: new Date(since), until: new Date(since + minutes * 60_000) }));

test("deaths along the time are those of each hour, day or week that the zone's clocks show, none left out", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<PeriodUnit>(...periodUnits),
      anyZone,
      anyWindow,
      anyFilter,
      async (by, timeZone, { since, until }, [filter, fits]) => {
        const timed = await stats(filter, { by, timeZone, since, until });
        expect(timed.since.getTime()).toBeLessThanOrEqual(since.getTime());
        expect(timed.until.getTime()).toBeGreaterThanOrEqual(until.getTime());
        const expected = new Map<string, number>();
        for (const death of within(timed, fits)) {
          const label = localLabel(by, death.atMs, timeZone);
          expected.set(label, (expected.get(label) ?? 0) + 1);
        }
        for (const [i, row] of timed.rows.entries()) {
          expect(row.n).toBe(expected.get(localLabel(by, row.from.getTime(), timeZone)) ?? 0);
          expect(row.to.getTime()).toBe((timed.rows[i + 1]?.from ?? timed.until).getTime());
        }
        expect(timed.total).toBe([...expected.values()].reduce((sum, n) => sum + n, 0));
      },
    ),
    { numRuns: 120 },
  );
});

test("deaths by the hour of the day are those at which the zone's clocks showed it", async () => {
  await fc.assert(
    fc.asyncProperty(anyZone, anyWindow, anyFilter, async (timeZone, { since, until }, [filter, fits]) => {
      const hours = await stats(filter, { by: "hour-of-day", timeZone, since, until });
      const expected = Array.from({ length: 24 }, (_, hour) => ({ hour, n: 0 }));
      for (const { atMs } of within(hours, fits)) expected[localHour(atMs, timeZone)]!.n++;
      expect(hours.rows).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});

test("a ranking counts the deaths of its window by what they died of, the letters by what they are now", async () => {
  const letters = await sql<
    {
      job: string;
      queue: string;
      category: Category;
      reason: string;
      error: string;
      cause: string;
      status: string;
      letter: string;
      atMs: number;
    }[]
  >`select job, queue, category, reason, error_type as error, cause_id as cause, status, workflow_id as letter,
      (extract(epoch from failed_at) * 1000)::float8 as "atMs" from dlo.dead_letters where namespace = 'default'`;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("job", "queue", "category", "reason", "error", "cause"),
      anyWindow,
      anyFilter,
      async (by, { since, until }, [filter, fits]) => {
        const ranked = await stats(filter, { by, since, until, limit: 100 });
        expect(ranked.since.getTime() % quarterMs).toBe(0);
        const deaths = within(ranked, fits);
        const expected = new Map<string, number>();
        for (const death of deaths) expected.set(death[by], (expected.get(death[by]) ?? 0) + 1);
        expect(ranked.rows.map(({ value, n }) => [value, n])).toEqual(
          [...expected].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)),
        );
        expect(ranked).toMatchObject({ total: deaths.length, others: 0 });
        for (const row of ranked.rows) {
          const now = letters.filter((one) => one[by] === row.value && fits(one as unknown as Died));
          expect([row.letters, row.open, row.recovered]).toEqual([
            now.length,
            now.filter(({ status }) => status === "parked").length,
            now.filter(({ status }) => status === "recovered").length,
          ]);
        }
      },
    ),
    { numRuns: 80 },
  );
});

test("errors of every attempt are counted at the time of the attempt", async () => {
  await fc.assert(
    fc.asyncProperty(anyWindow, anyFilter, async ({ since, until }, [filter, fits]) => {
      // A death's own time is asked for here, and an attempt has another.
      fc.pre(filter.failed === undefined);
      const ranked = await stats(filter, { by: "any-error", since, until });
      const expected = new Map<string, number>();
      for (const death of died.filter(fits))
        for (const [n, error] of death.anyErrors.entries()) {
          const atMs = death.atMs - (1 - n) * 1000;
          if (atMs >= ranked.since.getTime() && atMs < ranked.until.getTime())
            expected.set(error, (expected.get(error) ?? 0) + 1);
        }
      expect(new Map(ranked.rows.map(({ value, n }) => [value, n]))).toEqual(expected);
    }),
    { numRuns: 40 },
  );
});

test("a cause is ranked with its title, and what has no row is counted", async () => {
  const ranked = await stats({}, { by: "cause", since: new Date(from), until: new Date(to + dayMs), limit: 1 });
  expect(ranked.rows[0]!.title).toBe("x");
  expect(ranked.others).toBe(2);
  expect(ranked.rows[0]!.share).toBeCloseTo(ranked.rows[0]!.n / died.length, 10);
});

test("what the counts can tell stays when letters are pruned", async () => {
  const window = { since: new Date(from), until: new Date(to), by: "day" } as const;
  const before = await stats({ job: "send-mail" }, window);
  expect(before.fromCounts).toBe(true);
  await sql`delete from dlo.dead_letters where closed_at is not null`;
  expect((await stats({ job: "send-mail" }, window)).rows).toEqual(before.rows);
  expect((await stats({ job: "send-mail", reason: "exhausted" }, window)).fromCounts).toBe(false);
});

test("the tiles tell how many there are, how fast they grow, how long they wait, and what became of them", async () => {
  const tiles = askStats(() => db, "tiles");
  const now = Date.now();
  const park = async (name: string, agoMs: number, otherwise = {}) =>
    (
      await parkDeath(
        db,
        deathOf(name, { namespace: "tiles", cause: causeNamed(`tiles ${name}`), diedAtMs: now - agoMs, ...otherwise }),
      )
    ).letter.id;
  const close = async (id: string, status: string, agoMs: number, retries: number) =>
    await sql`update dlo.dead_letters set status = ${status}, closed_at = ${new Date(now - agoMs)}, expires_at = null, retries = ${retries} where id = ${id}`;
  const oldest = await park("oldest", 20 * dayMs);
  const noted = await park("noted", 5 * hourMs);
  await park("by cause", 4 * hourMs, { attemptCount: 4 });
  const fresh = await park("fresh", 60_000);
  const recovered = await park("recovered", 3 * dayMs);
  const fast = await park("fast", 30 * 60_000);
  const discarded = await park("discarded", 10 * dayMs);
  await parkDeath(
    db,
    deathOf("noted", { namespace: "tiles", diedAtMs: now - 2 * hourMs, cause: causeNamed("tiles noted") }),
  );
  await close(recovered, "recovered", dayMs, 1);
  await close(fast, "recovered", 20 * 60_000, 1);
  await close(discarded, "discarded", 9 * dayMs, 0);
  await sql`update dlo.dead_letters set retries = 1 where id = ${oldest}`;
  await noteLetter(db, noted, { type: "noted", by: "ann", atMs: now - 4 * hourMs, data: { text: "mine" } });
  await noteLetter(db, noted, { type: "noted", by: "bob", atMs: now - hourMs, data: { text: "later" } });
  // The office's own deeds are nobody's look, and who imports or captures a letter need not look at it.
  await sql`insert into dlo.events (letter_id, namespace, workflow_id, type, by, at) values (${fresh}, 'tiles', 'fresh', 'retry_asked', 'office', now())`;
  await sql`insert into dlo.events (letter_id, namespace, workflow_id, type, by, at) values (${fresh}, 'tiles', 'fresh', 'imported', 'ann', now())`;
  await sql`insert into dlo.events (letter_id, namespace, workflow_id, type, by, at) values (${fresh}, 'tiles', 'fresh', 'captured', 'consumer-7', now())`;
  const cause = async (name: string, agoMs: number) =>
    await sql`insert into dlo.events (cause_id, type, by, at) values (${causeNamed(`tiles ${name}`).id}, 'cause_noted', 'ann', ${new Date(now - agoMs)})`;
  await cause("by cause", hourMs);
  // After it was closed, and before it died.
  await cause("recovered", hourMs);
  await cause("fresh", hourMs);

  const found = await tiles();
  expect(found).toMatchObject({
    total: 7,
    byStatus: { parked: 4, retrying: 0, recovered: 2, expired: 0, discarded: 1, superseded: 0 },
    open: 4,
    notRetried: 3,
    // Fresh and fast came, fast went.
    growthPerHour: 1,
    oldestOpen: { id: oldest, failedAt: new Date(now - 20 * dayMs) },
    timeToFirstLook: { letters: 2, medianMs: 2 * hourMs, exact: true },
    timeToRecovery: { letters: 2, exact: true },
  });
  expect(found.recoveredShare).toBeCloseTo(2 / 3, 10);
  expect(found.timeToFirstLook.p95Ms).toBeCloseTo(hourMs + 2 * hourMs * 0.95, -2);
  expect(found.timeToRecovery.medianMs).toBeCloseTo((2 * dayMs + 10 * 60_000) / 2, -2);
  expect(
    await sql`select workflow_id, looked_by, looked_how from dlo.first_looks where namespace = 'tiles' order by 1`,
  ).toEqual([
    { workflow_id: "by cause", looked_by: "ann", looked_how: "cause_noted" },
    { workflow_id: "noted", looked_by: "ann", looked_how: "noted" },
  ]);
  // Of the six that died within 7 days: one of four attempts, the others of two.
  expect(found.attemptsPerDeath).toBeCloseTo((2 * 5 + 4) / 6, 10);
  expect((await tiles({}, { since: "30 days" })).attemptsPerDeath).toBeCloseTo((2 * 7 + 4) / 8, 10);

  for (const timeZone of ["UTC", "Asia/Kathmandu", "Pacific/Apia", "America/New_York"]) {
    const deaths = await sql<
      { at: number }[]
    >`select (extract(epoch from died_at) * 1000)::float8 as at from dlo.deaths where namespace = 'tiles'`;
    const count = (unit: PeriodUnit) =>
      deaths.filter(({ at }) => localLabel(unit, at, timeZone) === localLabel(unit, now, timeZone)).length;
    expect(await tiles({}, { timeZone })).toMatchObject({ today: count("day"), thisWeek: count("week") });
  }
  // The same from rows, as the counts do not know of deaths.
  expect(await tiles({ deaths: { min: 1 } })).toMatchObject({
    ...found,
    since: expect.anything(),
    until: expect.anything(),
  });
  expect(await tiles({ deaths: 2 })).toMatchObject({ total: 1, timeToFirstLook: { letters: 1, medianMs: hourMs } });
  expect(await tiles({ job: "none" })).toMatchObject({
    total: 0,
    recoveredShare: null,
    attemptsPerDeath: null,
    oldestOpen: null,
    timeToRecovery: { medianMs: null, letters: 0 },
  });
});

test("a time without a zone is one of the asked zone, and a span counts back from now", async () => {
  const timed = await stats(
    {},
    { by: "day", since: "2026-10-24", until: "2026-10-26T00:00", timeZone: "Europe/Berlin" },
  );
  expect(
    timed.rows.map(({ local, from: begin, to: end }) => [local, (end.getTime() - begin.getTime()) / hourMs]),
  ).toEqual([
    ["2026-10-24T00:00:00+02:00", 24],
    ["2026-10-25T00:00:00+02:00", 25],
  ]);
  const exact = await stats(
    {},
    { by: "hour", since: "2026-10-24T10:00Z", until: "2026-10-24T11:00+00:00", timeZone: "Europe/Berlin" },
  );
  expect(exact.rows.map(({ local }) => local)).toEqual(["2026-10-24T12:00:00+02:00"]);
  expect((await stats({}, { by: "hour", since: "2 days" })).rows).toHaveLength(49);
});

test.for([
  [{ timeZone: "Europe/Berln" }, 'Did you mean "Europe/Berlin"?'],
  [{ since: "2026-13-01" }, "since takes a time"],
  [{ since: "yesterday" }, "since"],
  [{ since: new Date(Number.NaN) }, "since takes a time"],
  [{ since: "1 day", until: "2 days" }, "must lie before until"],
  [{ timeout: "0 s" }, "timeout"],
  [{ by: "jobs" }, 'Did you mean "job"?'],
  [{ by: "job", limit: 0 }, "limit"],
  [{ by: "hour", since: "10 years" }, "at most 20000"],
] as const)("%j is refused", async ([options, why]) => {
  await expect(stats({}, options as never)).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining(why),
  });
});

test("a question that takes too long is given up, with what to do", async () => {
  const connection = await sql.reserve();
  try {
    await connection`begin`;
    await connection`lock table dlo.dead_letters in access exclusive mode`;
    await expect(stats({ text: "connection" }, { timeout: "200 ms" })).rejects.toMatchObject({
      code: "QUERY_TIMEOUT",
      message: expect.stringContaining("within 200 ms"),
    });
    // The counts alone need no letters.
    expect((await stats({ job: "send-mail" }, { by: "day", timeout: "5 s" })).fromCounts).toBe(true);
  } finally {
    await connection`rollback`;
    connection.release();
  }
});

function within({ since, until }: { since: Date; until: Date }, fits: (death: Died) => boolean): Died[] {
  return died.filter((death) => fits(death) && death.atMs >= since.getTime() && death.atMs < until.getTime());
}
