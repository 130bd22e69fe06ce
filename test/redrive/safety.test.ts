import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { v7 as uuidv7 } from "uuid";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { gate, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { deadOnes, ended, outcomes, succeeds } from "./redriven.ts";

// What keeps a redrive from doing harm: canary, ramp, the rules that stop it, order per key, one redrive a letter.

vi.setConfig({ testTimeout: 60_000 });

let office: PostOffice;
const amended: string[] = [];
beforeAll(async () => (office = await openPostOffice({ amendments: { odd } })));
afterAll(async () => await office?.close());

/** What Temporal cannot carry, the first two times. */
function odd(input: unknown, { letterId }: { letterId: string }): unknown {
  if (!amended.includes(letterId)) amended.push(letterId);
  return [{ to: "x".repeat(2_000_000) }, { to: 1n }][amended.indexOf(letterId)] ?? input;
}

const forced = { force: true, rate: 200 };

test("it stops when the same cause comes back, says which letters told it so, and goes on when told", async () => {
  const ids = await deadOnes(office, "unmended", 4);
  const started = await office.dlo.redrives.start({ filter: "payload.to=unmended" }, { ...forced, maxInFlight: 1 });
  const stopped = await ended(office, started.id);
  expect(stopped).toMatchObject({
    status: "stopped",
    stop: { rule: "same_cause", why: "1 letter died again of the cause that it had before: it is not mended" },
    counts: { items: 4, diedAgain: 1, sameCause: 1, waiting: 3 },
  });
  expect(stopped.stop!.letters).toEqual([(await office.dlo.letters.get(ids[0]!)).id]);
  for (const id of ids) office.when(id, succeeds);
  expect(await office.dlo.redrives.resume(started.id, { by: "bob" })).toMatchObject({ status: "running", stop: null });
  expect(await ended(office, started.id)).toMatchObject({
    status: "completed",
    counts: { recovered: 3, diedAgain: 1 },
  });
  const again = await office.dlo.redrives.start({ from: { redrive: started.id } }, forced);
  expect(await ended(office, again.id)).toMatchObject({ status: "completed", counts: { items: 1, recovered: 1 } });
});

test("another cause than before is told apart, and stops it by its share alone", async () => {
  const ids = await deadOnes(office, "other", 12);
  for (const [i, id] of ids.entries())
    office.when(id, i < 2 ? () => Promise.reject(new TypeError("something else")) : succeeds);
  const options = { ...forced, maxInFlight: 1, stopOnFailure: 0.15 };
  const started = await office.dlo.redrives.start({ filter: "payload.to=other" }, options);
  const stopped = await ended(office, started.id);
  expect(stopped).toMatchObject({
    status: "stopped",
    stop: { rule: "failures" },
    counts: { diedAgain: 2, sameCause: 0, recovered: 8 },
  });
  await office.dlo.redrives.cancel(started.id);
  expect(await ended(office, started.id)).toMatchObject({ status: "cancelled", counts: { waiting: 0, skipped: 2 } });
});

test("a canary that dies stops it before the rest is touched", async () => {
  const ids = await deadOnes(office, "canary", 6);
  for (const id of ids) office.when(id, succeeds);
  office.when(ids[1]!, () => Promise.reject(new TypeError("something else")));
  const started = await office.dlo.redrives.start({ filter: "payload.to=canary" }, { ...forced, canary: 2 });
  expect(await ended(office, started.id)).toMatchObject({
    status: "stopped",
    stop: { rule: "canary" },
    counts: { diedAgain: 1, waiting: 4 },
  });
  // The other one may still run when the first death stops it.
  await until(async () => (await office.dlo.redrives.get(started.id)).counts.recovered === 1);
  expect(ids.slice(2).map((id) => office.runs(id))).toEqual([1, 1, 1, 1]);
  await office.dlo.redrives.cancel(started.id);
});

test("a ramp begins a step when all of the one before have recovered", async () => {
  const ids = await deadOnes(office, "ramp", 9);
  const doors = new Map(ids.map((id) => [id, gate<string>()]));
  for (const id of ids) office.when(id, () => doors.get(id)!.opened);
  const started = await office.dlo.redrives.start({ filter: "payload.to=ramp" }, { ...forced, ramp: true });
  const begun = () => ids.filter((id) => office.runs(id) > 1);
  let open = 0;
  for (const upTo of [1, 3, 8, 9]) {
    await until(() => begun().length === upTo);
    // Two looks of the office later it is still so.
    const { lastBegunAt } = await office.dlo.redrives.get(started.id);
    await until(async () => Date.now() - lastBegunAt!.getTime() > 600);
    expect(begun()).toEqual(ids.slice(0, upTo));
    for (; open < upTo; open++) doors.get(ids[open]!)!.open("delivered");
  }
  expect(await ended(office, started.id)).toMatchObject({ status: "completed", counts: { recovered: 9 } });
});

test("no more are under way than may be (promise 9)", async () => {
  const ids = await deadOnes(office, "flight", 5);
  const doors = new Map(ids.map((id) => [id, gate<string>()]));
  for (const id of ids) office.when(id, () => doors.get(id)!.opened);
  const started = await office.dlo.redrives.start({ filter: "payload.to=flight" }, { ...forced, maxInFlight: 2 });
  const begun = () => ids.filter((id) => office.runs(id) > 1).length;
  for (const [i, id] of ids.entries()) {
    await until(() => begun() === Math.min(i + 2, 5));
    expect((await office.dlo.redrives.get(started.id)).counts.running).toBeLessThanOrEqual(2);
    doors.get(id)!.open("delivered");
  }
  expect(await ended(office, started.id)).toMatchObject({ status: "completed", counts: { recovered: 5 } });
});

const ship = defineJob({
  name: "ship",
  input: z.object({ order: z.string(), part: z.number() }),
  key: ({ order }) => order,
  taskQueue: "ships",
  activity: { retry: { maximumAttempts: 1 } },
});

const berth = defineJob({
  name: "berth",
  input: z.object({ n: z.number(), fails: z.boolean() }),
  key: () => "the harbour",
  taskQueue: "berths",
  activity: { retry: { maximumAttempts: 1 } },
});

const lock = defineJob({
  name: "lock",
  input: z.object({ n: z.number() }),
  key: () => "the canal",
  taskQueue: "locks",
  activity: { retry: { maximumAttempts: 1 } },
});
let mendedLocks = false;

test("letters of one key go one after the other, and a new death stops its key alone", async () => {
  let mended = false;
  const went: string[] = [];
  await office.worker({
    jobs: [
      ship.handle(({ order, part }) => {
        if (!mended) throw new Error("the harbour is closed");
        went.push(`${order}${part}`);
        if (order === "b" && part === 2) throw new TypeError("no such pier");
        return "shipped";
      }),
    ],
  });
  for (const part of [1, 2, 3])
    for (const order of ["a", "b"]) {
      const run = await office.dlo.start(ship, { order, part }, { id: `ship-${order}${part}` });
      await run.result().catch(() => undefined);
    }
  mended = true;
  const started = await office.dlo.redrives.start({ filter: "job:ship" }, { ...forced, stopOnFailure: false });
  expect(await ended(office, started.id)).toMatchObject({
    status: "completed",
    counts: { items: 6, recovered: 4, diedAgain: 1, skipped: 1 },
  });
  expect(went.filter((one) => one.startsWith("a"))).toEqual(["a1", "a2", "a3"]);
  expect(went.filter((one) => one.startsWith("b"))).toEqual(["b1", "b2"]);
  const skipped = (await office.dlo.redrives.items(started.id)).find(({ state }) => state === "skipped");
  expect(skipped).toMatchObject({
    workflowId: "ship-b3",
    code: "key_stopped",
    why: "an earlier letter of its key did not recover",
  });
});

test("of the newest letters of a key the first one goes, though older ones are there", async () => {
  await office.worker({
    jobs: [
      berth.handle(({ fails }) => {
        if (fails) throw new Error("no berth");
        return "moored";
      }),
    ],
  });
  for (const n of [1, 2, 3]) {
    const run = await office.dlo.start(berth, { n, fails: true }, { id: `berth-${n}` });
    await run.result().catch(() => undefined);
  }
  const options = { ...forced, first: 1, order: "newest" as const, stopOnSameCause: false as const };
  const started = await office.dlo.redrives.start({ filter: "job:berth" }, options);
  expect(await ended(office, started.id)).toMatchObject({ status: "completed", counts: { items: 1, diedAgain: 1 } });
  expect(await outcomes(office, started.id)).toEqual(["berth-3: died_again"]);
});

test("what waits for an earlier letter of its key is not waited for longer than that", async () => {
  const door = gate();
  await office.worker({
    jobs: [
      lock.handle(async ({ n }) => {
        if (!mendedLocks) throw new Error("shut");
        if (n === 1) await door.opened;
        return "through";
      }),
    ],
  });
  for (const n of [1, 2]) {
    const run = await office.dlo.start(lock, { n }, { id: `lock-${n}` });
    await run.result().catch(() => undefined);
  }
  mendedLocks = true;
  const started = await office.dlo.redrives.start({ filter: "job:lock" }, { ...forced, settle: "1 second" });
  expect(await ended(office, started.id)).toMatchObject({ status: "completed", counts: { running: 1, skipped: 1 } });
  const [, behind] = await office.dlo.redrives.items(started.id);
  expect(behind).toMatchObject({ code: "key_stopped", why: "an earlier letter of its key has had no outcome" });
  door.open(undefined);
  await until(async () => (await office.dlo.letters.get("lock-1")).status === "recovered");
});

test("letters that wait for their moment are given back by a pause, and by a cancel, and none is asked", async () => {
  const ids = await deadOnes(office, "jitter", 4);
  for (const id of ids) office.when(id, succeeds);
  const late = { ...forced, jitter: "20 hours" as const };
  const paused = await office.dlo.redrives.start({ filter: "payload.to=jitter" }, late);
  const waits = async (id: string, count: number) =>
    await until(async () => (await office.dlo.redrives.get(id)).counts.waiting === count);
  await waits(paused.id, 0);
  await office.dlo.redrives.pause(paused.id);
  await waits(paused.id, 4);
  await office.dlo.redrives.cancel(paused.id);
  expect(await ended(office, paused.id)).toMatchObject({ status: "cancelled", counts: { skipped: 4 } });
  const cancelled = await office.dlo.redrives.start({ filter: "payload.to=jitter" }, late);
  await waits(cancelled.id, 0);
  expect(await office.dlo.redrives.cancel(cancelled.id)).toMatchObject({ status: "cancelled" });
  await until(async () => (await office.dlo.redrives.get(cancelled.id)).counts.skipped === 4);
  expect(ids.map((id) => office.runs(id))).toEqual([1, 1, 1, 1]);
  const last = await office.dlo.redrives.start({ filter: "payload.to=jitter" }, { ...forced, jitter: "1 second" });
  expect(await ended(office, last.id)).toMatchObject({ status: "completed", counts: { recovered: 4 } });
});

test("a resume right after a pause is heard, whatever the slice says that the pause ended", async () => {
  const ids = await deadOnes(office, "to-and-fro", 30);
  for (const id of ids) office.when(id, succeeds);
  const started = await office.dlo.redrives.start({ filter: "payload.to=to-and-fro" }, { ...forced, rate: 10 });
  for (let n = 0; n < 4; n++) {
    await office.dlo.redrives.pause(started.id);
    await office.dlo.redrives.resume(started.id);
  }
  expect(await ended(office, started.id)).toMatchObject({ status: "completed", counts: { recovered: 30 } });
});

test("an input that Temporal cannot carry is refused with the reason, and the others go on", async () => {
  const ids = await deadOnes(office, "odd", 4);
  for (const id of ids) office.when(id, succeeds);
  const options = { ...forced, amend: { by: "odd" }, maxInFlight: 1 };
  const started = await office.dlo.redrives.start({ filter: "payload.to=odd" }, options);
  expect(await ended(office, started.id)).toMatchObject({ status: "completed", counts: { refused: 2, recovered: 2 } });
  const [large, bigint] = await office.dlo.redrives.items(started.id);
  expect(large).toMatchObject({ code: "amendment", why: expect.stringContaining("at most 1900000 pass") as string });
  expect(bigint).toMatchObject({ code: "amendment", why: expect.stringContaining("plain JSON") as string });
});

test("two redrives never share a letter", async () => {
  const ids = await deadOnes(office, "shared", 6);
  for (const id of ids) office.when(id, succeeds);
  const which = { filter: "payload.to=shared" };
  const [one, other] = await Promise.all([
    office.dlo.redrives.start(which, { ...forced, rate: 0.1 }),
    office.dlo.redrives.start(which, { ...forced, rate: 0.1, order: "newest" }),
  ]);
  const get = async ({ id }: { id: string }) => await office.dlo.redrives.get(id);
  await until(async () => (await get(one)).snapshotAt !== null && (await get(other)).snapshotAt !== null);
  for (const { id } of [one, other])
    // The one that got none of them may have ended already.
    await office.dlo.redrives.set(id, { rate: 200 }).catch((error: { code?: string }) => {
      if (error.code !== "REDRIVE_STATE") throw error;
    });
  const both = [await ended(office, one.id), await ended(office, other.id)];
  expect(both.map(({ status }) => status)).toEqual(["completed", "completed"]);
  expect(both.reduce((sum, { counts }) => sum + counts.recovered, 0)).toBe(6);
  expect(both.reduce((sum, { counts }) => sum + counts.refused + counts.skipped, 0)).toBe(6);
  for (const id of ids) expect(office.runs(id)).toBe(2);
});

test("a patch that fits some and not others is refused for those alone, by whoever knows better", async () => {
  const ids = await deadOnes(office, "patched", 2);
  await office.dead("patched-odd", { to: "patched too" });
  for (const id of [...ids, "patched-odd"]) office.when(id, ({ to }) => to);
  const patch = [
    { op: "test", path: "/to", value: "patched" },
    { op: "replace", path: "/to", value: "dora" },
  ];
  const which = { filter: "payload.to~patched" };
  const preview = await office.dlo.redrives.preview(which, { ...forced, amend: { patch } });
  expect(preview.samples.map(({ workflowId, amended }) => [workflowId, amended?.after])).toEqual([
    ["patched-0", { to: "dora" }],
    ["patched-1", { to: "dora" }],
    ["patched-odd", undefined],
  ]);
  expect(preview.samples[2]!.refused).toContain("its input could not be changed");
  const started = await office.dlo.redrives.start(which, { ...forced, amend: { patch } });
  expect(await ended(office, started.id)).toMatchObject({ status: "completed", counts: { recovered: 2, refused: 1 } });
  expect(await outcomes(office, started.id)).toEqual([
    "patched-0: recovered",
    "patched-1: recovered",
    "patched-odd: refused",
  ]);
  expect(await office.dlo.letters.get("patched-0")).toMatchObject({ payload: { to: "dora" } });
  // The job's own worker has the last word.
  const wrong = [{ op: "replace", path: "/to", value: 7 }];
  const refused = await office.dlo.redrives.start(which, { ...forced, amend: { patch: wrong } });
  expect(await ended(office, refused.id)).toMatchObject({ status: "completed", counts: { items: 1, refused: 1 } });
  const [item] = await office.dlo.redrives.items(refused.id);
  expect(item!.why).toContain("The new input is not valid for deliver");
  expect(office.runs("patched-odd")).toBe(1);
});

test("where no office is, a preview says so soon, and so does a redrive, which one that comes later begins", async () => {
  const [id] = await deadOnes(office, "nobody-there", 1);
  office.when(id!, succeeds);
  const [which, options] = [{ filter: "payload.to=nobody-there" }, { ...forced, office: "nobody-yet" }];
  const asked = uuidv7();
  const [previewed, started] = await Promise.allSettled([
    office.dlo.redrives.preview(which, options),
    office.dlo.redrives.start(which, { ...options, id: asked }),
  ]);
  const said = {
    code: "WAIT_TIMEOUT",
    message: expect.stringContaining("within 20 seconds. Is one running?") as string,
  };
  expect(previewed).toMatchObject({ status: "rejected", reason: said });
  expect(started).toMatchObject({ status: "rejected", reason: said });
  await office.office({ office: "nobody-yet" });
  await until(async () => (await office.dlo.redrives.list()).redrives.some((redrive) => redrive.id === asked));
  expect(await ended(office, asked)).toMatchObject({ status: "completed", counts: { recovered: 1 } });
});
