import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import type { Conditions, Filter } from "../../model/filter.ts";
import { parseFilter } from "../../model/filter-line.ts";
import { errorCodeOf } from "../../model/office-error.ts";
import { countLetters } from "../../schema/count-letters.ts";
import { listLetters } from "../../schema/list-letters.ts";
import { testDatabase } from "../setup/postgres.ts";
import { pick, seedLetters } from "./seeded-letters.ts";

const { db, sql } = await testDatabase();

beforeAll(async () => void (await seedLetters(db, 60, 3)));

const nasty = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 30 }),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }),
  pick([
    "'; drop table dlo.dead_letters; --",
    "') or true --",
    "\\",
    "%\\",
    "\0\0\0",
    "\ud800x\udc00",
    "{}",
    '{"a"',
    "}{",
    "$1",
    "NULL",
    "x".repeat(1999),
    "::text[]",
    "__proto__",
    "*".repeat(10),
  ]),
);
const path = fc.array(fc.oneof(nasty, fc.nat()), { minLength: 1, maxLength: 4 });
const operand = fc.oneof(nasty, fc.double(), fc.integer(), fc.boolean(), fc.constant(null));
const comparison = fc.record({ path, is: pick(["=", "!=", "<", "<=", ">", ">=", "~"]), value: operand });
const kinds: readonly (readonly [readonly (keyof Conditions)[], fc.Arbitrary<unknown>])[] = [
  [
    [
      "namespace",
      "job",
      "queue",
      "error",
      "anyError",
      "build",
      "key",
      "workflowId",
      "batch",
      "tag",
      "text",
      "cause",
      "status",
    ],
    nasty,
  ],
  [["payload", "source", "headers"], comparison],
  [
    ["failed", "closed", "expires", "firstFailed"],
    fc.oneof(
      fc.date().map((from) => ({ from })),
      fc.date().map((to) => ({ to })),
      fc.integer().map((within) => ({ within })),
      nasty.map((from) => ({ from })),
    ),
  ],
  [
    ["deaths", "attempts", "retries"],
    fc.oneof(
      fc.integer(),
      fc.double(),
      fc.integer().map((min) => ({ min })),
      fc.integer().map((max) => ({ max })),
    ),
  ],
];
const condition = fc.oneof(...kinds.map(([keys, value]) => fc.tuple(pick(keys), value)));
const filter: fc.Arbitrary<Filter> = fc
  .tuple(fc.array(condition, { minLength: 1, maxLength: 3 }), fc.option(condition, { nil: undefined }))
  .map(([asked, not]) => ({ ...Object.fromEntries(asked), ...(not && { not: Object.fromEntries([not]) }) }));

test("whatever a filter says, it is answered or refused as wrong usage, and nothing is changed", async () => {
  const before = await state();
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(filter, async (given) => {
      if (await isAnswered(async () => await listLetters(db, given, { rows: 5 }))) answered++;
      await isAnswered(async () => await countLetters(db, given));
    }),
    { numRuns: 400, examples: [[{ namespace: "\0\0\0" }]] },
  );
  expect(answered).toBeGreaterThan(20);
  expect(await state()).toEqual(before);
});

test("whatever a line says, it is answered or refused as wrong usage, and nothing is changed", async () => {
  const before = await state();
  const words = pick([
    "job:",
    "-key:",
    "text:",
    "payload.",
    "payload.a=",
    "headers.a~",
    "tag:",
    "",
    "-",
    "failed:",
    "deaths:",
  ]);
  const quoted = fc
    .tuple(words, nasty, fc.boolean())
    .map(([word, text, quotes]) => `${word}${quotes ? JSON.stringify(text) : text}`);
  await fc.assert(
    fc.asyncProperty(fc.array(quoted, { maxLength: 4 }), async (terms) => {
      await isAnswered(async () => await listLetters(db, parseFilter(terms.join(" ")), { rows: 5 }));
    }),
    { numRuns: 400 },
  );
  expect(await state()).toEqual(before);
});

/** Anything but an answer and USAGE fails the test. */
async function isAnswered(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    if (errorCodeOf(error) !== "USAGE") throw error;
    return false;
  }
}

async function state(): Promise<unknown> {
  return await sql`select count(*), sum(hashtext(l::text)) as letters from dlo.dead_letters l`;
}
