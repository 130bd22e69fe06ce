import { defineSearchAttributeKey } from "@temporalio/common";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { balanced, deadOnes, ended, outcomes, succeeds } from "./redriven.ts";

// A redrive as its user sees it: which letters it takes, in what order, what comes of each, and the balance.

vi.setConfig({ testTimeout: 40_000 });

let office: PostOffice;
beforeAll(async () => (office = await openPostOffice()));
afterAll(async () => await office?.close());

test("letters are retried, and each has its outcome and its run (promise 6)", async () => {
  const ids = await deadOnes(office, "all-well", 5);
  for (const id of ids) office.when(id, succeeds);
  const started = await office.dlo.redrives.start(
    { filter: "payload.to=all-well" },
    { force: true, rate: 100, by: "ann", reason: "the door is open" },
  );
  const redrive = await ended(office, started.id);
  expect(redrive).toMatchObject({
    status: "completed",
    by: "ann",
    reason: "the door is open",
    counts: { items: 5, recovered: 5 },
  });
  const items = await office.dlo.redrives.items(started.id);
  expect(items.map(({ workflowId }) => workflowId)).toEqual(ids);
  expect(items.every(({ state, runId }) => state === "recovered" && runId !== null)).toBe(true);
  for (const id of ids) {
    expect(office.runs(id)).toBe(2);
    const letter = await office.dlo.letters.get(id);
    expect(letter).toMatchObject({ status: "recovered", retries: 1 });
    const { events } = await office.dlo.letters.story(letter.id);
    expect(events.find(({ type }) => type === "retry_asked")).toMatchObject({ by: "ann", reason: "the door is open" });
  }
  const { status, typedSearchAttributes } = await office.dlo.temporal.workflow
    .getHandle(`redrive/${started.id}`)
    .describe();
  expect(status.name).toBe("COMPLETED");
  expect(typedSearchAttributes.get(defineSearchAttributeKey("DloStatus", "KEYWORD"))).toBe("completed");
  await until(async () => {
    const { events } = await office.dlo.events.list({ types: ["redrive_started", "redrive_completed"], limit: 1000 });
    return events.filter(({ redriveId }) => redriveId === started.id).length === 2;
  });
});

test("the same id again is the same redrive", async () => {
  const [id] = await deadOnes(office, "once", 1);
  office.when(id!, succeeds);
  const own = "01a20ff3-7b82-717d-8b41-454af7ec025b";
  await office.dlo.redrives.start({ filter: "payload.to=once" }, { force: true, id: own });
  await office.dlo.redrives.start({ filter: "payload.to=once" }, { force: true, id: own });
  expect(await ended(office, own)).toMatchObject({ status: "completed", counts: { items: 1, recovered: 1 } });
  expect(office.runs(id!)).toBe(2);
});

test("a death after the snapshot is not swept in, and one that died meanwhile is left out", async () => {
  const [first, second, third] = await deadOnes(office, "late", 3);
  for (const id of [first!, third!]) office.when(id, succeeds);
  const started = await office.dlo.redrives.start({ filter: "payload.to=late" }, { force: true, rate: 0.1 });
  await until(async () => (await office.dlo.redrives.get(started.id)).snapshotAt !== null);
  await office.dead("late-3", { to: "late" });
  // Retried by hand before its turn; it dies once more.
  await office.dlo.letters.retry((await office.dlo.letters.get(second!)).id, { waitFor: "20 seconds" });
  await office.dlo.redrives.set(started.id, { rate: 100 });
  expect(await ended(office, started.id)).toMatchObject({
    status: "completed",
    counts: { items: 3, recovered: 2, skipped: 1 },
  });
  const items = await office.dlo.redrives.items(started.id);
  expect(items.find(({ workflowId }) => workflowId === second)).toMatchObject({
    state: "skipped",
    code: "died_meanwhile",
  });
  expect(await office.dlo.letters.get("late-3")).toMatchObject({ status: "parked", retries: 0 });
});

test("what needs a person, is closed, or was retried enough is left out with the reason (promise 5)", async () => {
  const [first, second, third] = await deadOnes(office, "mixed", 3);
  const idOf = async (workflowId: string) => (await office.dlo.letters.get(workflowId)).id;
  await office.dlo.letters.discard(await idOf(first!), {});
  await office.dlo.letters.retry(await idOf(third!), { waitFor: "20 seconds" });
  const ids = await Promise.all([first!, second!, third!].map(idOf));
  const unforced = await office.dlo.redrives.start({ ids });
  expect(await ended(office, unforced.id)).toMatchObject({ status: "completed", counts: { items: 3, skipped: 3 } });
  const whys = (await office.dlo.redrives.items(unforced.id)).map(({ why }) => why);
  expect(whys).toEqual([
    "it is closed: discarded",
    "its error is of the category unknown, which needs a person",
    "its error is of the category unknown, which needs a person",
  ]);
  const capped = { ids, command: { name: "retry" }, maximumRetries: 1, force: true } as const;
  const { ids: which, ...options } = capped;
  const preview = await office.dlo.redrives.preview({ ids: which }, options);
  expect(preview.takes).toBe(1);
  expect(preview.leavesOut.map(({ code, why, letters }) => [code, why, letters])).toEqual([
    ["closed", "it is closed: discarded", 1],
    ["retried_enough", "it was retried 1 times already", 1],
  ]);
  expect(preview.samples.map(({ workflowId, refused }) => [workflowId, refused])).toEqual([[second, undefined]]);
});

test("first and order choose which go", async () => {
  const ids = await deadOnes(office, "ordered", 4);
  for (const id of ids) office.when(id, succeeds);
  const which = { filter: "payload.to=ordered" };
  const oldest = await office.dlo.redrives.start(which, { force: true, first: 1, rate: 100 });
  await ended(office, oldest.id);
  const newest = await office.dlo.redrives.start(which, { force: true, first: 2, order: "newest", rate: 100 });
  await ended(office, newest.id);
  expect(await outcomes(office, oldest.id)).toEqual(["ordered-0: recovered"]);
  expect(await outcomes(office, newest.id)).toEqual(["ordered-3: recovered", "ordered-2: recovered"]);
  expect(office.runs("ordered-1")).toBe(1);
});

test("it can be steered by the plain CLI's means: pause, resume, set, cancel as signals", async () => {
  const ids = await deadOnes(office, "steered", 4);
  for (const id of ids) office.when(id, succeeds);
  const started = await office.dlo.redrives.start({ filter: "payload.to=steered" }, { force: true, rate: 0.1 });
  const handle = office.dlo.temporal.workflow.getHandle(`redrive/${started.id}`);
  const get = async () => await office.dlo.redrives.get(started.id);
  await until(async () => (await get()).counts.recovered >= 1);
  await handle.signal("pause", { by: "ann" });
  await until(async () => (await get()).status === "paused");
  await handle.signal("resume", { by: "ann" });
  await handle.signal("set", { rate: 500, maxInFlight: 1, by: "ann", requestId: "faster" });
  await until(async () => (await get()).limits.rate === 500);
  // What was heard before is no error, and changes nothing.
  await office.dlo.redrives.set(started.id, { rate: 400, requestId: "faster" });
  expect((await get()).limits.rate).toBe(500);
  await until(async () => (await get()).counts.recovered >= 2);
  await handle.signal("cancel", { by: "ann", reason: "enough" });
  await until(async () => (await handle.describe()).status.name === "COMPLETED");
  // What ran goes on, and has its outcome later.
  await until(async () => (await get()).counts.running === 0);
  const after = balanced(await get());
  expect(after.counts.waiting).toBe(0);
  expect(["cancelled", "completed"]).toContain(after.status);
  for (const { workflowId, state } of await office.dlo.redrives.items(started.id)) {
    expect(office.runs(workflowId)).toBe(state === "recovered" ? 2 : 1);
    if (state === "skipped")
      expect(await office.dlo.temporal.workflow.getHandle(letterWorkflowId(workflowId)).query("state")).toMatchObject({
        status: "parked",
      });
  }
  await expect(office.dlo.redrives.pause(started.id)).rejects.toMatchObject({ code: "REDRIVE_STATE" });
});

test("other commands go the same way: discard, extend, note, amend, expire", async () => {
  const ids = await deadOnes(office, "bulk", 2);
  const which = { filter: "payload.to~bulk" };
  const run = async (command: Parameters<typeof office.dlo.redrives.start>[1]) => {
    const started = await office.dlo.redrives.start(which, { rate: 100, by: "ann", ...command });
    expect(await ended(office, started.id)).toMatchObject({ status: "completed", counts: { items: 2, done: 2 } });
  };
  await run({ command: { name: "note", text: "all of one night" } });
  await run({ command: { name: "extend", retention: "60 days" } });
  await run({ command: { name: "amend" }, amend: { patch: [{ op: "replace", path: "/to", value: "bulk, amended" }] } });
  for (const id of ids)
    expect(await office.dlo.letters.get(id)).toMatchObject({ payload: { to: "bulk, amended" }, status: "parked" });
  await run({ command: { name: "discard" }, reason: "a test" });
  for (const id of ids) {
    const letter = await office.dlo.letters.get(id);
    expect(letter).toMatchObject({ status: "discarded", closeReason: "a test" });
    expect(await office.events(letter.id)).toEqual(["parked", "noted", "extended", "amended", "discarded"]);
  }
});
