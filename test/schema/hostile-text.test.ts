import { eq } from "drizzle-orm";
import { expect, test } from "vitest";
import type { ErrorRecord } from "../../model/error-record.ts";
import { beginRetry } from "../../schema/begin-retry.ts";
import { getLetter } from "../../schema/get-letter.ts";
import { listLetters } from "../../schema/list-letters.ts";
import { parkDeath } from "../../schema/park-death.ts";
import { projectLetter } from "../../schema/project-letter.ts";
import { recordRetryDeath } from "../../schema/record-death.ts";
import { deadLetters } from "../../schema/tables.ts";
import { testDatabase } from "../setup/postgres.ts";
import { causeNamed, deathOf, diedAt } from "./deaths.ts";

const { db } = await testDatabase();
const rowOf = async (id: string) => (await db.select().from(deadLetters).where(eq(deadLetters.id, id)))[0]!;

const nasty = "a\u0000b\ud800c";
const clean = "a␀b\ufffdc";
const error: ErrorRecord = {
  ...{ type: nasty, message: nasty, stack: nasty, code: nasty, properties: { [nasty]: nasty } },
  causes: [{ type: nasty, message: nasty }],
};
const everywhere = (workflowId: string) =>
  deathOf(workflowId, {
    ...{ workflowType: nasty, taskQueue: nasty, job: nasty, queue: nasty, tags: [nasty], error },
    ...{ cause: { ...causeNamed("nasty"), fingerprint: nasty, title: nasty } },
    ...{ buildId: nasty, workerIdentity: nasty, startedBy: nasty, source: { [nasty]: nasty } },
    ...{
      payload: { [nasty]: [nasty] },
      headers: { [nasty]: nasty },
      key: nasty,
      idempotencyKey: nasty,
      batch: nasty,
      traceId: nasty,
    },
    attempts: [{ n: 1, state: "failed", error, worker: nasty, build: nasty, progress: { current: 1, phase: nasty } }],
  });

test("text that Postgres refuses is replaced wherever it stands, and the letter is marked", async () => {
  const { letter } = await parkDeath(db, everywhere(`nasty ${nasty}`));
  expect(letter).toMatchObject({ cleaned: true, job: clean, key: clean, tags: [clean], headers: { [clean]: clean } });
  expect(await rowOf(letter.id)).toMatchObject({
    ...{
      errorMessage: clean,
      failure: { message: clean, properties: { [clean]: clean } },
      payload: { [clean]: [clean] },
    },
    payloadData: Buffer.from("encoded input"),
  });
  expect((await getLetter(db, `nasty ${nasty}`)).id).toBe(letter.id);
  expect(await listLetters(db, { key: nasty })).toMatchObject({ letters: [{ id: letter.id }] });
});

test("it is known again by its repeat", async () => {
  const death = everywhere(`again ${nasty}`);
  const { letter } = await parkDeath(db, death);
  expect(await parkDeath(db, death)).toMatchObject({ deathKnown: true, letter: { id: letter.id } });
});

test("the letter's own writes take it as well, and mark what was clean before", async () => {
  const { letter } = await parkDeath(db, deathOf("movie"));
  expect(letter.cleaned).toBe(false);
  const amendment = { payload: { title: nasty }, payloadData: Buffer.from("amended") };
  const signed = { by: nasty, reason: nasty, requestId: nasty, runId: nasty, data: { [nasty]: nasty } };
  const asked = { type: "retry_asked" as const, atMs: diedAt, ...signed };
  expect(await beginRetry(db, { letterId: letter.id, revision: 1, event: asked, amendment })).toBeDefined();
  expect(await rowOf(letter.id)).toMatchObject({ payload: { title: clean }, cleaned: true });
  const { payload, payloadData, memoData, headers, key, idempotencyKey, ...death } = everywhere("movie");
  await recordRetryDeath(db, { ...death, letterId: letter.id, revision: 2, expiresAtMs: null });
  const closing = { deaths: 2, reason: nasty, atMs: diedAt };
  const discarded = { type: "discarded" as const, atMs: diedAt, ...signed };
  expect(
    await projectLetter(db, {
      letterId: letter.id,
      revision: 3,
      status: "discarded",
      events: [discarded],
      close: closing,
    }),
  ).toBe("written");
  expect(await rowOf(letter.id)).toMatchObject({ closeReason: clean, errorType: clean });
});

test("what is too long for an index, too deep for jsonb, or too late for a date is never refused", async () => {
  const endless = "😀".repeat(100_000);
  let deep: unknown = "bottom";
  for (let i = 0; i < 7000; i++) deep = [deep];
  const { letter } = await parkDeath(
    db,
    deathOf("endless", {
      ...{
        error: { type: endless, message: endless, causes: [] },
        job: endless,
        queue: endless,
        key: endless,
        payload: deep,
      },
      ...{ expiresAtMs: Number.MAX_SAFE_INTEGER, retentionMs: Number.MAX_SAFE_INTEGER },
    }),
  );
  expect(letter).toMatchObject({ cleaned: true, expiresAt: new Date("9999-12-31T00:00:00Z") });
  expect(letter.job).toMatch(/^😀+/u);
  expect(await listLetters(db, { key: endless })).toMatchObject({ letters: [{ id: letter.id }] });
});
