import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { type ActivityOptions, defineJob, type Handler } from "../../model/index.ts";
import type { Category } from "../../model/category.ts";
import type { Classifier } from "../../model/classify.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { dieOf, eventTypes, gate, inquest } from "./coroner.ts";

let world: World;
const soon = { initialInterval: "1 ms" } as const;
const never = new Promise<never>(() => {});

class CardRefused extends Error {}
class ShelfEmpty extends Error {}

/** Opens when the server has heard of the progress that the silent job made. */
const heard = gate();

const jobs = {
  exhausted: job("exhausted", { retry: { ...soon, maximumAttempts: 3 } }, (_, { attempt }) => {
    throw new Error(`failure ${attempt}`, { cause: new ShelfEmpty("below") });
  }),
  single: job("single", { retry: { maximumAttempts: 1 } }, () => {
    throw new Error("once is enough");
  }),
  listed: job("listed", { retry: { ...soon, nonRetryableErrorTypes: ["CardRefused"] } }, () => {
    throw new CardRefused("no");
  }),
  saidSo: job("said-so", { retry: soon }, (_, { attempt }) => {
    if (attempt === 1) throw new Error("a passing one");
    throw ApplicationFailure.nonRetryable("no such account", "NoAccount", { account: 7 });
  }),
  gaveUp: job("gave-up", { retry: soon }, (_, ctx) =>
    ctx.deadLetter("nothing to be done", { category: "auth", details: { ticket: 12 } }),
  ),
  waits: job(
    "waits",
    { scheduleToStartTimeout: "300 ms", retry: { initialInterval: "1 ms", maximumAttempts: 3 } },
    () => "done",
  ),
  slowOnce: job(
    "slow-once",
    { startToCloseTimeout: "300 ms", retry: { ...soon, maximumAttempts: 3 } },
    async (_, { attempt }) => {
      if (attempt === 2) await never;
      throw new Error(`failure ${attempt}`);
    },
  ),
  slowLast: job(
    "slow-last",
    { startToCloseTimeout: "300 ms", retry: { ...soon, maximumAttempts: 2 } },
    async (_, { attempt }) => {
      if (attempt === 2) await never;
      throw new Error("the first time");
    },
  ),
  slowOnly: job("slow-only", { startToCloseTimeout: "300 ms", retry: { maximumAttempts: 1 } }, async () => await never),
  outOfTime: job(
    "out-of-time",
    { startToCloseTimeout: "2 seconds", scheduleToCloseTimeout: "2 seconds", retry: { ...soon, maximumAttempts: 9 } },
    async (_, { attempt }) => {
      if (attempt === 2) await never;
      throw new Error("bank is down");
    },
  ),
  noTimeLeft: job(
    "no-time-left",
    { scheduleToCloseTimeout: "10 minutes", retry: { initialInterval: "1 hour" } },
    () => {
      throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    },
  ),
  silent: job("silent", { heartbeatTimeout: "1 second", retry: { maximumAttempts: 1 } }, async (_, { progress }) => {
    progress(17, 100, "reading");
    await heard.opened;
    // Nothing beats in a blocked process, and Temporal takes it for dead. Not at once: a beat that was held back still goes
    // out after 0.8 s, the timeout counts from there, and a busy server notices late. An answer before that would count.
    const until = Date.now() + 8000;
    while (Date.now() < until);
  }),
  unlimited: job(
    "unlimited",
    {
      scheduleToCloseTimeout: "3 seconds",
      startToCloseTimeout: "1 second",
      retry: { ...soon, maximumAttempts: 0, backoffCoefficient: 3 },
    },
    () => {
      throw new Error("always");
    },
  ),
};

/** A user's rules, some of them broken. */
const classifier: Classifier = ({ type, message }) => {
  if (type === "CardRefused") return "dependency";
  if (message === "once is enough") return "a word that is no category" as Category;
  if (message === "a passing one") throw new Error("the classifier has a bug");
  return undefined;
};

beforeAll(async () => {
  world = await openWorld();
  await world.office();
  await world.worker({ jobs: Object.values(jobs), classifier });
});
afterAll(async () => await world?.close());

test("exhausted: each attempt's error is kept, with its causes", async () => {
  const { letter, death, attempts } = await dieOf(world, jobs.exhausted.job, {});
  expect(letter).toMatchObject({
    status: "parked",
    reason: "exhausted",
    category: "unknown",
    errorType: "Error",
    errorMessage: "failure 3",
    attempts: 3,
    deaths: 1,
    retries: 0,
    failure: { causes: [{ type: "ShelfEmpty", message: "below" }] },
  });
  expect(letter.stackTrace).toContain("deaths.test.ts");
  expect(death).toMatchObject({ n: 1, attempts: 3, reason: "exhausted" });
  expect(attempts.map(({ n, state, errorMessage }) => [n, state, errorMessage])).toEqual([
    [1, "failed", "failure 1"],
    [2, "failed", "failure 2"],
    [3, "failed", "failure 3"],
  ]);
  for (const { startedAt, endedAt, workerIdentity, failure } of attempts) {
    expect(endedAt!.getTime()).toBeGreaterThanOrEqual(startedAt!.getTime());
    expect(workerIdentity).toContain(String(process.pid));
    expect(failure?.causes).toMatchObject([{ type: "ShelfEmpty" }]);
  }
});

test("a death costs six events more than a bare workflow", async () => {
  const { letter } = await dieOf(world, jobs.single.job, {});
  expect(await eventTypes(world, letter.workflowId)).toHaveLength(17);
});

test("exhausted: maximumAttempts 1 dies at the first failure", async () => {
  const { letter, attempts } = await dieOf(world, jobs.single.job, {});
  expect(letter).toMatchObject({
    reason: "exhausted",
    category: "unknown",
    attempts: 1,
    errorMessage: "once is enough",
  });
  expect(attempts).toMatchObject([{ n: 1, state: "failed" }]);
});

test("non_retryable: an error whose type the contract lists", async () => {
  const { letter, attempts } = await dieOf(world, jobs.listed.job, {});
  expect(letter).toMatchObject({
    reason: "non_retryable",
    category: "dependency",
    errorType: "CardRefused",
    attempts: 1,
  });
  expect(attempts).toMatchObject([{ state: "failed", errorType: "CardRefused" }]);
});

test("non_retryable: an error that says so itself, after one that did not", async () => {
  const { letter, attempts } = await dieOf(world, jobs.saidSo.job, {});
  expect(letter).toMatchObject({
    reason: "non_retryable",
    errorType: "NoAccount",
    attempts: 2,
    failure: { properties: { details: [{ account: 7 }] } },
  });
  expect(attempts.map(({ errorMessage }) => errorMessage)).toEqual(["a passing one", "no such account"]);
});

test("given_up: the code's own category, and what it had to say", async () => {
  const { letter, attempts } = await dieOf(world, jobs.gaveUp.job, {});
  expect(letter).toMatchObject({
    reason: "given_up",
    category: "auth",
    errorType: "GivenUp",
    errorMessage: "nothing to be done",
    attempts: 1,
    failure: { properties: { details: { ticket: 12 } } },
  });
  expect(attempts).toMatchObject([{ state: "failed", category: "auth" }]);
});

test("timed_out: no worker takes the job in time", async () => {
  const busy = await oneSlot("crowded", async () => "never begun");
  const { letter, attempts } = await dieOf(world, busy.hurried, {});
  expect(letter).toMatchObject({
    reason: "timed_out",
    category: "timeout",
    errorType: "ScheduleToStartTimeout",
    attempts: 0,
  });
  expect(attempts).toEqual([]);
  busy.leave();
});

test("timed_out: no worker takes a later attempt in time, and what the first said is the cause", async () => {
  const crowd = gate();
  const busy = await oneSlot("crowded-later", async () => {
    // Whoever asks next gets the slot when this attempt has failed.
    await busy.enter();
    crowd.open();
    throw new Error("the first time");
  });
  const { letter, attempts } = await dieOf(world, busy.hurried, {});
  expect(letter).toMatchObject({
    reason: "timed_out",
    errorType: "ScheduleToStartTimeout",
    attempts: 1,
    failure: { causes: [{ message: "the first time" }] },
  });
  expect(attempts).toMatchObject([{ n: 1, state: "failed" }]);
  busy.leave();
});

test("a middle attempt that runs into its start-to-close timeout is told from the others", async () => {
  const { letter, attempts } = await dieOf(world, jobs.slowOnce.job, {});
  expect(letter).toMatchObject({ reason: "exhausted", errorMessage: "failure 3", attempts: 3 });
  expect(attempts).toMatchObject([
    { n: 1, state: "failed" },
    { n: 2, state: "timed_out", errorType: "StartToCloseTimeout", category: "timeout" },
    { n: 3, state: "failed" },
  ]);
});

test("exhausted: the last attempt runs into its start-to-close timeout", async () => {
  const { letter, attempts } = await dieOf(world, jobs.slowLast.job, {});
  expect(letter).toMatchObject({
    reason: "exhausted",
    category: "timeout",
    errorType: "StartToCloseTimeout",
    attempts: 2,
    failure: { causes: [{ message: "the first time" }] },
  });
  expect(attempts).toMatchObject([
    { n: 1, state: "failed" },
    { n: 2, state: "timed_out", category: "timeout" },
  ]);
});

test("exhausted: the only attempt runs into its start-to-close timeout", async () => {
  const { letter, attempts } = await dieOf(world, jobs.slowOnly.job, {});
  expect(letter).toMatchObject({
    reason: "exhausted",
    category: "timeout",
    errorType: "StartToCloseTimeout",
    attempts: 1,
  });
  expect(attempts).toMatchObject([{ n: 1, state: "timed_out" }]);
});

test("timed_out: schedule-to-close, while an attempt runs", async () => {
  const { letter, attempts } = await dieOf(world, jobs.outOfTime.job, {});
  expect(letter).toMatchObject({
    reason: "timed_out",
    category: "timeout",
    errorType: "ScheduleToCloseTimeout",
    attempts: 2,
    failure: { causes: [{ message: "bank is down" }] },
  });
  expect(attempts).toMatchObject([
    { n: 1, state: "failed" },
    { n: 2, state: "timed_out" },
  ]);
});

test("timed_out: schedule-to-close leaves no time for the next attempt, so the last error stands", async () => {
  const { letter, attempts } = await dieOf(world, jobs.noTimeLeft.job, {});
  expect(letter).toMatchObject({
    reason: "timed_out",
    category: "network",
    errorMessage: "connect ECONNREFUSED",
    attempts: 1,
  });
  expect(attempts).toMatchObject([{ n: 1, state: "failed", category: "network" }]);
});

test("timed_out: unlimited attempts end with schedule-to-close", async () => {
  const { letter, attempts } = await dieOf(world, jobs.unlimited.job, {});
  expect(letter).toMatchObject({ reason: "timed_out" });
  // Temporal reports the last failure, or a timeout of its own with nothing in it: both are right.
  expect([letter.errorMessage, letter.failure.causes[0]?.message]).toContain("always");
  expect(letter.attempts).toBe(attempts.length);
  expect(attempts.length).toBeGreaterThan(2);
});

test("lost: a worker that is silent for longer than the heartbeat timeout", async () => {
  const run = await world.dlo.start(jobs.silent.job, {});
  const handle = world.dlo.temporal.workflow.getHandle(run.workflowId);
  await until(async () => {
    const { raw } = await handle.describe();
    return Buffer.from(raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0]?.data ?? []).includes("reading");
  });
  heard.open();
  const { letter, attempts } = await inquest(world, run.workflowId);
  expect(letter).toMatchObject({ reason: "exhausted", category: "lost", errorType: "HeartbeatTimeout", attempts: 1 });
  expect(attempts).toMatchObject([
    {
      n: 1,
      state: "lost",
      category: "lost",
      heartbeats: expect.any(Number),
      progress: { current: 17, total: 100, phase: "reading" },
    },
  ]);
  expect(attempts[0]!.lastHeartbeatAt).toBeInstanceOf(Date);
});

test("one death is filed once, under the policy of its contract", async () => {
  const { letter } = await dieOf(world, jobs.exhausted.job, {}, { id: "exhausted-here" });
  expect(letter).toMatchObject({
    workflowId: "exhausted-here",
    workflowType: "exhausted",
    job: "exhausted",
    taskQueue: "jobs",
    kind: "job",
    namespace: world.namespace,
    startedBy: "tester",
    idempotencyKey: "exhausted-here",
  });
  expect((await world.sql`select 1 from dlo.dead_letters where workflow_id = 'exhausted-here'`).length).toBe(1);
});

function job(name: string, activity: ActivityOptions, handler: Handler<object, unknown>) {
  return defineJob({ name, input: z.looseObject({}), activity }).handle(handler);
}

/** A worker with room for one attempt, which another job holds until `leave`. */
async function oneSlot(taskQueue: string, first: () => Promise<unknown>) {
  const left = gate();
  const input = z.looseObject({});
  const holder = defineJob({ name: `${taskQueue}-holder`, taskQueue, input });
  const hurried = defineJob({
    name: `${taskQueue}-hurried`,
    taskQueue,
    input,
    activity: { scheduleToStartTimeout: "500 ms", retry: { initialInterval: "100 ms", maximumAttempts: 3 } },
  });
  const taken = gate();
  await world.worker({
    jobs: [holder.handle(async () => (taken.open(), await left.opened)), hurried.handle(first)],
    worker: { maxConcurrentActivityTaskExecutions: 1 },
  });
  const enter = async () => await world.dlo.start(holder, {});
  if (taskQueue === "crowded") {
    await enter();
    await taken.opened;
  }
  return { hurried, enter, leave: left.open };
}
