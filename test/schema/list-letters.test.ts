import { beforeAll, expect, test } from "vitest";
import { getLetter } from "../../schema/get-letter.ts";
import { letterStory } from "../../schema/letter-story.ts";
import type { Filter } from "../../model/filter.ts";
import { listLetters } from "../../schema/list-letters.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { projectLetter } from "../../schema/project-letter.ts";
import { resolvePrefix } from "../../schema/resolve-prefix.ts";
import { testDatabase } from "../setup/postgres.ts";
import { deathOf, diedAt } from "./deaths.ts";

const { db } = await testDatabase();
const letters: { id: string; workflowId: string }[] = [];

beforeAll(async () => {
  for (let i = 0; i < 30; i++) {
    const { letter } = await parkDeath(
      db,
      deathOf(`movie-${i}`, {
        // Three die at the same millisecond, so the id has to tell them apart.
        diedAtMs: diedAt + 1000 * Math.floor(i / 3),
        job: i % 2 === 0 ? "import-movie" : "send-mail",
        queue: i % 5 === 0 ? "mail" : "default",
        category: i % 3 === 0 ? "network" : "data",
        reason: i % 7 === 0 ? "given_up" : "exhausted",
        key: `order-${i % 10}`,
        namespace: i === 29 ? "other" : "default",
      }),
    );
    letters.push(letter);
    if (i % 6 === 0)
      await projectLetter(db, {
        ...{ letterId: letter.id, revision: 1, status: "expired", events: [] },
        close: { deaths: 1, reason: null, atMs: diedAt },
      });
  }
});

test("pages go from the newest failure to the oldest and hold each letter once", async () => {
  const seen: string[] = [];
  for (let after: string | undefined, last = false; !last;) {
    const page = await listLetters(db, {}, { rows: 7, ...(after && { after }) });
    seen.push(...page.letters.map(({ workflowId }) => workflowId));
    ({ next: after } = page);
    last = after === undefined;
  }
  expect(seen).toEqual(letters.map(({ workflowId }) => workflowId).toReversed());
});

test("a page shows no encoded bytes, which readers may not select", async () => {
  const {
    letters: [row],
  } = await listLetters(db, {}, { rows: 1 });
  expect(Object.keys(row!).filter((column) => column.endsWith("Data"))).toEqual([]);
  expect(row).toMatchObject({ payload: { title: 1958 } });
});

test.for<[Filter, (i: number) => boolean]>([
  [{ job: "send-mail" }, (i) => i % 2 === 1],
  [{ queue: "mail" }, (i) => i % 5 === 0],
  [{ status: "expired" }, (i) => i % 6 === 0],
  [{ status: "parked", category: "network" }, (i) => i % 6 !== 0 && i % 3 === 0],
  [{ reason: "given_up" }, (i) => i % 7 === 0],
  [{ key: "order-3" }, (i) => i % 10 === 3],
  [{ workflowId: "movie-17" }, (i) => i === 17],
  [{ namespace: "other" }, (i) => i === 29],
  [{ job: "import-movie", queue: "mail", status: "parked" }, (i) => i % 2 === 0 && i % 5 === 0 && i % 6 !== 0],
])("the filter %j passes exactly what has it", async ([filter, expected]) => {
  const found = await listLetters(db, filter);
  expect(found.letters.map(({ workflowId }) => workflowId)).toEqual(
    letters
      .map(({ workflowId }) => workflowId)
      .filter((_, i) => expected(i))
      .toReversed(),
  );
});

test("a letter is found by its id, by the beginning of its id, and by its job's workflow id", async () => {
  const { id } = letters[4]!;
  expect((await getLetter(db, id)).id).toBe(id);
  expect((await getLetter(db, id.toUpperCase())).id).toBe(id);
  expect((await getLetter(db, "movie-4")).id).toBe(id);
  expect((await getLetter(db, "movie-29", { namespace: "other" })).namespace).toBe("other");
  await expect(getLetter(db, "movie-29", { namespace: "default" })).rejects.toMatchObject({ code: "LETTER_NOT_FOUND" });
  // UUID v7: what tells letters of the same moment apart comes late.
  expect(await resolvePrefix(db, id.slice(0, 30))).toBe(id);
  expect(await resolvePrefix(db, id.replaceAll("-", "").slice(0, 28))).toBe(id);
});

test("the newest letter of a job is meant by its workflow id", async () => {
  const { letter } = await parkDeath(db, deathOf("movie-0", { diedAtMs: diedAt + 500 }));
  expect(letter.id).not.toBe(letters[0]!.id);
  expect((await getLetter(db, "movie-0")).id).toBe(letter.id);
});

test("a beginning that fits several letters names some, and one that fits none is not found", async () => {
  const prefix = letters[0]!.id.slice(0, 6);
  await expect(getLetter(db, prefix)).rejects.toMatchObject({
    code: "LETTER_AMBIGUOUS",
    details: { matches: [...letters.slice(0, 5).map(({ id }) => id), "…"] },
  });
  for (const name of ["ffffff", letters[0]!.id.slice(0, 3), "no such job", "ffffffff-ffff-7fff-8fff-ffffffffffff"])
    await expect(getLetter(db, name)).rejects.toMatchObject({ code: "LETTER_NOT_FOUND" });
});

test("a letter's story has its deaths with their attempts, and its events, in order", async () => {
  const { letter } = await parkDeath(db, deathOf("story"));
  await parkDeath(db, deathOf("story", { category: "network", attempts: [], attemptCount: 0 }));
  await projectLetter(db, {
    letterId: letter.id,
    revision: 1,
    events: [{ type: "noted", atMs: diedAt, data: { text: "hm" } }],
  });
  const story = await letterStory(db, letter.id);
  expect(story.deaths.map(({ n, category, attemptRows }) => [n, category, attemptRows.map((row) => row.n)])).toEqual([
    [1, "data", [1, 2]],
    [2, "network", []],
  ]);
  expect(story.events.map(({ type }) => type)).toEqual(["parked", "died_again", "noted"]);
  expect(story.deaths[0]).not.toHaveProperty("payloadData");
});
