import { Command } from "@commander-js/extra-typings";
import { and, asc, sql } from "drizzle-orm";
import fc from "fast-check";
import { beforeAll, expect, test, vi } from "vitest";
import { filterOf, withFilter } from "../../cli/filter-flags.ts";
import type { Filter, PathCondition } from "../../model/filter.ts";
import { letterOrders } from "../../model/filter.ts";
import { fields } from "../../model/filter-fields.ts";
import { formatFilter, parseFilter } from "../../model/filter-line.ts";
import { filterFromParams, filterToParams } from "../../model/filter-params.ts";
import { countLetters } from "../../schema/count-letters.ts";
import { listLetters, type ListOptions } from "../../schema/list-letters.ts";
import { filterConditions } from "../../schema/filter-conditions.ts";
import { foldCounts } from "../../schema/fold-counts.ts";
import { deadLetters } from "../../schema/tables.ts";
import { testDatabase } from "../setup/postgres.ts";
import { anyFilter, operands, paths } from "./any-filter.ts";
import { bruteForce, type Judged } from "./oracle.ts";
import { askedAt, pick, seedLetters } from "./seeded-letters.ts";

const { db } = await testDatabase();
let letters: Judged[] = [];

beforeAll(async () => {
  letters = await judged(await seedLetters(db, 400, 7));
  // Some counts are folded, some are still deltas.
  await foldCounts(db);
  letters.push(...(await judged(await seedLetters(db, 60, 11, 400))));
});

vi.setConfig({ testTimeout: 180_000 });
const runs = { numRuns: 120 };

test("a filter finds what looking at every letter finds, in each order and page by page", async () => {
  let some = 0;
  await fc.assert(
    fc.asyncProperty(
      anyFilter(),
      pick(letterOrders),
      fc.integer({ min: 20, max: 250 }),
      async (filter, order, rows) => {
        const expected = bruteForce(letters, filter, order, askedAt);
        if (expected.length > 0) some++;
        expect(await allPages(filter, { order, rows })).toEqual(expected);
      },
    ),
    runs,
  );
  expect(some).toBeGreaterThan(runs.numRuns / 4);
});

test("a walk that may look at a few letters only finds the same, in more pages", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyFilter(),
      pick(letterOrders),
      fc.integer({ min: 20, max: 250 }),
      fc.record({ entries: fc.integer({ min: 40, max: 200 }), rows: fc.integer({ min: 40, max: 200 }) }),
      async (filter, order, rows, bounds) => {
        expect(await allPages(filter, { order, rows, bounds })).toEqual(bruteForce(letters, filter, order, askedAt));
      },
    ),
    runs,
  );
});

test("each comparison of each path with each value is true of the very letters that have it", async () => {
  const numbers = operands.filter((value) => typeof value === "number");
  const texts = operands.filter((value) => typeof value === "string");
  // Others are ordered by the database's collation.
  const plain = texts.filter((value) => /^[a-z][a-z0-9-]*$/.test(value));
  const all: PathCondition[] = paths.flatMap((path): PathCondition[] => [
    { path, is: "exists" },
    ...operands.flatMap((value) => (["=", "!="] as const).map((is) => ({ path, is, value }))),
    ...[...numbers, ...plain].flatMap((value) => (["<", "<=", ">", ">="] as const).map((is) => ({ path, is, value }))),
    ...texts.filter((value) => value !== "").map((value) => ({ path, is: "~" as const, value: value.toUpperCase() })),
  ]);
  for (let at = 0; at < all.length; at += 100) {
    const some = all.slice(at, at + 100);
    const conditions = some.map((payload) => sql`coalesce(${and(...filterConditions({ payload }))}, false)::int`);
    const rows = await db
      .select({ id: deadLetters.id, fits: sql<string>`concat(${sql.join(conditions, sql`, `)})` })
      .from(deadLetters);
    for (const [n, payload] of some.entries())
      expect({
        payload,
        ids: rows
          .filter(({ fits }) => fits[n] === "1")
          .map(({ id }) => id)
          .toSorted(),
      }).toEqual({
        payload,
        ids: bruteForce(letters, { payload }, "newest", askedAt).toSorted(),
      });
  }
});

test("a count is what looking at every letter counts, or says that it is not exact and no more than that", async () => {
  const bounds = fc.record({ entries: fc.integer({ min: 40, max: 1000 }), rows: fc.integer({ min: 40, max: 1000 }) });
  await fc.assert(
    fc.asyncProperty(anyFilter(), fc.option(bounds, { nil: undefined }), async (filter, limited) => {
      const all = bruteForce(letters, filter, "newest", askedAt).length;
      const { count, exact } = await countLetters(db, filter, { now: askedAt, ...(limited && { bounds: limited }) });
      if (exact) expect(count).toBe(all);
      else expect(count).toBeLessThanOrEqual(all);
      if (limited === undefined) expect(exact).toBe(true);
    }),
    runs,
  );
});

test("the same filter as a line, as a URL and as flags finds the same letters", async () => {
  await fc.assert(
    fc.asyncProperty(anyFilter(), async (filter) => {
      const expected = bruteForce(letters, filter, "newest", askedAt);
      const line = formatFilter(filter);
      expect(await allPages(parseFilter(line))).toEqual(expected);
      expect(formatFilter(parseFilter(line))).toBe(line);
      const url = new URL(`http://localhost/letters?${filterToParams(filter).toString()}`);
      expect(await allPages(filterFromParams(url.searchParams))).toEqual(expected);
      expect(formatFilter(filterFromParams(url.searchParams))).toBe(line);
      expect(formatFilter(byFlags(filter))).toBe(line);
      expect(await allPages(byFlags(filter))).toEqual(expected);
    }),
    runs,
  );
});

test("letters that arrive between two pages neither push one out nor bring one twice", async () => {
  let from = 1000;
  for (const order of letterOrders) {
    const before = bruteForce(letters, {}, order, askedAt);
    const seen: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await listLetters(db, {}, { order, rows: 90, ...(after && { after }) });
      seen.push(...page.letters.map(({ id }) => id));
      if (page.next === undefined) break;
      after = page.next;
      letters.push(...(await judged(await seedLetters(db, 5, from, from))));
      from += 5;
    }
    expect(seen.filter((id) => before.includes(id))).toEqual(before);
    expect(new Set(seen).size).toBe(seen.length);
  }
});

test("a place in a list of one order is refused by another, and so is what is no place", async () => {
  const { next = "" } = await listLetters(db, {}, { order: "newest", rows: 1 });
  await expect(listLetters(db, {}, { order: "oldest", after: next })).rejects.toMatchObject({ code: "USAGE" });
  for (const after of [
    "",
    "x",
    next.slice(0, -1),
    `${next}0`,
    "newest.1.2",
    `newest.99999999999999999999.${next.slice(-36)}`,
    `newest.999999999999999.${next.slice(-36)}`,
  ])
    await expect(listLetters(db, {}, { after })).rejects.toMatchObject({ code: "USAGE" });
});

async function allPages(filter: Filter, options: ListOptions = {}): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | undefined; ;) {
    const { order = "newest", rows = 1000, bounds } = options;
    const page = await listLetters(db, filter, {
      order,
      rows,
      now: askedAt,
      ...(bounds && { bounds }),
      ...(after && { after }),
    });
    ids.push(...page.letters.map(({ id }) => id));
    expect(page.letters.length).toBeLessThanOrEqual(rows);
    expect(page.complete).toBe(page.searched === undefined);
    if (page.next === undefined) return ids;
    // One that is complete but not full would be the last.
    expect(page.complete && page.letters.length < rows).toBe(false);
    after = page.next;
  }
}

/** As somebody would type it; the namespace has no flag of its own, as that of the connection is meant. */
function byFlags({ not, ...asked }: Filter): Filter {
  const argv: string[] = [];
  for (const field of fields) {
    const value = asked[field.key];
    if (value === undefined || field.key === "namespace") continue;
    const terms = filterToParams({ [field.key]: value }).getAll(field.word);
    const listed = ["word", "name", "exact", "cause"].includes(field.kind);
    for (const term of terms) argv.push(`--${field.word}=${listed ? JSON.stringify(term) : term}`);
  }
  if (not !== undefined) argv.push(`--not=${formatFilter(not)}`);
  if (asked.namespace !== undefined) argv.push(formatFilter({ namespace: asked.namespace }));
  const command = withFilter(new Command().argument("[filter...]").exitOverride());
  command.parse(argv, { from: "user" });
  return filterOf(command.opts(), command.args);
}

async function judged(seeded: Awaited<ReturnType<typeof seedLetters>>): Promise<Judged[]> {
  const texts = await db
    .select({ id: deadLetters.id, text: sql<string | null>`${deadLetters.payload}::text` })
    .from(deadLetters)
    .orderBy(asc(deadLetters.id));
  const byId = new Map(texts.map(({ id, text }) => [id, text]));
  return seeded.map((letter) => ({ ...letter, payloadText: byId.get(letter.id) ?? null }));
}
