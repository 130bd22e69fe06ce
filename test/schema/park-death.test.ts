import { eq } from "drizzle-orm";
import { expect, test } from "vitest";
import { parkDeath } from "../../schema/park-death.ts";
import { attempts, causes, deadLetters, deaths, events } from "../../schema/tables.ts";
import { testDatabase } from "../setup/postgres.ts";
import { deathOf, usualPolicy } from "./deaths.ts";

const { db } = await testDatabase();

const lettersOf = (workflowId: string) => db.select().from(deadLetters).where(eq(deadLetters.workflowId, workflowId));
const deathsOf = (workflowId: string) =>
  db.select().from(deaths).where(eq(deaths.workflowId, workflowId)).orderBy(deaths.n);
const eventsOf = (workflowId: string) =>
  db.select().from(events).where(eq(events.workflowId, workflowId)).orderBy(events.id);

test("a first death opens a letter with its death, its attempts, its cause and an event", async () => {
  const death = deathOf("movie-1");
  const { letter, isNew, deathKnown } = await parkDeath(db, death);
  expect({ isNew, deathKnown }).toEqual({ isNew: true, deathKnown: false });
  expect(letter).toMatchObject({
    workflowId: "movie-1",
    status: "parked",
    revision: 0,
    deaths: 1,
    attempts: 2,
    cleaned: false,
  });
  expect(letter.expiresAt).toEqual(new Date(death.expiresAtMs!));
  expect(await lettersOf("movie-1")).toMatchObject([
    { payload: { title: 1958 }, payloadData: Buffer.from("encoded input"), failure: death.error, tags: ["movies"] },
  ]);
  expect(await deathsOf("movie-1")).toMatchObject([{ letterId: letter.id, n: 1, runId: death.runId, attempts: 2 }]);
  expect(await db.select().from(attempts).where(eq(attempts.letterId, letter.id)).orderBy(attempts.n)).toMatchObject([
    { deathN: 1, n: 1, state: "failed", workerIdentity: "worker-1" },
    { deathN: 1, n: 2, state: "failed", heartbeats: 2, progress: { current: 3 } },
  ]);
  expect(await db.select().from(causes).where(eq(causes.id, letter.causeId))).toMatchObject([death.cause]);
  expect(await eventsOf("movie-1")).toMatchObject([
    { type: "parked", letterId: letter.id, runId: death.runId, position: null },
  ]);
});

test("the same death twenty times at once is one letter with one death (promise 1)", async () => {
  const death = deathOf("movie-2");
  const parked = await Promise.all(Array.from({ length: 20 }, () => parkDeath(db, death)));
  expect(new Set(parked.map(({ letter }) => letter.id)).size).toBe(1);
  expect(parked.filter(({ deathKnown }) => !deathKnown)).toHaveLength(1);
  expect(await lettersOf("movie-2")).toMatchObject([{ deaths: 1, attempts: 2 }]);
  expect(await deathsOf("movie-2")).toHaveLength(1);
  expect(await eventsOf("movie-2")).toHaveLength(1);
});

test("many deaths of one workflow id at once meet in one letter, numbered without a gap", async () => {
  const runs = Array.from({ length: 12 }, () => deathOf("movie-3"));
  const parked = await Promise.all(runs.map((death) => parkDeath(db, death)));
  expect(parked.filter(({ isNew }) => isNew)).toHaveLength(1);
  expect(await lettersOf("movie-3")).toMatchObject([{ deaths: 12, attempts: 24 }]);
  expect((await deathsOf("movie-3")).map(({ n }) => n)).toEqual(runs.map((_, i) => i + 1));
  expect((await eventsOf("movie-3")).map(({ type }) => type)).toEqual([
    "parked",
    ...Array<string>(11).fill("died_again"),
  ]);
});

test("an open letter takes over the new death's error and input, and keeps its own status, clock and policy (promise 18)", async () => {
  const first = deathOf("movie-4");
  const { letter } = await parkDeath(db, first);
  await db
    .update(deadLetters)
    .set({ revision: 7, originalPayloadData: Buffer.from("old") })
    .where(eq(deadLetters.id, letter.id));
  const second = deathOf("movie-4", {
    reason: "given_up",
    category: "network",
    error: { type: "Gone", message: "no answer", causes: [] },
    payload: { title: "1958" },
    payloadData: Buffer.from("new input"),
    diedAtMs: first.diedAtMs + 60_000,
    expiresAtMs: null,
    queue: "other",
    policy: { ...usualPolicy, retentionMs: "indefinite" },
  });
  expect(await parkDeath(db, second)).toMatchObject({
    isNew: false,
    deathKnown: false,
    letter: { id: letter.id, deaths: 2 },
  });
  expect(await lettersOf("movie-4")).toMatchObject([
    {
      ...{ reason: "given_up", category: "network", errorType: "Gone", errorMessage: "no answer", stackTrace: null },
      ...{
        runId: second.runId,
        payload: { title: "1958" },
        payloadData: Buffer.from("new input"),
        originalPayloadData: null,
      },
      ...{ firstFailedAt: new Date(first.diedAtMs), failedAt: new Date(second.diedAtMs) },
      ...{
        status: "parked",
        revision: 7,
        expiresAt: new Date(first.expiresAtMs!),
        queue: "default",
        retentionMs: first.policy.retentionMs,
      },
    },
  ]);
});

test("a death after the letter is closed is a new letter, and a repeat of the old one finds the closed letter", async () => {
  const first = deathOf("movie-5");
  const { letter } = await parkDeath(db, first);
  await db
    .update(deadLetters)
    .set({ status: "discarded", closedAt: new Date(), expiresAt: null })
    .where(eq(deadLetters.id, letter.id));
  expect(await parkDeath(db, first)).toMatchObject({
    isNew: false,
    deathKnown: true,
    letter: { id: letter.id, status: "discarded" },
  });
  const second = await parkDeath(db, deathOf("movie-5"));
  expect(second.isNew).toBe(true);
  expect(second.letter.id).not.toBe(letter.id);
  expect(await lettersOf("movie-5")).toHaveLength(2);
});

test("deaths of one workflow id race with the letter's closing: each lands in a letter, and only one is open", async () => {
  for (let round = 0; round < 20; round++) {
    const workflowId = `movie-6-${round}`;
    const { letter } = await parkDeath(db, deathOf(workflowId));
    const close = db
      .update(deadLetters)
      .set({ status: "expired", closedAt: new Date(), expiresAt: null })
      .where(eq(deadLetters.id, letter.id));
    await Promise.all([parkDeath(db, deathOf(workflowId)), close, parkDeath(db, deathOf(workflowId))]);
    const letters = await lettersOf(workflowId);
    expect(letters.filter(({ closedAt }) => closedAt === null).length).toBeLessThanOrEqual(1);
    expect(letters.reduce((sum, row) => sum + row.deaths, 0)).toBe(3);
    expect(await deathsOf(workflowId)).toHaveLength(3);
  }
});

test("many jobs that die of a new cause at once all get their letters", async () => {
  const cause = { ...deathOf("x").cause, id: "0197a3c4-0000-5000-8000-00000000beef" };
  const parked = await Promise.all(
    Array.from({ length: 20 }, (_, i) => parkDeath(db, deathOf(`movie-7-${i}`, { cause }))),
  );
  expect(parked.every(({ isNew }) => isNew)).toBe(true);
  expect(await db.select().from(causes).where(eq(causes.id, cause.id))).toHaveLength(1);
});

test("a death without attempts and without a payload is a letter too", async () => {
  const { letter } = await parkDeath(
    db,
    deathOf("movie-8", { attempts: [], attemptCount: 0, payload: undefined, payloadData: null, memoData: null }),
  );
  expect(letter).toMatchObject({ attempts: 0, payloadOmitted: true });
});

test("a ledger of a hundred attempts is written with its letter", async () => {
  const [entry] = deathOf("x").attempts;
  const ledger = Array.from({ length: 100 }, (_, i) => ({ ...entry!, n: i < 5 ? i + 1 : i + 901 }));
  const { letter } = await parkDeath(db, deathOf("movie-9", { attempts: ledger, attemptCount: 1000 }));
  expect(await db.$count(attempts, eq(attempts.letterId, letter.id))).toBe(100);
});
