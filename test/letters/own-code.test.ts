import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { letterWorkflowId } from "../../model/ids.ts";
import { type DeadError, type DeadJob, defineJob, type HandlerOptions } from "../../model/index.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { ended } from "../redrive/redriven.ts";
import { gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// A job's own code, onDead and onExpire, which its letter runs.

vi.setConfig({ testTimeout: 40_000 });

let world: World;

type Told = { readonly error: DeadError; readonly dead: DeadJob<{ cents: number }> };

/** What the code of these ids was told, in order. */
const told = new Map<string, Told[]>();
/** What the code of these ids does; by default nothing. */
const does = new Map<string, (dead: Told["dead"]) => unknown>();
const recovers = new Set<string>();

const run = async (error: DeadError, dead: Told["dead"]) => {
  told.set(dead.workflowId, [...(told.get(dead.workflowId) ?? []), { error, dead }]);
  return await does.get(dead.workflowId)?.(dead);
};

function job(name: string, code: HandlerOptions<{ cents: number }>, queue = "default") {
  return defineJob({
    name,
    input: z.object({ cents: z.coerce.number() }),
    key: ({ cents }) => `order-${cents}`,
    activity: { retry: { maximumAttempts: 1 } },
    deadLetter: { queue },
  }).handle(({ cents }, { workflowId }) => {
    if (recovers.has(workflowId)) return "charged";
    throw new Error(`declined: ${cents}`);
  }, code);
}

const charge = job("charge", { onDead: run });
const lapse = job("lapse", { onExpire: run });
const both = job("both", { onDead: run, onExpire: run });
const secret = job("secret", { onDead: run }, "secrets");
const plain = job("plain", {});

beforeAll(async () => {
  world = await openWorld();
  await world.office({ queues: { secrets: { payload: "omit" } } });
  await world.worker({ jobs: [charge, lapse, both, secret, plain] });
});
afterAll(async () => await world?.close());

async function dead({ job }: typeof charge, id: string): Promise<LetterRow> {
  const started = await world.dlo.start(job, { cents: 5 }, { id, headers: { tenant: "acme" } });
  await expect(started.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  return await world.dlo.letters.get(id);
}

async function events(id: string): Promise<string[]> {
  return (await world.dlo.letters.story(id)).events.map(({ type }) => type);
}

async function has(id: string, type: string): Promise<void> {
  await until(async () => (await events(id)).includes(type));
}

async function lastEvent(id: string) {
  return (await world.dlo.letters.story(id)).events.at(-1)!;
}

test("onDead is run once after a death, told of it, and what it returns is in the story", async () => {
  does.set("c-1", () => ({ refund: "re_1" }));
  const { id } = await dead(charge, "c-1");
  await has(id, "code_ran");
  expect(await lastEvent(id)).toMatchObject({
    type: "code_ran",
    data: { code: "onDead", deaths: 1, result: { refund: "re_1" } },
  });
  const [first, ...more] = told.get("c-1")!;
  expect(more).toEqual([]);
  const { signal, diedAt, runId, ...rest } = first!.dead;
  expect(first!.error).toMatchObject({ type: "Error", message: "declined: 5", category: "unknown", causes: [] });
  expect(signal.aborted).toBe(false);
  expect(diedAt).toBeInstanceOf(Date);
  expect(runId).toMatch(/^[0-9a-f-]{36}$/);
  expect(rest).toEqual({
    ...{ job: "charge", workflowId: "c-1", letterId: id, queue: "default", reason: "exhausted" },
    ...{ deaths: 1, retries: 0, attempts: 1, attempt: 1, input: { cents: 5 } },
    ...{ headers: { tenant: "acme" }, idempotencyKey: "c-1", key: "order-5" },
  });
});

test("each death runs it, also that of a retry", async () => {
  const { id } = await dead(charge, "c-2");
  await has(id, "code_ran");
  await world.dlo.letters.retry(id, { waitFor: "20 seconds" });
  await until(async () => (await events(id)).filter((type) => type === "code_ran").length === 2);
  expect(told.get("c-2")!.map(({ dead: { deaths } }) => deaths)).toEqual([1, 2]);
});

test("what fails is tried again; the letter does not wait for it", async () => {
  const opened = gate();
  does.set("c-3", async ({ attempt }) => {
    if (attempt === 1) throw new Error("the bank is closed");
    await opened.opened;
  });
  const { id } = await dead(charge, "c-3");
  await until(() => told.get("c-3")?.length === 2);
  expect(await world.dlo.letters.note(id, { text: "seen" })).toMatchObject({ status: "parked" });
  const { raw } = await world.dlo.temporal.workflow.getHandle(letterWorkflowId("c-3")).describe();
  expect(raw.pendingActivities?.[0]?.activityType?.name).toBe("onDead");
  opened.open(undefined);
  await has(id, "code_ran");
});

test("what fails for good is shown, found, and run again by command; by a redrive, too", async () => {
  const broken = () => {
    throw ApplicationFailure.nonRetryable("no such payment", "NoPayment");
  };
  does.set("c-4", broken);
  does.set("c-5", broken);
  const { id } = await dead(charge, "c-4");
  const { id: other } = await dead(charge, "c-5");
  await has(id, "code_failed");
  await has(other, "code_failed");
  expect(await lastEvent(id)).toMatchObject({ data: { code: "onDead", deaths: 1, why: "NoPayment: no such payment" } });
  expect(await world.dlo.letters.get(id)).toMatchObject({ status: "parked", failedCode: "onDead" });
  expect((await world.dlo.letters.list("failed-code:onDead")).letters).toHaveLength(2);
  does.delete("c-4");
  does.delete("c-5");
  expect(await world.dlo.letters.runCode(id, { by: "ann", reason: "mended" })).toMatchObject({ failedCode: null });
  await has(id, "code_ran");
  const { events: all } = await world.dlo.letters.story(id);
  expect(all.slice(1).map(({ type, by }) => [type, by])).toEqual([
    ["code_failed", null],
    ["code_asked", "ann"],
    ["code_ran", null],
  ]);
  const { id: redrive } = await world.dlo.redrives.start(
    { filter: "failed-code:onDead" },
    { command: { name: "runCode" }, rate: 100 },
  );
  expect(await ended(world, redrive)).toMatchObject({ counts: { items: 1, done: 1 } });
  await has(other, "code_ran");
});

test("a retry goes before it: what waits for its next try is dropped", async () => {
  does.set("c-6", () => {
    throw new Error("not yet");
  });
  const { id } = await dead(both, "c-6");
  await until(() => told.has("c-6"));
  recovers.add("c-6");
  expect(await world.dlo.letters.retry(id, { waitFor: "20 seconds" })).toMatchObject({ status: "recovered" });
  expect(await events(id)).toEqual(["parked", "retry_asked", "retrying", "code_dropped", "recovered"]);
});

test("onExpire is run in place of closing at once, in the name of who asked, and then the letter expires", async () => {
  const opened = gate();
  does.set("l-1", async () => await opened.opened);
  const { id } = await dead(lapse, "l-1");
  const asked = await world.dlo.letters.expire(id, { by: "ann", reason: "too late" });
  expect(asked).toMatchObject({ status: "parked", expiresAt: null });
  await until(() => told.has("l-1"));
  await expect(world.dlo.letters.runCode(id)).rejects.toMatchObject({ code: "LETTER_BUSY" });
  opened.open({ told: "the customer" });
  await has(id, "expired");
  expect(await world.dlo.letters.get(id)).toMatchObject({ status: "expired", closeReason: "too late" });
  const { events: all } = await world.dlo.letters.story(id);
  expect(all.map(({ type, by }) => [type, by])).toEqual([
    ["parked", null],
    ["code_asked", "ann"],
    ["code_ran", null],
    ["expired", "ann"],
  ]);
  expect(all[2]).toMatchObject({ data: { code: "onExpire", result: { told: "the customer" } } });
});

test("where onExpire fails for good the letter stays, without a clock, until it is run again", async () => {
  does.set("l-2", () => {
    throw ApplicationFailure.nonRetryable("no address", "NoAddress");
  });
  const { id } = await dead(lapse, "l-2");
  await world.dlo.letters.expire(id);
  await has(id, "code_failed");
  expect(await world.dlo.letters.get(id)).toMatchObject({
    status: "parked",
    expiresAt: null,
    failedCode: "onExpire",
  });
  does.delete("l-2");
  await world.dlo.letters.runCode(id);
  await has(id, "expired");
});

test("extend takes an expiry back whose code still runs", async () => {
  does.set("l-3", () => {
    throw new Error("not yet");
  });
  const { id } = await dead(lapse, "l-3");
  await world.dlo.letters.expire(id);
  await until(() => told.has("l-3"));
  expect((await world.dlo.letters.extend(id, { retention: "1 day" })).expiresAt).not.toBeNull();
  expect(await events(id)).toEqual(["parked", "code_asked", "extended", "code_dropped"]);
});

test("a letter is discarded while its code fails, and what does not run any more is said", async () => {
  does.set("c-7", () => {
    throw new Error("not yet");
  });
  const { id } = await dead(charge, "c-7");
  await until(() => told.has("c-7"));
  await world.dlo.letters.discard(id, { by: "ann" });
  expect(await events(id)).toEqual(["parked", "discarded", "code_dropped"]);
  await world.dlo.letters.reopen(id);
  await has(id, "reopened");
  // It was told of that death.
  expect(await world.dlo.letters.note(id, { text: "open" })).toMatchObject({ failedCode: null });
  expect(await events(id)).not.toContain("code_ran");
});

test("where a queue stores no payloads there is no input to be told", async () => {
  const { id } = await dead(secret, "s-1");
  await has(id, "code_ran");
  expect(told.get("s-1")![0]!.dead).not.toHaveProperty("input");
});

test("a job without such code: nothing is run, and who asks for it is told", async () => {
  const { id } = await dead(plain, "p-1");
  await expect(world.dlo.letters.runCode(id)).rejects.toMatchObject({ code: "USAGE" });
  await world.dlo.letters.runCode(id, { code: "onDead" });
  await has(id, "code_failed");
  expect(await lastEvent(id)).toMatchObject({ data: { why: "job plain has no onDead in its worker" } });
  expect(await world.dlo.letters.expire(id)).toMatchObject({ status: "expired" });
});

test("an end that waits for onExpire is not lost to onDead, nor begun twice", async () => {
  const opened = gate();
  does.set("b-1", async () => await (told.get("b-1")!.length === 1 ? undefined : opened.opened));
  const { id } = await dead(both, "b-1");
  await has(id, "code_ran");
  await world.dlo.letters.expire(id, { by: "ann" });
  await until(() => told.get("b-1")!.length === 2);
  await expect(world.dlo.letters.expire(id)).rejects.toMatchObject({ code: "LETTER_BUSY" });
  await expect(world.dlo.letters.runCode(id, { code: "onDead" })).rejects.toMatchObject({ code: "LETTER_BUSY" });
  opened.open(undefined);
  await has(id, "expired");
  expect(told.get("b-1")).toHaveLength(2);
});

test("an onExpire that failed keeps its place before onDead; a new retention takes it off the letter and its row", async () => {
  does.set("b-2", () => {
    throw ApplicationFailure.nonRetryable("no address", "NoAddress");
  });
  const { id } = await dead(both, "b-2");
  await has(id, "code_failed");
  await world.dlo.letters.expire(id);
  await until(async () => (await world.dlo.letters.get(id)).failedCode === "onExpire");
  await expect(world.dlo.letters.runCode(id, { code: "onDead" })).rejects.toMatchObject({ code: "LETTER_BUSY" });
  const extended = await world.dlo.letters.extend(id, { retention: "1 day" });
  expect(extended).toMatchObject({ failedCode: null });
  expect(extended.expiresAt).not.toBeNull();
});

test("an onDead that onExpire takes the place of is told of", async () => {
  does.set("b-3", ({ deaths }) => {
    if (told.get("b-3")!.length < 3) throw new Error(`not yet: ${deaths}`);
  });
  const { id } = await dead(both, "b-3");
  await until(() => told.has("b-3"));
  await world.dlo.letters.expire(id);
  await has(id, "expired");
  expect(await events(id)).toEqual(["parked", "code_dropped", "code_asked", "code_ran", "expired"]);
});

test("run by command, onExpire of a job that has none closes nothing", async () => {
  const { id } = await dead(plain, "p-2");
  await world.dlo.letters.runCode(id, { code: "onExpire" });
  await has(id, "code_failed");
  expect(await world.dlo.letters.get(id)).toMatchObject({ status: "parked", failedCode: "onExpire" });
  expect(await world.dlo.letters.expire(id)).toMatchObject({ status: "expired" });
});

test("where input and error together are too large for Temporal, it is told of the death without the input", async () => {
  const id = "c-large";
  const run = await world.dlo.temporal.workflow.start("charge", {
    ...{ workflowId: id, taskQueue: "jobs", args: [{ cents: 7, note: "x".repeat(2_060_000) }] },
  });
  await run.result().catch(() => undefined);
  await has(id, "code_ran");
  expect(told.get(id)![0]!.dead).not.toHaveProperty("input");
});
