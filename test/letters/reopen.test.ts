import { defineSearchAttributeKey } from "@temporalio/common";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import { letterStart, reopeningStart } from "../../model/letter-start.ts";
import type { LetterState } from "../../model/letter-state.ts";
import { letterOfRow } from "../../schema/letter-of-row.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { ended } from "../redrive/redriven.ts";

// Letters that are opened again, and those that are filed elsewhere.

vi.setConfig({ testTimeout: 40_000 });

const dloQueue = defineSearchAttributeKey("DloQueue", "KEYWORD");
let office: PostOffice;
beforeAll(async () => (office = await openPostOffice()));
afterAll(async () => await office?.close());

test("a discarded letter is opened again, with a new retention, and recovers", async () => {
  const { id } = await office.dead("by-mistake");
  await office.dlo.letters.discard(id, { reason: "a test order" });
  const open = await office.dlo.letters.reopen(id, { by: "ann", reason: "it was none" });
  expect(open).toMatchObject({ id, status: "parked", closedAt: null, closeReason: null, keepUntil: null, deaths: 1 });
  expect(open.expiresAt!.getTime()).toBeGreaterThan(Date.now() + 29 * 86_400_000);
  office.when("by-mistake", () => "delivered");
  expect(await office.dlo.letters.retry(id, { waitFor: "20 seconds" })).toMatchObject({
    status: "recovered",
    retries: 1,
  });
  const { events } = await office.dlo.letters.story(id);
  expect(events.map(({ type }) => type)).toEqual([
    "parked",
    "discarded",
    "reopened",
    "retry_asked",
    "retrying",
    "recovered",
  ]);
  expect(events[2]).toMatchObject({ by: "ann", reason: "it was none" });
});

test("what is open, has succeeded, or has a newer letter is not opened again", async () => {
  const { id } = await office.dead("twice");
  await expect(office.dlo.letters.reopen(id)).rejects.toMatchObject({ code: "LETTER_BUSY" });
  await office.dlo.letters.discard(id);
  const second = await office.dead("twice");
  expect(second.id).not.toBe(id);
  await expect(office.dlo.letters.reopen(id)).rejects.toMatchObject({ code: "LETTER_BUSY" });
  expect(await office.dlo.letters.get(id)).toMatchObject({ status: "discarded" });
  office.when("twice", () => "delivered");
  await office.dlo.letters.retry(second.id, { waitFor: "20 seconds" });
  await expect(office.dlo.letters.reopen(second.id)).rejects.toMatchObject({ code: "LETTER_CLOSED" });
});

test("many are opened again as a redrive", async () => {
  for (const id of ["many-0", "many-1"]) {
    const letter = await office.dead(id, { to: "many" });
    await office.dlo.letters.discard(letter.id);
  }
  const started = await office.dlo.redrives.start({ filter: "payload.to=many" }, { command: { name: "reopen" } });
  expect(await ended(office, started.id)).toMatchObject({ status: "completed", counts: { items: 2, done: 2 } });
  for (const id of ["many-0", "many-1"]) expect(await office.dlo.letters.get(id)).toMatchObject({ status: "parked" });
});

test("a letter is filed under another queue, where it is found, counted and shown", async () => {
  const { id, expiresAt } = await office.dead("moved");
  const moved = await office.dlo.letters.move(id, { queue: "by-hand", by: "ann" });
  expect(moved).toMatchObject({ queue: "by-hand", expiresAt });
  expect((await office.dlo.letters.count({ queue: "by-hand" })).count).toBe(1);
  const handle = office.dlo.temporal.workflow.getHandle(letterWorkflowId("moved"));
  await until(async () => (await handle.describe()).typedSearchAttributes.get(dloQueue) === "by-hand");
  expect((await office.dlo.letters.story(id)).events.at(-1)).toMatchObject({
    ...{ type: "moved", by: "ann", data: { queue: "by-hand", was: "default" } },
  });
  await expect(office.dlo.letters.move(id, { queue: "no such name!" })).rejects.toMatchObject({ code: "USAGE" });
});

test("one that cannot be opened goes on as the letter of a death that came meanwhile", async () => {
  const { temporal } = office.dlo;
  const first = await office.dead("overtaken");
  await office.dlo.letters.discard(first.id);
  const second = await office.dead("overtaken");
  const workflow = temporal.workflow.getHandle(letterWorkflowId("overtaken"));
  await workflow.terminate("its place is taken below");
  const home = { namespace: office.namespace, taskQueue: "dead-letter-office", searchAttributes: [] };
  const closed = await office.dlo.letters.get(first.id);
  // Between the start and its first task the job has died once more: its letter was begun by a signal to this workflow.
  await temporal.workflow.start("deadLetter", {
    ...reopeningStart(letterOfRow(closed), null, home, { by: "ann" }),
    startDelay: "2 seconds",
  });
  const { signal, signalArgs } = letterStart(letterOfRow(second), null, home);
  await workflow.signal(signal, ...signalArgs);
  await until(async () => (await workflow.query<LetterState>("state")).letterId === second.id);
  office.when("overtaken", () => "delivered");
  expect(await office.dlo.letters.retry(second.id, { waitFor: "20 seconds" })).toMatchObject({ status: "recovered" });
  expect(await office.dlo.letters.get(first.id)).toMatchObject({ status: "discarded" });
});
