import { desc } from "drizzle-orm";
import { beforeAll, expect, test } from "vitest";
import { parkDeath } from "../../schema/park-death.ts";
import { projectLetter } from "../../schema/project-letter.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { letterColumns } from "../../schema/rows.ts";
import { similarLetters } from "../../schema/similar-letters.ts";
import { deadLetters } from "../../schema/tables.ts";
import { testDatabase } from "../setup/postgres.ts";
import { causeNamed, deathOf, diedAt } from "./deaths.ts";

const { db, sql } = await testDatabase();
/** Newest failure first. */
let letters: LetterRow[];

beforeAll(async () => {
  for (let i = 0; i < 60; i++) {
    const death = deathOf(`movie-${i}`, {
      // Two die at the same millisecond, so the id has to tell them apart.
      diedAtMs: diedAt + 1000 * Math.floor(i / 2),
      job: i % 2 === 0 ? "import-movie" : "send-mail",
      namespace: i % 10 === 9 ? "other" : "default",
      cause: causeNamed(`cause ${i % 7}`),
      error: { type: i % 3 === 0 ? "TypeError" : "RangeError", message: "no", causes: [] },
    });
    const { letter } = await parkDeath(db, death);
    if (i % 6 === 0)
      await projectLetter(db, {
        ...{ letterId: letter.id, revision: 1, status: "recovered", events: [] },
        close: { deaths: 1, reason: null, atMs: diedAt },
      });
  }
  letters = await db.select(letterColumns).from(deadLetters).orderBy(desc(deadLetters.failedAt), desc(deadLetters.id));
});

test("of every letter, those of its cause come first, then those of its job and error type; newest first, open and closed", async () => {
  for (const letter of letters)
    for (const rows of [1, 5, 100]) {
      const found = await similarLetters(db, letter, rows);
      expect(found.map(({ letter: { id }, likeness }) => `${likeness} ${id}`)).toEqual(oracle(letter, rows));
    }
  expect(letters.some((letter) => oracle(letter, 100).some((line) => line.startsWith("error")))).toBe(true);
});

test("it is asked of the indexes of cause and job", async () => {
  const plan = async (where: string) => {
    let found = "";
    const rolledBack = sql.begin(async (tx) => {
      await tx`set local enable_seqscan = off`;
      await tx`set local enable_sort = off`;
      // Of 60 letters all can be read in their order as well.
      await tx`drop index dlo.dead_letters_newest`;
      const lines = await tx.unsafe<{ "QUERY PLAN": string }[]>(
        `explain select * from (select * from dlo.dead_letters where ${where} order by failed_at desc, id desc limit 5000) read
         where namespace = 'default' order by failed_at desc, id desc limit 10`,
      );
      found = lines.map((line) => line["QUERY PLAN"]).join("\n");
      throw new Error("the index stays");
    });
    await expect(rolledBack).rejects.toThrow("the index stays");
    return found;
  };
  const byCause = await plan(`cause_id = '${letters[0]!.causeId}'`);
  expect(byCause).toContain("Index Scan using dead_letters_by_cause ");
  const byJob = await plan("job = 'send-mail'");
  expect(byJob).toContain("Index Scan using dead_letters_by_job ");
  // What the index has in order needs no sorting, so the first ten are enough.
  expect(byCause + byJob).not.toContain("Sort");
});

function oracle(like: LetterRow, rows: number): string[] {
  const others = letters.filter(({ id, namespace }) => id !== like.id && namespace === like.namespace);
  const ofCause = others.filter(({ causeId }) => causeId === like.causeId);
  const ofError = others.filter(
    (one) => !ofCause.includes(one) && one.job === like.job && one.errorType === like.errorType,
  );
  return [...ofCause.map(({ id }) => `cause ${id}`), ...ofError.map(({ id }) => `error ${id}`)].slice(0, rows);
}
