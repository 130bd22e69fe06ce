import { CancelledFailure } from "@temporalio/common";
import { temporal } from "@temporalio/proto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob, type JobContext } from "../../model/index.ts";
import type { RunningWorker, RunWorkerOptions } from "../../worker/index.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { eventTypes, gate, inquest } from "./coroner.ts";

let world: World;
const never = new Promise<never>(() => {});

beforeAll(async () => {
  world = await openWorld();
  await world.office();
});
afterAll(async () => await world?.close());

test("a shutdown without grace at maximumAttempts 1 makes no letter: another worker does the job, as attempt 1 (promise 7)", async () => {
  const once = aJob("once", 1);
  const { worker, run } = await interruptible(once, listens);
  await worker.stop();
  await world.worker({ jobs: [once.handle((_, { attempt }) => `attempt ${attempt}`)] });
  expect(await run.result()).toBe("attempt 1");
  expect(await noLetter(run.workflowId)).toBe(true);
  // A second round of the activity costs six events; the policy in Temporal stays what the contract says.
  expect(await eventTypes(world, run.workflowId)).toHaveLength(17);
});

test("a handler that ignores the signal does not hold the worker", async () => {
  const deaf = aJob("deaf", 1);
  const { worker, run } = await interruptible(deaf, async () => await never);
  await worker.stop();
  await world.worker({ jobs: [deaf.handle((_, { attempt }) => `attempt ${attempt}`)] });
  expect(await run.result()).toBe("attempt 1");
});

test("a handler that listens to the signal has a moment to finish", async () => {
  const tidy = aJob("tidy", 1);
  const { worker, run } = await interruptible(tidy, async ({ signal }) => {
    await aborted(signal);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return "finished on the way out";
  });
  await worker.stop();
  await world.worker({ jobs: [tidy.handle(() => "too late")] });
  expect(await run.result()).toBe("finished on the way out");
});

test("an interrupted attempt stands in the letter, and does not count", async () => {
  const unlucky = aJob("unlucky", 2);
  const { worker, run } = await interruptible(unlucky, listens);
  await worker.stop();
  await world.worker({
    jobs: [
      unlucky.handle((_, { attempt }) => {
        throw new Error(`failure ${attempt}`);
      }),
    ],
  });
  const { letter, attempts } = await inquest(world, run.workflowId);
  expect(letter).toMatchObject({ reason: "exhausted", attempts: 2, errorMessage: "failure 2" });
  expect(attempts.map(({ n, state, errorMessage }) => [n, state, errorMessage])).toEqual([
    [1, "interrupted", null],
    [2, "failed", "failure 1"],
    [3, "failed", "failure 2"],
  ]);
});

test("a death is a death, shutdown or not: what the handler says by ctx.deadLetter holds", async () => {
  const firm = aJob("firm", 3);
  const { worker, run } = await interruptible(firm, async ({ signal, deadLetter }) => {
    await aborted(signal);
    deadLetter("there is no such order", { category: "data" });
  });
  await worker.stop();
  await world.worker({ jobs: [firm.handle(() => "alive")] });
  const { letter } = await inquest(world, run.workflowId);
  expect(letter).toMatchObject({ reason: "given_up", category: "data", attempts: 1 });
});

test("a shutdown with grace finishes the work", async () => {
  const slow = aJob("slow", 1);
  const release = gate();
  const { worker, run } = await interruptible(
    slow,
    async ({ signal }) => {
      await release.opened;
      // Longer than the moment that an aborted handler has.
      await new Promise((resolve) => setTimeout(resolve, 500));
      return { aborted: signal.aborted };
    },
    { shutdownGraceTime: "30 seconds" },
  );
  const stopped = worker.stop();
  release.open();
  await stopped;
  await world.worker({ jobs: [slow.handle(() => "too late")] });
  expect(await run.result()).toEqual({ aborted: false });
});

const handlers = {
  "throws an AbortError": listens,
  "throws something else": async ({ signal }) => {
    await aborted(signal);
    throw new Error("connection closed");
  },
  "does not listen": async () => await never,
} as const satisfies Record<string, (ctx: JobContext) => Promise<unknown>>;

test.for(Object.entries(handlers))(
  "a cancelled job is cancelled, not dead: a handler that %s",
  async ([how, handler]) => {
    const job = aJob(`cancelled-${how.replaceAll(" ", "-")}`, 1);
    const { run } = await interruptible(job, handler);
    await world.dlo.temporal.workflow.getHandle(run.workflowId).cancel();
    await expect(run.result()).rejects.toMatchObject({ code: "JOB_CANCELLED" });
    expect(await noLetter(run.workflowId)).toBe(true);
  },
);

test("a job that is cancelled between two attempts is cancelled, not dead", async () => {
  const job = defineJob({
    name: "between",
    taskQueue: "between",
    input: z.looseObject({}),
    activity: { retry: { initialInterval: "1 hour" } },
  });
  const failed = gate();
  await world.worker({
    jobs: [
      job.handle(() => {
        failed.open();
        throw new Error("first");
      }),
    ],
  });
  const run = await world.dlo.start(job, {});
  await failed.opened;
  await world.dlo.temporal.workflow.getHandle(run.workflowId).cancel();
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_CANCELLED" });
  expect(await noLetter(run.workflowId)).toBe(true);
});

test("a handler that throws Temporal's own cancellation, though nobody cancelled, is a failure like any other", async () => {
  const job = aJob("pretends", 2);
  await world.worker({
    jobs: [
      job.handle(() => {
        throw new CancelledFailure("some other workflow was cancelled");
      }),
    ],
  });
  const run = await world.dlo.start(job, {});
  const { letter } = await inquest(world, run.workflowId);
  expect(letter).toMatchObject({ reason: "exhausted", errorType: "CancelledFailure", attempts: 2 });
});

test.for(["pause", "reset"] as const)("an operator's %s of the activity spends no attempt", async (command) => {
  const job = aJob(`operated-${command}`, 1);
  const begun: number[] = [];
  const { run } = await interruptible(job, async (ctx) => {
    begun.push(ctx.attempt);
    if (begun.length === 1) await listens(ctx);
    return `attempt ${ctx.attempt}`;
  });
  const { workflowService } = world.dlo.temporal.connection;
  const where = {
    namespace: world.namespace,
    execution: { workflowId: run.workflowId },
    type: job.name,
    identity: "operator",
  };
  if (command === "pause") {
    await workflowService.pauseActivity(where);
    await until(async () => await isPaused(run.workflowId));
    await workflowService.unpauseActivity(where);
  } else await workflowService.resetActivity(where);
  expect(await run.result()).toBe("attempt 1");
  expect(begun).toEqual([1, 1]);
  expect(await noLetter(run.workflowId)).toBe(true);
});

function aJob(name: string, maximumAttempts: number) {
  return defineJob({
    name,
    taskQueue: name,
    input: z.looseObject({}),
    activity: { heartbeatTimeout: "3 seconds", retry: { initialInterval: "1 ms", maximumAttempts } },
  });
}

/** A job under way: the handler has begun. */
async function interruptible(
  job: ReturnType<typeof aJob>,
  handler: (ctx: JobContext) => Promise<unknown>,
  options: Omit<RunWorkerOptions, "jobs"> = {},
): Promise<{ worker: RunningWorker; run: Awaited<ReturnType<World["dlo"]["start"]>> }> {
  const begun = gate();
  const worker = await world.worker({
    ...options,
    jobs: [
      job.handle(async (_, ctx) => {
        begun.open();
        return await handler(ctx);
      }),
    ],
  });
  const run = await world.dlo.start(job, {});
  await begun.opened;
  return { worker, run };
}

/** Waits for the signal, and fails by it as `fetch` does. */
async function listens({ signal }: JobContext): Promise<never> {
  await aborted(signal);
  throw new DOMException("This operation was aborted", "AbortError");
}

async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

async function isPaused(workflowId: string): Promise<boolean> {
  const { raw } = await world.dlo.temporal.workflow.getHandle(workflowId).describe();
  return raw.pendingActivities?.[0]?.state === temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED;
}

async function noLetter(workflowId: string): Promise<boolean> {
  return await world.dlo.letters.get(workflowId).then(
    () => false,
    (error: { code?: string }) => error.code === "LETTER_NOT_FOUND",
  );
}
