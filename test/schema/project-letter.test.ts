import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { expect, test } from "vitest";
import { beginRetry } from "../../schema/begin-retry.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { projectLetter } from "../../schema/project-letter.ts";
import { recordRetryDeath } from "../../schema/record-death.ts";
import { deadLetters, deaths, events } from "../../schema/tables.ts";
import { testDatabase } from "../setup/postgres.ts";
import { deathOf, diedAt, usualPolicy } from "./deaths.ts";

const { db, url } = await testDatabase();

const noLetter = "0197a3c4-0000-7000-8000-000000000000";
const rowOf = async (id: string) => (await db.select().from(deadLetters).where(eq(deadLetters.id, id)))[0]!;
const eventTypesOf = async (id: string) =>
  (await db.select().from(events).where(eq(events.letterId, id)).orderBy(events.id)).map(({ type }) => type);
const parked = async (workflowId: string) => (await parkDeath(db, deathOf(workflowId))).letter.id;
const event = (type: "noted" | "retrying" | "recovered" | "discarded" | "retry_asked", otherwise = {}) => ({
  type,
  atMs: diedAt + 1000,
  ...otherwise,
});

test("a newer revision is written with its events, in order and with what they carry", async () => {
  const letterId = await parked("movie-1");
  const result = await projectLetter(db, {
    letterId,
    revision: 2,
    status: "retrying",
    retries: 1,
    retriedAtMs: diedAt + 1000,
    events: [
      event("noted", { by: "ann", reason: "why", requestId: "r-1", data: { text: "it's \u0000 odd" } }),
      event("retrying", { runId: "run-2" }),
    ],
  });
  expect(result).toBe("written");
  expect(await rowOf(letterId)).toMatchObject({
    ...{ status: "retrying", revision: 2, retries: 1, retriedAt: new Date(diedAt + 1000) },
    ...{ expiresAt: null, retryAt: null },
  });
  const written = await db.select().from(events).where(eq(events.letterId, letterId)).orderBy(events.id);
  expect(written.slice(1)).toMatchObject([
    { type: "noted", by: "ann", reason: "why", requestId: "r-1", data: { text: "it's ␀ odd" }, revision: 2 },
    { type: "retrying", runId: "run-2", at: new Date(diedAt + 1000), workflowId: "movie-1", data: null },
  ]);
});

test("a repeated or late projection is stale and writes nothing, its events neither", async () => {
  const letterId = await parked("movie-2");
  const note = { letterId, revision: 3, events: [event("noted")] };
  expect(await projectLetter(db, note)).toBe("written");
  expect(await projectLetter(db, note)).toBe("stale");
  expect(await projectLetter(db, { ...note, revision: 2, status: "retrying" })).toBe("stale");
  expect(await rowOf(letterId)).toMatchObject({ status: "parked", revision: 3 });
  expect(await eventTypesOf(letterId)).toEqual(["parked", "noted"]);
});

test("a letter that is dying does not close", async () => {
  const letterId = await parked("movie-3");
  await parkDeath(db, deathOf("movie-3"));
  const closing = {
    ...{ letterId, revision: 1, status: "expired" as const, events: [] },
    close: { deaths: 1, reason: null, atMs: diedAt + 5000 },
  };
  expect(await projectLetter(db, closing)).toBe("dying");
  expect(await rowOf(letterId)).toMatchObject({ status: "parked", closedAt: null, revision: 0 });
  expect(await projectLetter(db, { ...closing, close: { ...closing.close, deaths: 2 } })).toBe("written");
  expect(await projectLetter(db, { ...closing, revision: 2 })).toBe("stale");
});

test("closing sets the time, the reason, and how long the record is kept", async () => {
  const atMs = diedAt + 5000;
  const close = async (workflowId: string, keepForMs: number | "indefinite") => {
    const { letter } = await parkDeath(db, deathOf(workflowId, { policy: { ...usualPolicy, keepForMs } }));
    await projectLetter(db, {
      ...{ letterId: letter.id, revision: 1, status: "discarded", events: [event("discarded")] },
      close: { deaths: 1, reason: "no use", atMs },
    });
    return await rowOf(letter.id);
  };
  expect(await close("movie-4", 86_400_000)).toMatchObject({
    ...{ status: "discarded", closedAt: new Date(atMs), closeReason: "no use", expiresAt: null },
    keepUntil: new Date(atMs + 86_400_000),
  });
  expect((await close("movie-5", "indefinite")).keepUntil).toBeNull();
  expect((await close("movie-6", Number.MAX_SAFE_INTEGER)).keepUntil).toEqual(new Date("9999-12-31T00:00:00Z"));
});

test("a retry that is put off stops the clock, and parking again starts it", async () => {
  const letterId = await parked("movie-7");
  await projectLetter(db, { letterId, revision: 1, retryAtMs: diedAt + 1000, events: [] });
  expect(await rowOf(letterId)).toMatchObject({ retryAt: new Date(diedAt + 1000), expiresAt: null });
  await projectLetter(db, { letterId, revision: 2, retryAtMs: null, expiresAtMs: diedAt + 9000, events: [] });
  expect(await rowOf(letterId)).toMatchObject({ retryAt: null, expiresAt: new Date(diedAt + 9000) });
  await projectLetter(db, { letterId, revision: 3, retentionMs: "indefinite", expiresAtMs: null, events: [] });
  expect(await rowOf(letterId)).toMatchObject({ retentionMs: null, expiresAt: null, status: "parked" });
});

test("the input before the first amendment stays beside the amended one", async () => {
  const letterId = await parked("movie-8");
  const amend = (revision: number, text: string) =>
    projectLetter(db, {
      ...{ letterId, revision, events: [] },
      amendment: { payload: { title: text }, payloadData: Buffer.from(text) },
    });
  await amend(1, "one");
  await amend(2, "two");
  expect(await rowOf(letterId)).toMatchObject({
    ...{
      payload: { title: "two" },
      payloadData: Buffer.from("two"),
      originalPayloadData: Buffer.from("encoded input"),
    },
  });
});

test("a retry is asked for once, and a repeat gets the same to start with", async () => {
  const letterId = await parked("movie-9");
  const ask = {
    ...{ letterId, revision: 1, event: event("retry_asked", { by: "ann" }) },
    amendment: { payload: { title: "1958" }, payloadData: Buffer.from("amended") },
  };
  const material = await beginRetry(db, ask);
  expect(material).toMatchObject({
    ...{ payloadData: Buffer.from("amended"), memoData: Buffer.from("encoded memo"), headers: { tenant: "acme" } },
    ...{ retries: 0, deaths: 1, workflowId: "movie-9", idempotencyKey: "movie-9", status: "parked", revision: 1 },
  });
  expect(await beginRetry(db, ask)).toEqual(material);
  expect(await eventTypesOf(letterId)).toEqual(["parked", "retry_asked"]);
  expect(await rowOf(letterId)).toMatchObject({ originalPayloadData: Buffer.from("encoded input") });
  expect(await beginRetry(db, { ...ask, letterId: noLetter })).toBeUndefined();
});

test("a retry's death parks the letter again, once, with the input of the row", async () => {
  const letterId = await parked("movie-10");
  await projectLetter(db, { letterId, revision: 1, status: "retrying", events: [] });
  const error = { type: "Gone", message: "no answer", causes: [] };
  const { runId, ...death } = deathOf("movie-10", { category: "network", error, diedAtMs: diedAt + 60_000 });
  const record = { ...death, runId, letterId, revision: 2, expiresAtMs: diedAt + 90_000 };
  const recorded = await recordRetryDeath(db, record);
  expect(recorded).toEqual({
    ...{ n: 2, runId, diedAt: new Date(diedAt + 60_000), reason: "exhausted", category: "network" },
    ...{ errorType: "Gone", errorMessage: "no answer" },
  });
  expect(await recordRetryDeath(db, record)).toEqual(recorded);
  expect(await rowOf(letterId)).toMatchObject({
    ...{ status: "parked", revision: 2, deaths: 2, attempts: 4, expiresAt: new Date(diedAt + 90_000), retryAt: null },
    ...{ firstFailedAt: new Date(diedAt), failedAt: new Date(diedAt + 60_000), errorType: "Gone", runId },
    ...{ payloadData: Buffer.from("encoded input") },
  });
  expect(await db.select().from(deaths).where(eq(deaths.runId, runId))).toMatchObject([
    { letterId, n: 2, payloadData: Buffer.from("encoded input") },
  ]);
  expect(await eventTypesOf(letterId)).toEqual(["parked", "died_again"]);
});

test("the death of a run that the letter waited for brings that run's own input", async () => {
  const letterId = await parked("movie-11");
  const { payload, payloadData, memoData, headers, idempotencyKey, ...death } = deathOf("movie-11");
  const input = {
    payload: [1, 2],
    payloadData: Buffer.from("its own"),
    memoData: null,
    headers: {},
    idempotencyKey: "k",
  };
  await recordRetryDeath(db, { ...death, letterId, revision: 1, expiresAtMs: null, input });
  expect(await rowOf(letterId)).toMatchObject({ ...input, expiresAt: null, deaths: 2 });
});

test("a death that the run has parked by itself is not counted again, and the row takes the revision", async () => {
  const letterId = await parked("movie-14");
  const death = deathOf("movie-14");
  await parkDeath(db, death);
  const recorded = await recordRetryDeath(db, { ...death, letterId, revision: 3, expiresAtMs: diedAt + 7000 });
  expect(recorded).toMatchObject({ n: 2, runId: death.runId });
  expect(await rowOf(letterId)).toMatchObject({
    deaths: 2,
    attempts: 4,
    revision: 3,
    expiresAt: new Date(diedAt + 7000),
  });
  expect(await eventTypesOf(letterId)).toEqual(["parked", "died_again"]);
});

test("a death that comes after the closing is appended, and the letter stays closed", async () => {
  const letterId = await parked("movie-15");
  const close = { deaths: 1, reason: null, atMs: diedAt };
  await projectLetter(db, { letterId, revision: 1, status: "expired", events: [], close });
  await recordRetryDeath(db, { ...deathOf("movie-15"), letterId, revision: 2, expiresAtMs: diedAt + 1 });
  expect(await rowOf(letterId)).toMatchObject({ status: "expired", deaths: 2, expiresAt: null });
});

test("of a closing and a death at once, the letter either closes without it, or stays open with it", async () => {
  for (let round = 0; round < 30; round++) {
    const workflowId = `movie-16-${round}`;
    const letterId = await parked(workflowId);
    const close = { deaths: 1, reason: null, atMs: diedAt };
    const [{ letter }, result] = await Promise.all([
      parkDeath(db, deathOf(workflowId)),
      projectLetter(db, { letterId, revision: 1, status: "expired", events: [], close }),
    ]);
    const { status, deaths: known } = await rowOf(letterId);
    if (result === "dying")
      expect({ status, known, id: letter.id }).toEqual({ status: "parked", known: 2, id: letterId });
    else expect({ result, status, known }).toEqual({ result: "written", status: "expired", known: 1 });
    expect(letter.id === letterId).toBe(result === "dying");
  }
});

test("a death, a retry, its death and a projection are one statement each", async () => {
  const statements: string[] = [];
  const client = postgres(url, { max: 1 });
  const counted = drizzle(client, { logger: { logQuery: (query) => void statements.push(query) } });
  const { letter } = await parkDeath(counted, deathOf("movie-17"));
  await beginRetry(counted, { letterId: letter.id, revision: 1, event: event("retry_asked") });
  await projectLetter(counted, { letterId: letter.id, revision: 2, status: "retrying", events: [event("retrying")] });
  await recordRetryDeath(counted, { ...deathOf("movie-17"), letterId: letter.id, revision: 3, expiresAtMs: null });
  await client.end();
  expect(statements).toHaveLength(4);
});

test("a death that comes late is appended, but status and clock stay as the newer revision has them", async () => {
  const letterId = await parked("movie-12");
  await projectLetter(db, { letterId, revision: 5, status: "retrying", events: [] });
  await recordRetryDeath(db, { ...deathOf("movie-12"), letterId, revision: 4, expiresAtMs: diedAt + 1 });
  expect(await rowOf(letterId)).toMatchObject({ status: "retrying", revision: 5, expiresAt: null, deaths: 2 });
});

test("what is asked of a letter that isn't there fails by name", async () => {
  const notFound = { code: "LETTER_NOT_FOUND" };
  await expect(projectLetter(db, { letterId: noLetter, revision: 1, events: [] })).rejects.toMatchObject(notFound);
  await expect(
    recordRetryDeath(db, { ...deathOf("movie-13"), letterId: noLetter, revision: 1, expiresAtMs: null }),
  ).rejects.toMatchObject(notFound);
});
