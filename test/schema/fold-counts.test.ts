import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { type Db, openDatabase } from "../../schema/database.ts";
import { foldCounts } from "../../schema/fold-counts.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { projectLetter } from "../../schema/project-letter.ts";
import { testDatabase } from "../setup/postgres.ts";
import { causeNamed, deathOf, diedAt } from "./deaths.ts";
import { miscounts, unfolded } from "./recount.ts";

const { db, sql, url } = await testDatabase();

beforeEach(async () => {
  await sql`delete from dlo.dead_letters`;
  await sql`truncate dlo.letter_deltas, dlo.letter_counts, dlo.cause_counts, dlo.queue_counts, dlo.death_deltas, dlo.attempt_deltas, dlo.time_counts, dlo.cause_builds`;
});

type Step =
  | { readonly do: "die" | "fail to commit"; readonly id: number; readonly cause: number; readonly quarters: number }
  | { readonly do: "close" | "prune" | "move to another cause"; readonly id: number }
  | { readonly do: "fold"; readonly limit: number };

const id = fc.nat(5);
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant("die" as const), id, cause: fc.nat(2), quarters: fc.nat(3) }) },
    fc.record({ do: fc.constant("fail to commit" as const), id, cause: fc.nat(2), quarters: fc.nat(3) }),
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom("close" as const, "move to another cause" as const), id }),
    },
    fc.record({ do: fc.constant("prune" as const), id }),
    { weight: 2, arbitrary: fc.record({ do: fc.constant("fold" as const), limit: fc.integer({ min: 1, max: 5 }) }) },
  ),
  { minLength: 1, maxLength: 25 },
);

async function take(step: Step): Promise<void> {
  switch (step.do) {
    case "fold":
      await foldCounts(db, step.limit);
      return;
    case "die":
      await die(step.id, step.cause, step.quarters);
      return;
    case "fail to commit":
      await db
        .transaction(async (tx) => {
          await die(step.id, step.cause, step.quarters, tx);
          throw new Error("never mind");
        })
        .catch(() => undefined);
      return;
    case "close":
      for (const {
        id: letterId,
        deaths,
      } of await sql`select id, deaths from dlo.dead_letters where workflow_id = ${`job/${step.id}`} and closed_at is null`)
        await projectLetter(db, {
          letterId,
          revision: 1000,
          status: "discarded",
          events: [],
          close: { deaths: Number(deaths), reason: null, atMs: diedAt },
        });
      return;
    case "prune":
      await sql`delete from dlo.dead_letters where workflow_id = ${`job/${step.id}`}`;
      return;
    case "move to another cause": {
      // As a changed fingerprint rule does. The cause must be there.
      await die(99, 0, 0);
      const { id: cause } = causeNamed("cause 0");
      await sql`update dlo.deaths set cause_id = ${cause} where workflow_id = ${`job/${step.id}`}`;
      await sql`update dlo.dead_letters set cause_id = ${cause} where workflow_id = ${`job/${step.id}`}`;
    }
  }
}

async function die(n: number, cause: number, quarters: number, on: Db = db): Promise<void> {
  await parkDeath(
    on,
    deathOf(`job/${n}`, {
      runId: randomUUID(),
      job: `job ${n % 2}`,
      cause: causeNamed(`cause ${cause}`),
      diedAtMs: diedAt + quarters * 900_000,
      ...(n % 3 === 0 ? { buildId: `build ${quarters}` } : {}),
    }),
  );
}

test("after any history, counts and what is not folded yet are what a recount says; folding leaves neither deltas nor zeros", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      await sql`delete from dlo.dead_letters`;
      await sql`truncate dlo.letter_deltas, dlo.letter_counts, dlo.cause_counts, dlo.queue_counts, dlo.death_deltas, dlo.attempt_deltas, dlo.time_counts, dlo.cause_builds`;
      const pruned = history.some((step) => step.do === "prune");
      for (const step of history) {
        await take(step);
        expect(await miscounts(sql, { pruned })).toEqual([]);
      }
      while ((await foldCounts(db)) > 0);
      expect(await miscounts(sql, { pruned })).toEqual([]);
      expect(await unfolded(sql)).toEqual({ deltas: 0, zeros: 0 });
    }),
    { numRuns: 25 },
  );
});

test("deaths stay counted when their letters are pruned", async () => {
  await die(1, 1, 0);
  await foldCounts(db);
  await sql`delete from dlo.dead_letters`;
  await foldCounts(db);
  expect(
    await sql`select dimension, value, sum(n)::int as n from dlo.time_counts where dimension in ('all', 'attempt_error') group by 1, 2 order by 1`,
  ).toEqual([
    { dimension: "all", value: "", n: 1 },
    { dimension: "attempt_error", value: "TypeError", n: 2 },
  ]);
  expect(await sql`select * from dlo.letter_counts`).toEqual([]);
});

test("a cause's builds remember when they were seen first and last, in whatever order deaths are folded", async () => {
  const builds = async () =>
    await sql`select build_id, first_at, last_at, n::int from dlo.cause_builds order by build_id`;
  const at = (quarters: number) => new Date(diedAt + quarters * 900_000);
  const dieAt = async (n: number, quarters: number) =>
    void (await parkDeath(db, deathOf(`at/${n}`, { diedAtMs: at(quarters).getTime(), buildId: "b1" })));
  await dieAt(1, 5);
  await foldCounts(db);
  await dieAt(2, 2);
  await dieAt(3, 9);
  await foldCounts(db, 1);
  await foldCounts(db, 1);
  expect(await builds()).toEqual([{ build_id: "b1", first_at: at(2), last_at: at(9), n: 3 }]);
});

test(
  "many die, two offices fold, and whoever reads meanwhile sees what a recount says",
  { timeout: 120_000 },
  async () => {
    const offices = [openDatabase(url, { connections: 2 }), openDatabase(url, { connections: 2 })];
    let dying = true;
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let n = 0; n < 40; n++) {
        await die(writer * 100 + (n % 20), n % 3, n % 4);
        if (n % 7 === 0) await take({ do: "close", id: writer * 100 + (n % 20) });
      }
    });
    const folding = offices.map(async (office) => {
      while (dying) await foldCounts(office.db, 7);
    });
    let looks = 0;
    const reading = (async () => {
      for (; dying; looks++) expect(await miscounts(sql)).toEqual([]);
    })();
    await Promise.all(writers);
    dying = false;
    await Promise.all([...folding, reading]);
    expect(looks).toBeGreaterThan(3);
    while ((await foldCounts(db)) > 0);
    expect(await miscounts(sql)).toEqual([]);
    expect(await unfolded(sql)).toEqual({ deltas: 0, zeros: 0 });
    await Promise.all(offices.map((office) => office.close()));
  },
);
