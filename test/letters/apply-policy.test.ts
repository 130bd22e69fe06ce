import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { letterWorkflowId } from "../../model/ids.ts";
import { defineJob, type QueueOptions } from "../../model/index.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { ended } from "../redrive/redriven.ts";
import { gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// A configuration that is changed while letters are parked. All of them die under the one before.

vi.setConfig({ testTimeout: 40_000, hookTimeout: 60_000 });

const dayMs = 86_400_000;
const before: Record<string, QueueOptions> = {
  mail: { retention: "30 days" },
  held: { retention: "indefinite" },
  shelf: { retention: "30 days" },
  flash: { retention: "30 days" },
  heals: {},
  busy: { retention: "30 days" },
  bulk: { retention: "30 days" },
  crash: { retention: "30 days" },
};
const after: Record<string, QueueOptions> = {
  mail: { retention: "7 days", keepFor: "10 days", warnBefore: "1 day", onExpire: "retry", maximumRetries: 1 },
  held: { retention: "7 days" },
  shelf: { retention: "indefinite" },
  flash: { retention: "1 ms" },
  heals: { autoRetry: { categories: ["network"], after: "1 hour" } },
  busy: { retention: "7 days" },
  bulk: { retention: "1 ms", maximumRetries: 7 },
  crash: { retention: "7 days" },
};

let world: World;
const retries = gate();
const ids = [
  "mail-1",
  "held-1",
  "held-2",
  "shelf-1",
  "flash-1",
  "heals-1",
  "busy-1",
  "bulk-1",
  "bulk-2",
  "bulk-3",
  "crash-1",
];

/** Filed under the queue that its id begins with, unless its contract names one. */
const job = (name: string, deadLetter?: Parameters<typeof defineJob>[0]["deadLetter"]) =>
  defineJob({
    name,
    input: z.object({}),
    activity: { retry: { maximumAttempts: 1 } },
    ...(deadLetter === undefined ? {} : { deadLetter }),
  }).handle(
    async (_, ctx) => {
      if (ctx.retry > 0) await retries.opened;
      return ctx.deadLetter("the gateway is down", { category: "network" });
    },
    deadLetter === undefined
      ? { onFailure: (_, { workflowId }) => ({ do: "file", queue: workflowId.split("-")[0]! }) }
      : {},
  );
const parcel = job("parcel");
const strict = { retention: "2 days", keepFor: "1 day" } as const;
const express = job("express", { queue: "mail", ...strict });
const expressBulk = job("express-bulk", { queue: "bulk", ...strict });

beforeAll(async () => {
  world = await openWorld();
  await world.worker({ jobs: [parcel, express, expressBulk] });
  const first = await world.office({ queues: before });
  await Promise.all(ids.map(async (id) => await die(parcel, id)));
  await die(parcel, "default-1");
  await die(express, "express-1");
  await die(expressBulk, "express-2");
  await world.dlo.letters.extend("held-2", { retention: "90 days" });
  await world.dlo.letters.retry("busy-1");
  await first.stop();
  await world.office({ queues: after });
});
afterAll(async () => await world?.close());

async function die(handled: typeof parcel, id: string): Promise<void> {
  const run = await world.dlo.start(handled.job, {}, { id });
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
}

async function events(id: string): Promise<string[]> {
  return (await world.dlo.letters.story(id)).events.map(({ type }) => type);
}

/** How long after its death a letter expires, in days. */
function days({ expiresAt, failedAt }: LetterRow): number {
  return Math.round((expiresAt!.getTime() - failedAt.getTime()) / dayMs);
}

test("a parked letter keeps its policy until the new one is applied", async () => {
  const letter = await world.dlo.letters.get("mail-1");
  expect(letter).toMatchObject({ queue: "mail", retentionMs: 30 * dayMs });
  expect(days(letter)).toBe(30);
  const applied = await world.dlo.letters.applyPolicy(letter.id, { by: "ann", reason: "a week will do" });
  expect(days(applied)).toBe(7);
  expect(applied).toMatchObject({
    ...{ retentionMs: 7 * dayMs, keepForMs: 10 * dayMs, warnBeforeMs: dayMs, onExpire: "retry", maximumRetries: 1 },
    ...{ ownPolicy: {}, status: "parked" },
  });
  expect((await world.dlo.letters.story(letter.id)).events.at(-1)).toMatchObject({
    ...{ type: "policy_applied", by: "ann", reason: "a week will do", data: { queue: "mail" } },
  });
  // Once more changes nothing, and says nothing.
  expect(await world.dlo.letters.applyPolicy(letter.id)).toMatchObject({ expiresAt: applied.expiresAt });
  expect((await events("mail-1")).filter((type) => type === "policy_applied")).toHaveLength(1);
});

test("what the job's contract says goes before it, and so does a retention that was set by hand", async () => {
  const quick = await world.dlo.letters.applyPolicy("express-1");
  expect(days(quick)).toBe(2);
  expect(quick).toMatchObject({ keepForMs: dayMs, warnBeforeMs: dayMs, ownPolicy: { retentionMs: 2 * dayMs } });
  expect(days(await world.dlo.letters.applyPolicy("held-2"))).toBe(90);
});

test("a letter without a clock gets one from its death on, or loses its own", async () => {
  expect(days(await world.dlo.letters.applyPolicy("held-1"))).toBe(7);
  expect(await world.dlo.letters.applyPolicy("shelf-1")).toMatchObject({ expiresAt: null, retentionMs: null });
});

test("what is over under the new policy ends at once", async () => {
  await world.dlo.letters.applyPolicy("flash-1");
  await until(async () => (await world.dlo.letters.get("flash-1")).status === "expired");
});

test("a new autoRetry looks at deaths that it was not there for", async () => {
  await world.dlo.letters.applyPolicy("heals-1");
  await until(async () => (await world.dlo.letters.get("heals-1")).retryAt !== null);
});

test("while a retry runs it waits for the outcome", async () => {
  await world.dlo.letters.applyPolicy("busy-1");
  expect(await events("busy-1")).not.toContain("policy_applied");
  retries.open(undefined);
  await until(async () => (await events("busy-1")).includes("policy_applied"));
  expect(days(await world.dlo.letters.get("busy-1"))).toBe(7);
});

test("a task that a crash lost finds the policy applied already, and goes by it", async () => {
  const { id, revision } = await world.dlo.letters.get("crash-1");
  // As the lost task left it: the row has the new policy and the revision that the letter is about to write.
  await world.sql`update dlo.dead_letters set revision = ${revision + 1}, retention_ms = ${7 * dayMs} where id = ${id}`;
  await world.dlo.letters.applyPolicy(id);
  const state = await world.dlo.temporal.workflow
    .getHandle(letterWorkflowId("crash-1"))
    .query<{ retentionMs: number; revision: number }>("state");
  expect(state).toMatchObject({ retentionMs: 7 * dayMs, revision: revision + 1 });
});

test("a dry run says what would change for how many; a redrive applies it, and leaves alone what has it already", async () => {
  const which = { filter: "queue:bulk,default status:open" };
  const command = { name: "applyPolicy" } as const;
  const preview = await world.dlo.redrives.preview(which, { command });
  expect(preview).toMatchObject({
    takes: 5,
    policies: [
      {
        ...{ queue: "bulk", letters: 3, ended: 3 },
        change: { retentionMs: { was: 30 * dayMs, is: 1 }, maximumRetries: { was: 3, is: 7 } },
      },
      { queue: "bulk", letters: 1, ended: 0, change: { maximumRetries: { was: 3, is: 7 } } },
    ],
  });
  expect(Object.keys(preview.policies![1]!.change)).toEqual(["maximumRetries"]);
  const { id } = await world.dlo.redrives.start(which, { command, rate: 100 });
  expect(await ended(world, id)).toMatchObject({ counts: { items: 5, done: 4, skipped: 1 } });
  expect(await world.dlo.redrives.items(id, { states: ["skipped"] })).toMatchObject([
    { workflowId: "default-1", code: "unchanged" },
  ]);
  expect(await events("default-1")).toEqual(["parked"]);
  for (const one of ["bulk-1", "bulk-2", "bulk-3"])
    await until(async () => (await world.dlo.letters.get(one)).status === "expired");
  expect(await world.dlo.letters.get("express-2")).toMatchObject({ status: "parked", maximumRetries: 7 });
});
