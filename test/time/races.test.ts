import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { letterWorkflowId } from "../../model/ids.ts";
import { defineJob } from "../../model/index.ts";
import type { LetterActivities } from "../../model/letter-activities.ts";
import type { LetterState } from "../../model/letter-state.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { openFaultyOffice } from "../setup/faulty-office.ts";
import { gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// What happens when the end of a retention meets something else, on the real server. The office is made to wait where the
// race is, so that each order comes about for certain.

const parcel = defineJob({
  name: "parcel",
  input: z.object({}),
  activity: { retry: { maximumAttempts: 1 } },
  deadLetter: { retention: "indefinite" },
});

let world: World;
let closeOffice: () => Promise<void>;
const mended = new Set<string>();
/** Held before or behind an activity of this letter. */
const held = { beginRetry: new Map<string, Promise<unknown>>(), project: new Map<string, Promise<unknown>>() };
const called = { beginRetry: new Set<string>(), closing: new Map<string, string[]>() };
const unsignalled = new Set<string>();

beforeAll(async () => {
  world = await openWorld();
  closeOffice = await openOffice();
  await world.worker({
    jobs: [
      parcel.handle((_, ctx) => {
        if (!mended.has(ctx.workflowId)) throw new Error("nobody at home");
        return "delivered";
      }),
    ],
  });
});
afterAll(async () => {
  await closeOffice?.();
  await world?.close();
});

test("both at once, in one task of the letter: the retry wins, and the letter does not expire (promise 11)", async () => {
  const letter = await dead("at-once");
  mended.add("at-once");
  // Nobody carries anything out while the office is away, but the timer fires and the command arrives.
  await world.dlo.letters.extend(letter.id, { retention: "500 milliseconds" });
  await closeOffice();
  await until(async () => (await eventsOf("at-once")).includes("timerFired"));
  await world.dlo.temporal.workflow.getHandle(letterWorkflowId("at-once")).signal("retry", { by: "ann" });
  closeOffice = await openOffice();
  await until(async () => (await read(letter)).closedAt !== null);
  expect(await read(letter)).toMatchObject({ status: "recovered", retries: 1, deaths: 1 });
  expect(await story(letter)).toEqual(["parked", "extended", "retry_asked", "retrying", "recovered"]);
});

test("the expiry is being written: the retry is refused, and the story says so (promise 11)", async () => {
  const letter = await dead("expiry-first");
  mended.add("expiry-first");
  const writing = gate<void>();
  held.project.set(letter.id, writing.opened);
  const handle = world.dlo.temporal.workflow.getHandle(letterWorkflowId("expiry-first"));
  await world.dlo.letters.extend(letter.id, { retention: "500 milliseconds" });
  await until(() => called.closing.has(letter.id));
  await handle.signal("retry", { by: "ann" });
  const update = handle.executeUpdate("retry", { args: [{ by: "bob" }] }).catch((error: unknown) => error);
  await until(
    async () => (await eventsOf("expiry-first")).filter((type) => type === "workflowExecutionSignaled").length === 2,
  );
  writing.open();
  expect(await update).toMatchObject({ cause: { type: "LETTER_CLOSED" } });
  expect(await handle.result()).toMatchObject({ status: "expired" });
  expect(await read(letter)).toMatchObject({ status: "expired", retries: 0 });
  const { events } = await world.dlo.letters.story(letter.id);
  expect(events.map(({ type }) => type)).toEqual(["parked", "extended", "expired", "refused"]);
  expect(events.at(-1)).toMatchObject({
    by: "ann",
    data: { command: "retry", why: expect.stringContaining("closed (expired)") },
  });
});

test("the retry is being begun when the retention ends: it goes on, and nothing expires", async () => {
  const letter = await dead("retry-first");
  mended.add("retry-first");
  const beginning = gate<void>();
  held.beginRetry.set(letter.id, beginning.opened);
  await world.dlo.letters.extend(letter.id, { retention: "3 seconds" });
  const retried = world.dlo.letters.retry(letter.id, { by: "ann" });
  await until(() => called.beginRetry.has(letter.id));
  await until(async () => (await eventsOf("retry-first")).includes("timerFired"));
  beginning.open();
  await retried;
  await until(async () => (await read(letter)).closedAt !== null);
  expect(await read(letter)).toMatchObject({ status: "recovered", retries: 1 });
  expect(await story(letter)).toEqual(["parked", "extended", "retry_asked", "retrying", "recovered"]);
});

test("many letters are retried as they expire: each ends in one of the two ways, and its story agrees (promise 11)", async () => {
  const ids = Array.from({ length: 30 }, (_, n) => `crowd-${n}`);
  const letters = await Promise.all(ids.map(dead));
  for (const id of ids) mended.add(id);
  const ends = await Promise.all(
    letters.map(async (letter, n) => {
      const { expiresAt } = await world.dlo.letters.extend(letter.id, { retention: "2 seconds" });
      // From a tenth of a second before the end to one after it.
      await until(() => Date.now() >= expiresAt!.getTime() - 100 + (200 * n) / ids.length);
      return await world.dlo.letters.retry(letter.id, { by: "ann" }).then(
        () => "retried",
        (error: { code?: string }) => error.code,
      );
    }),
  );
  for (const [n, letter] of letters.entries()) {
    await until(async () => (await read(letter)).closedAt !== null);
    const { status, retries } = await read(letter);
    const types = await story(letter);
    if (ends[n] === "retried") {
      expect({ status, retries }).toEqual({ status: "recovered", retries: 1 });
      expect(types).toEqual(["parked", "extended", "retry_asked", "retrying", "recovered"]);
    } else {
      expect({ end: ends[n], status, retries }).toEqual({ end: "LETTER_CLOSED", status: "expired", retries: 0 });
      expect(types).toEqual(["parked", "extended", "expired"]);
    }
  }
});

test("the job has died anew and the letter does not know yet: its expiry waits for that death and begins a new retention", async () => {
  const letter = await dead("dying");
  unsignalled.add("dying");
  const second = await world.dlo.start(parcel, {}, { id: "dying" });
  await until(async () => (await read(letter)).deaths === 2);
  await world.dlo.letters.extend(letter.id, { retention: "500 milliseconds" });
  await until(() => called.closing.get(letter.id)?.includes("dying") === true);
  // A person who asks for the same is told why it has to wait.
  await expect(world.dlo.letters.discard(letter.id, { by: "ann" })).rejects.toMatchObject({ code: "LETTER_BUSY" });
  expect(await read(letter)).toMatchObject({ status: "parked", deaths: 2, closedAt: null });
  await world.dlo.letters.extend(letter.id, { retention: "indefinite" });
  unsignalled.delete("dying");
  await expect(second.result()).rejects.toMatchObject({ code: "JOB_DIED", details: { letterId: letter.id } });
  await until(async () => (await stateOf("dying")).deaths === 2);
  expect(await read(letter)).toMatchObject({ status: "parked", deaths: 2, closedAt: null });
  expect(await story(letter)).toEqual(["parked", "died_again", "extended", "extended"]);
  expect(await world.dlo.letters.discard(letter.id, { by: "ann" })).toMatchObject({ status: "discarded", deaths: 2 });
});

test("a death that comes while its letter waits to expire gives it a whole new retention", async () => {
  const letter = await dead("renewed");
  unsignalled.add("renewed");
  const second = await world.dlo.start(parcel, {}, { id: "renewed" });
  await until(async () => (await read(letter)).deaths === 2);
  await world.dlo.letters.extend(letter.id, { retention: "1 second" });
  await until(() => called.closing.get(letter.id)?.includes("dying") === true);
  unsignalled.delete("renewed");
  await expect(second.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  // Heard of, parked anew for a second, and then it does expire, once.
  await until(async () => (await read(letter)).closedAt !== null);
  expect(await read(letter)).toMatchObject({ status: "expired", deaths: 2, retries: 0 });
  expect(await story(letter)).toEqual(["parked", "died_again", "extended", "expired"]);
});

async function openOffice(): Promise<() => Promise<void>> {
  return await openFaultyOffice(world, {
    beforeSignal(jobWorkflowId) {
      if (unsignalled.has(jobWorkflowId)) throw new Error("the office crashes before it tells the letter");
    },
    beginRetry: (real) => async (ask) => {
      called.beginRetry.add(ask.letterId);
      await held.beginRetry.get(ask.letterId);
      return await real(ask);
    },
    project:
      (real): LetterActivities["project"] =>
      async (projection) => {
        if (projection.close === undefined) return await real(projection);
        called.closing.set(projection.letterId, called.closing.get(projection.letterId) ?? []);
        await held.project.get(projection.letterId);
        const result = await real(projection);
        called.closing.get(projection.letterId)!.push(result);
        return result;
      },
  });
}

async function dead(id: string): Promise<LetterRow> {
  const run = await world.dlo.start(parcel, {}, { id });
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  return await world.dlo.letters.get(id);
}

async function read(letter: LetterRow): Promise<LetterRow> {
  return await world.dlo.letters.get(letter.id);
}

async function story(letter: LetterRow): Promise<string[]> {
  return (await world.dlo.letters.story(letter.id)).events.map(({ type }) => type);
}

async function stateOf(id: string): Promise<LetterState> {
  return await world.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).query<LetterState>("state");
}

/** Types of the events of a letter's history, such as `timerFired`. */
async function eventsOf(id: string): Promise<string[]> {
  const { events } = await world.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).fetchHistory();
  return (events ?? []).map((event) =>
    Object.keys(event)
      .find((key) => key.endsWith("EventAttributes"))!
      .replace("EventAttributes", ""),
  );
}
