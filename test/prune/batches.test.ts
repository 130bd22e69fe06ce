import { asc, inArray, sql as drizzled } from "drizzle-orm";
import fc from "fast-check";
import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test, vi } from "vitest";
import type { Filter } from "../../model/filter.ts";
import type { Prune } from "../../model/prune.ts";
import type { Db } from "../../schema/database.ts";
import { foldCounts } from "../../schema/fold-counts.ts";
import { previewPrune, type PrunePreview } from "../../schema/preview-prune.ts";
import { pruneBatch } from "../../schema/prune-letters.ts";
import { beginPrune, countLeft, endPrune, findPrune } from "../../schema/prune-rows.ts";
import { sequenceEvents } from "../../schema/sequence-events.ts";
import { attempts, deadLetters, deaths, events, redriveItems } from "../../schema/tables.ts";
import { anyFilter } from "../find/any-filter.ts";
import { bruteForce, type Judged } from "../find/oracle.ts";
import { askedAt, pick, seedLetters } from "../find/seeded-letters.ts";
import { miscounts } from "../schema/recount.ts";
import { testDatabase } from "../setup/postgres.ts";
import { closedLetters, keepUntil, pruneOf } from "./closed-letters.ts";

// What a prune deletes, batch by batch, against an oracle that looks at every letter.

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const { db, sql } = await testDatabase();
const namespace = "default";
let letters: Judged[] = [];
/** Letters with an event that has no position yet, and letters that a redrive has still to ask. */
let [unnumbered, held]: [Set<string>, Set<string>] = [new Set(), new Set()];

beforeAll(async () => {
  const seeded = await seedLetters(db, 400, 23);
  const kept = seeded.map((letter, i) => ({
    ...letter,
    // From before the filters are asked until after, and some for ever.
    keepUntil:
      letter.closedAt === null || i % 5 === 0 ? null : new Date(letter.closedAt.getTime() + (i % 50) * 3_600_000),
  }));
  await keepUntil(sql, kept);
  const texts = await db
    .select({ id: deadLetters.id, text: drizzled<string | null>`${deadLetters.payload}::text` })
    .from(deadLetters);
  const byId = new Map(texts.map(({ id, text }) => [id, text]));
  letters = kept.map((letter) => ({ ...letter, payloadText: byId.get(letter.id) ?? null }));

  const closed = letters.filter(({ closedAt }) => closedAt !== null).map(({ id }) => id);
  [unnumbered, held] = [new Set(closed.filter((_, i) => i % 17 === 3)), new Set(closed.filter((_, i) => i % 23 === 5))];
  const told = letters.map(({ id, workflowId }, i) => ({
    ...{ letterId: id, namespace, workflowId, type: "parked" as const },
    position: unnumbered.has(id) ? null : i + 1,
  }));
  await db.insert(events).values(told);
  await sql`update dlo.office set last_position = ${told.length}`;
  const [open, over] = await Promise.all([insertRedrive("running"), insertRedrive("completed")]);
  await insertItems(open, [...held], "waiting");
  // What it left behind holds nothing, nor does what has its outcome.
  await insertItems(over, closed.filter((id) => !held.has(id)).slice(0, 20), "running");
  await insertItems(open, closed.slice(20, 40), "done", held.size);
});

test("any rule deletes just what looking at every letter says, whatever the size of the batches (promise 10)", async () => {
  let some = 0;
  const ages = fc.option(fc.integer({ min: 1, max: 80 }), { nil: null });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof({ weight: 3, arbitrary: anyFilter() }, { weight: 1, arbitrary: fc.constant<Filter>({}) }),
      ages,
      fc.integer({ min: -30, max: 90 }),
      pick([1, 7, 40, 500]),
      async ({ namespace: _, ...filter }, age, later, batch) => {
        const asOf = new Date(askedAt.getTime() + later * 3_600_000);
        const asked = pruneOf({
          ...{ filter, batch, asOfMs: asOf.getTime(), olderThanMs: age === null ? null : age * 3_600_000 },
        });
        const fitting = bruteForce(letters, { ...filter, namespace }, "newest", asOf)
          .map((id) => letters.find((letter) => letter.id === id)!)
          .filter((letter) => isOutOfKeep(letter, age, asOf));
        const going = fitting.filter(({ id }) => !unnumbered.has(id) && !held.has(id));
        if (going.length > 0) some++;
        await rolledBack(async (tx) => {
          expectPreview(await previewPrune(tx, asked, namespace), going);
          await beginPrune(tx, asked, namespace);
          expect(await pruneAll(tx, asked)).toBe(going.length);
          await endPrune(tx, asked.id);
          const left = await tx.select({ id: deadLetters.id }).from(deadLetters).orderBy(asc(deadLetters.id));
          const gone = new Set(going.map(({ id }) => id));
          expect(left.map(({ id }) => id)).toEqual(idsOf(letters.filter(({ id }) => !gone.has(id))));
          const closed = going.map(({ closedAt }) => closedAt!.getTime());
          expect(await findPrune(tx, asked.id)).toMatchObject({
            ...{ letters: going.length, by: "tester", endedAt: expect.any(Date) as Date },
            oldestClosedAt: closed.length === 0 ? null : new Date(Math.min(...closed)),
            newestClosedAt: closed.length === 0 ? null : new Date(Math.max(...closed)),
          });
          expect(await countLeft(tx, asked, namespace)).toBe(fitting.length - going.length);
        });
      },
    ),
    { numRuns: 100 },
  );
  expect(some).toBeGreaterThan(25);
});

test("what hangs on a letter goes with it, and the reports of redrives stay", async () => {
  await rolledBack(async (tx) => {
    const asked = pruneOf({ olderThanMs: 60_000, batch: 30 });
    await beginPrune(tx, asked, namespace);
    const gone = await pruneAll(tx, asked);
    expect(gone).toBeGreaterThan(100);
    const left = new Set((await tx.select({ id: deadLetters.id }).from(deadLetters)).map(({ id }) => id));
    expect(left.size).toBe(letters.length - gone);
    for (const table of [deaths, attempts, events]) {
      const rows = await tx.select({ letterId: table.letterId }).from(table);
      expect(rows.filter(({ letterId }) => !left.has(letterId!))).toEqual([]);
    }
    const items = await tx.select({ letterId: redriveItems.letterId }).from(redriveItems);
    expect(items.some(({ letterId }) => !left.has(letterId))).toBe(true);
    expect(items).toHaveLength(40 + held.size);
  });
});

test("one statement deletes and counts: a prune that has ended, or never began, deletes nothing", async () => {
  const never = pruneOf({ olderThanMs: 60_000 });
  await expect(pruneBatch(db, never, namespace)).rejects.toThrow("so it deletes nothing");
  await beginPrune(db, never, namespace);
  await endPrune(db, never.id);
  await expect(pruneBatch(db, never, namespace)).rejects.toThrow("so it deletes nothing");
  expect(await db.$count(deadLetters)).toBe(letters.length);
  expect(await findPrune(db, never.id)).toMatchObject({ letters: 0 });
});

test("letters are counted out, and what happened over time stays counted", async () => {
  const other = "counted";
  await closedLetters({ db, sql }, other, 150, 5);
  await foldCounts(db);
  const before = await happened();
  const asked = pruneOf({ batch: 40 });
  await beginPrune(db, asked, other);
  expect(await pruneAll(db, asked, other)).toBe(150);
  expect(await miscounts(sql, { pruned: true })).toEqual([]);
  while ((await foldCounts(db, 1000)) > 0);
  expect(await miscounts(sql, { pruned: true })).toEqual([]);
  expect(await happened()).toEqual(before);
  expect(await sql`select from dlo.letter_counts where namespace = ${other}`).toHaveLength(0);
});

test("offices that prune at the same time share the letters out, and their counts add up", async () => {
  const other = "shared";
  await closedLetters({ db, sql }, other, 400, 6);
  const prunes = Array.from({ length: 4 }, () => pruneOf({ batch: 9 }));
  for (const one of prunes) await beginPrune(db, one, other);
  const counts = await Promise.all(prunes.map(async (one) => await pruneAll(db, one, other)));
  // What one had locked when another passed is left by that one alone.
  expect(counts.reduce((sum, n) => sum + n, 0)).toBe(400);
  const rows = await Promise.all(prunes.map(async ({ id }) => (await findPrune(db, id))!.letters));
  expect(rows).toEqual(counts);
  expect(await miscounts(sql, { pruned: true })).toEqual([]);
});

test("events are numbered without a gap while their letters are pruned and noted on", async () => {
  const other = "numbered";
  const ids = await closedLetters({ db, sql }, other, 300, 7);
  // Those of the other letters first: some have none.
  while ((await sequenceEvents(db)).numbered > 0);
  const [before] = await sql<[{ last: number }]>`select last_position::int as last from dlo.office`;
  const asked = pruneOf({ batch: 11 });
  await beginPrune(db, asked, other);
  let written = 0;
  let pruning = true;
  const note = async (offset: number) => {
    for (let i = offset; pruning; i += 7) {
      const id = ids[i % ids.length]!;
      const rows = await sql`
        insert into dlo.events (letter_id, namespace, workflow_id, type)
        select id, namespace, workflow_id, 'noted' from dlo.dead_letters where id = ${id} returning id`.catch(
        // It was deleted in between.
        (error: { code?: string }) => (error.code === "23503" ? [] : Promise.reject(error as Error)),
      );
      written += rows.length;
    }
  };
  const number = async () => {
    while (pruning) await sequenceEvents(db, 40);
  };
  const writers = Promise.all([note(0), note(3), number()]);
  let gone = 0;
  // One pass leaves what has just been noted on; so do passes for as long as anything is there.
  while (gone < ids.length) {
    gone += await pruneAll(db, asked, other);
    if (gone > ids.length - 40) pruning = false;
    if (!pruning) {
      await writers;
      while ((await sequenceEvents(db)).numbered > 0);
    }
  }
  const [after] = await sql<[{ last: number }]>`select last_position::int as last from dlo.office`;
  expect(after.last - before.last).toBe(written);
  expect(written).toBeGreaterThan(0);
  expect(await findPrune(db, asked.id)).toMatchObject({ letters: ids.length });
});

/** All batches of one pass. */
async function pruneAll(tx: Db, asked: Prune, where = namespace): Promise<number> {
  let gone = 0;
  let batch = await pruneBatch(tx, asked, where);
  for (;;) {
    expect(batch.letters).toBeLessThanOrEqual(asked.batch);
    gone += batch.letters;
    if (batch.after === undefined) return gone;
    batch = await pruneBatch(tx, asked, where, batch.after);
  }
}

/** Does the work, and undoes it. */
async function rolledBack(work: (tx: Db) => Promise<void>): Promise<void> {
  const undo = new Error("undone");
  await db
    .transaction(async (tx) => {
      await work(tx);
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
}

function isOutOfKeep({ closedAt, keepUntil: until }: Judged, age: number | null, asOf: Date): boolean {
  if (closedAt === null) return false;
  if (age !== null) return asOf.getTime() - closedAt.getTime() > age * 3_600_000;
  return until !== null && until <= asOf;
}

function expectPreview(preview: PrunePreview, going: readonly Judged[]): void {
  expect(preview.letters).toBe(going.length);
  const counted = new Map<string, number>();
  for (const { job, status } of going) counted.set(`${job} ${status}`, (counted.get(`${job} ${status}`) ?? 0) + 1);
  expect(new Map(preview.groups.map(({ job, status, letters: n }) => [`${job} ${status}`, n]))).toEqual(counted);
  const oldest = going.toSorted((a, b) => a.closedAt!.getTime() - b.closedAt!.getTime() || (a.id < b.id ? -1 : 1));
  expect(preview.samples.map(({ id }) => id)).toEqual(oldest.slice(0, 20).map(({ id }) => id));
  expect(preview.oldestClosedAt).toEqual(oldest.at(0)?.closedAt ?? null);
  expect(preview.newestClosedAt).toEqual(oldest.at(-1)?.closedAt ?? null);
}

function idsOf(some: readonly Judged[]): string[] {
  return some.map(({ id }) => id).toSorted();
}

/** Deaths and failed attempts by time, and deaths by build, folded or not. */
async function happened(): Promise<unknown> {
  return await sql`
    select 'time' as what, namespace, sum(n)::int as n from (
      select namespace, n from dlo.time_counts where dimension = 'all' union all select namespace, n from dlo.death_deltas) as t group by 1, 2
    union all select 'attempts', namespace, sum(n)::int from (
      select namespace, n from dlo.time_counts where dimension = 'attempt_error' union all select namespace, n from dlo.attempt_deltas) as a group by 1, 2
    union all select 'builds', build_id, sum(n)::int from (
      select build_id, n from dlo.cause_builds union all select build_id, n from dlo.death_deltas) as b group by 1, 2
    order by 1, 2`;
}

async function insertRedrive(status: "running" | "completed"): Promise<string> {
  const id = uuidv7();
  await sql`
    insert into dlo.redrives (id, namespace, command, spec, status, by, asked_at, ended_at, rate, max_in_flight, jitter_ms)
    values (${id}, ${namespace}, 'note', '{}', ${status}, 'tester', now(), ${status === "running" ? null : sql`now()`}, 1, 1, 0)`;
  return id;
}

async function insertItems(redriveId: string, ids: readonly string[], state: string, after = 0): Promise<void> {
  const rows = await db
    .select()
    .from(deadLetters)
    .where(inArray(deadLetters.id, [...ids]));
  await db.insert(redriveItems).values(
    rows.map(({ id, workflowId, job, causeId, deaths: n }, i) => ({
      ...{ redriveId, n: after + i + 1, letterId: id, workflowId, job, causeId, deaths: n },
      ...{ state: state as "waiting", endedAt: state === "done" ? new Date() : null },
    })),
  );
}
