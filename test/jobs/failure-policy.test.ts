import { Context } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";
import { temporal } from "@temporalio/proto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import {
  type ActivityOptions,
  type Decision,
  defineJob,
  type Failure,
  type FailureHistory,
  type HandlerOptions,
  type JobContext,
} from "../../model/index.ts";
import { storyText } from "../../cli/story-text.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { dieOf, eventTypes, gate, inquest } from "./coroner.ts";

vi.setConfig({ testTimeout: 60_000 });

let world: World;
const never = new Promise<never>(() => {});
const soon = { initialInterval: "1 ms" } as const;
const once = { retry: { maximumAttempts: 1 } } as const;
const hasty = { startToCloseTimeout: "300 ms", retry: { ...soon, maximumAttempts: 3 } } as const;

/** What policies were asked, by job. */
const asked = new Map<string, { error: Failure; history: FailureHistory }[]>();
/** How often handlers ran, by job. */
const runs = new Map<string, number>();
/** Opens when the server has heard of the attempts that are about to fall silent. */
const heard = gate();

class Declined extends Error {}

const jobs = {
  persistent: job(
    "persistent",
    { retry: { initialInterval: "1 hour", maximumAttempts: 3 } },
    (_, { attempt }) => Promise.reject(ApplicationFailure.nonRetryable(`failure ${attempt}`, "Final")),
    () => ({ do: "retry", after: "1 ms" }),
  ),
  atOnce: job("at-once", { retry: { initialInterval: "1 hour", maximumAttempts: 2 } }, fails, () => ({
    do: "retry",
    after: 0,
  })),
  hopeless: job("hopeless", {}, fails, () => ({ do: "die", category: "auth" })),
  atTheEnd: job("at-the-end", once, fails, () => ({ do: "die", category: "dependency" })),
  skipped: job("skipped", {}, declines, ({ message }) => ({ do: "skip", reason: `no use: ${message}` })),
  replaced: job("replaced", {}, declines, () => ({ do: "skip", reason: "empty will do", result: { rows: [] } })),
  tooLarge: job("too-large", once, declines, () => ({ do: "skip", reason: "r", result: "x".repeat(2_000_000) })),
  filed: job("filed", {}, declines, ({ type }) => (type === "Declined" ? { do: "file", queue: "customs" } : undefined)),
  filedLast: job("filed-last", { retry: { ...soon, maximumAttempts: 2 } }, fails, (_, { isLast }) =>
    isLast ? { do: "file", queue: "elsewhere" } : undefined,
  ),
  listed: job("listed", { retry: { nonRetryableErrorTypes: ["Declined"] } }, declines, () => ({ do: "retry" })),
  givesUp: job(
    "gives-up",
    {},
    (_, ctx) => ctx.deadLetter("enough"),
    () => ({ do: "retry", after: 0 }),
  ),
  strict: job(
    "strict",
    {},
    () => "never reached",
    ({ type }) => (type === "InvalidInput" ? { do: "skip", reason: "not a record of ours" } : undefined),
  ),
  asynchronous: job("asynchronous", {}, fails, async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return { do: "die", category: "code" } as const;
  }),
  throwing: job("throwing", once, fails, () => {
    throw new Error("the policy has a bug");
  }),
  nonsense: job("nonsense", once, fails, () => ({ do: "retire" }) as never),
  silentPolicy: job("silent-policy", { startToCloseTimeout: "2 seconds", ...once }, fails, () => never),
  vandal: job("vandal", { retry: { ...soon, maximumAttempts: 2 } }, fails, (_, history) => {
    (history.attempts as unknown[]).length = 0;
    return undefined;
  }),
  slowSkipped: job(
    "slow-skipped",
    hasty,
    () => never,
    () => ({ do: "skip", reason: "too slow" }),
  ),
  slowDies: job(
    "slow-dies",
    hasty,
    () => never,
    () => ({ do: "die", category: "resource" }),
  ),
  slowFiled: job(
    "slow-filed",
    hasty,
    async (_, { attempt }) => (attempt === 2 ? await never : fails()),
    ({ state }) => (state === "timed_out" ? { do: "file", queue: "customs" } : undefined),
  ),
  slowWaits: job(
    "slow-waits",
    hasty,
    async (_, { attempt }) => (attempt === 1 ? await never : fails()),
    ({ state }) => (state === "timed_out" ? { do: "retry", after: "50 ms" } : undefined),
  ),
  slowNow: job(
    "slow-now",
    hasty,
    async (_, { attempt }) => (attempt === 1 ? await never : `done at ${attempt}`),
    () => ({ do: "retry" }),
  ),
  lastSkipped: job(
    "last-skipped",
    { ...hasty, ...once },
    () => never,
    () => ({ do: "skip", reason: "late" }),
  ),
  lastDies: job(
    "last-dies",
    { ...hasty, ...once },
    () => never,
    () => ({ do: "die", category: "network" }),
  ),
  lastFiled: job(
    "last-filed",
    { ...hasty, ...once },
    () => never,
    () => ({ do: "file", queue: "customs" }),
  ),
  lastRetried: job(
    "last-retried",
    { ...hasty, ...once },
    () => never,
    () => ({ do: "retry" }),
  ),
  lastThrows: job(
    "last-throws",
    { ...hasty, ...once },
    () => never,
    () => {
      throw new Error("the policy has a bug");
    },
  ),
  noTimeLeft: job(
    "no-time-left",
    { scheduleToCloseTimeout: "10 minutes", retry: { initialInterval: "1 hour" } },
    fails,
    (_, { isLast }) => (isLast ? { do: "file", queue: "customs" } : undefined),
  ),
  without: job("without", { ...hasty, ...once }, () => never),
  silentOnce: job(
    "silent-once",
    // The next attempt must not begin in the blocked process: it would fall silent, too.
    { heartbeatTimeout: "1 second", retry: { initialInterval: "9 seconds", maximumAttempts: 3 } },
    async (_, { progress }) => {
      progress(1, 2, "reading");
      await heard.opened;
      // Nothing beats in a blocked process, and Temporal takes all that runs in it for dead.
      const untilMs = Date.now() + 8000;
      while (Date.now() < untilMs);
      return await never;
    },
    () => ({ do: "skip", reason: "its worker vanished" }),
  ),
  silentLast: job(
    "silent-last",
    { heartbeatTimeout: "1 second", ...once },
    async (_, { progress }) => {
      progress(1, 2, "reading");
      return await never;
    },
    () => ({ do: "file", queue: "customs" }),
  ),
  recorded: defineJob({
    name: "recorded",
    input: z.looseObject({}),
    key: () => "k-1",
    activity: { retry: { ...soon, maximumAttempts: 2 } },
  }).handle(fails, {
    record: ({ type }, { input, attempt, attempts, isLast, headers, key }) => ({
      ...{ type, input, attempt, isLast, tenant: headers["tenant"], key },
      ...{ errors: attempts.map(({ error }) => error?.message), apiKey: "s3cret", nul: "a\0b" },
    }),
  }),
  recordedLate: job(
    "recorded-late",
    { ...hasty, ...once },
    () => never,
    undefined,
    ({ state }) => ({ state }),
  ),
  recordThrows: job("record-throws", once, fails, undefined, () => {
    throw new Error("the hook has a bug");
  }),
  fickle: job("fickle", once, fails, (_, { retry }) => {
    if (retry === 0) return undefined;
    return retry === 1 ? { do: "file", queue: "customs" } : { do: "skip", reason: "third time lucky" };
  }),
  succeeds: job(
    "succeeds",
    {},
    () => "done",
    () => ({ do: "skip", reason: "never asked" }),
  ),
};

beforeAll(async () => {
  world = await openWorld();
  await world.office({ queues: { customs: { retention: "2 days", keepFor: "3 days" } } });
  await world.worker({ jobs: Object.values(jobs) });
});
afterAll(async () => await world?.close());

describe("retry", () => {
  test("also after an error that says no; maximumAttempts still ends the job", async () => {
    const { letter } = await dieOf(
      world,
      jobs.persistent.job,
      { n: 7 },
      { id: "persistent", headers: { tenant: "a" } },
    );
    expect(letter).toMatchObject({ reason: "exhausted", errorType: "Final", errorMessage: "failure 3", attempts: 3 });
    const [first, , third] = asked.get("persistent")!;
    expect(first).toMatchObject({
      error: { type: "Final", message: "failure 1", category: "unknown", state: "failed" },
      history: {
        job: "persistent",
        workflowId: "persistent",
        attempt: 1,
        isLast: true,
        attempts: [{ n: 1, state: "failed", error: { message: "failure 1" } }],
        deaths: 0,
        retry: 0,
        headers: { tenant: "a" },
        idempotencyKey: "persistent",
        input: { n: 7 },
      },
    });
    expect(third!.history).toMatchObject({ attempt: 3, isLast: true });
    expect(third!.history.attempts.map(({ error }) => error?.message)).toEqual(["failure 1", "failure 2", "failure 3"]);
    expect(third!.history.attempts[0]!.endedAtMs).toBeGreaterThanOrEqual(third!.history.attempts[0]!.startedAtMs!);
  });

  test("at once", async () => {
    expect((await dieOf(world, jobs.atOnce.job, {})).letter).toMatchObject({ reason: "exhausted", attempts: 2 });
  });

  test.for([
    ["an error that the contract lists", jobs.listed, { reason: "non_retryable", errorType: "Declined", attempts: 1 }],
    ["a handler that gave up", jobs.givesUp, { reason: "given_up", errorType: "GivenUp", attempts: 1 }],
  ] as const)("not after %s", async ([, { job }, expected]) => {
    expect((await dieOf(world, job, {})).letter).toMatchObject(expected);
  });
});

describe("die", () => {
  test("before its time: given up, of the policy's category", async () => {
    const { letter, attempts } = await dieOf(world, jobs.hopeless.job, {});
    expect(letter).toMatchObject({ reason: "given_up", category: "auth", errorMessage: "failed", attempts: 1 });
    expect(attempts).toMatchObject([{ state: "failed", category: "auth" }]);
    expect(asked.get("hopeless")).toMatchObject([{ history: { isLast: false } }]);
  });

  test("at its end: the reason stays", async () => {
    const { letter } = await dieOf(world, jobs.atTheEnd.job, {});
    expect(letter).toMatchObject({ reason: "exhausted", category: "dependency", attempts: 1 });
  });

  test("a promise of it", async () => {
    const { letter } = await dieOf(world, jobs.asynchronous.job, {});
    expect(letter).toMatchObject({ reason: "given_up", category: "code", attempts: 1 });
  });
});

describe("skip", () => {
  test("the job completes, says why, leaves no letter, and is found", async () => {
    const run = await world.dlo.start(jobs.skipped.job, {}, { id: "skipped" });
    expect(await run.result()).toEqual({
      skipped: { reason: "no use: declined", error: { type: "Declined", message: "declined" } },
    });
    expect(await lettersOf("skipped")).toBe(0);
    const { temporal } = world.dlo;
    await until(async () => {
      for await (const found of temporal.workflow.list({ query: "TemporalChangeVersion = 'dlo-skipped'" }))
        if (found.workflowId === "skipped") return found.status.name === "COMPLETED";
      return false;
    });
    // The marker, and the search attribute that it brings.
    expect(await eventTypes(world, "skipped")).toHaveLength(13);
  });

  test("with a result of the policy's", async () => {
    expect(await world.dlo.run(jobs.replaced.job, {})).toEqual({ rows: [] });
  });

  test("a result that cannot be sent is no skip", async () => {
    expect((await dieOf(world, jobs.tooLarge.job, {})).letter).toMatchObject({ reason: "exhausted" });
  });

  test("an input that the schema refuses", async () => {
    await world.dlo.temporal.workflow.start("strict", { taskQueue: "jobs", workflowId: "strict", args: [[1]] });
    const result = await world.dlo.temporal.workflow.getHandle("strict").result();
    expect(result).toMatchObject({ skipped: { reason: "not a record of ours", error: { type: "InvalidInput" } } });
    expect(asked.get("strict")![0]!.history).not.toHaveProperty("input");
  });
});

describe("file", () => {
  test("dies now, and waits in another queue for as long as that one says", async () => {
    const { letter } = await dieOf(world, jobs.filed.job, {});
    expect(letter).toMatchObject({ queue: "customs", reason: "given_up", errorType: "Declined", attempts: 1 });
    expect(letter).toMatchObject({ retentionMs: 2 * 86_400_000, keepForMs: 3 * 86_400_000 });
  });

  test("at its end: the reason stays; a queue without a policy has the contract's spans", async () => {
    const { letter } = await dieOf(world, jobs.filedLast.job, {});
    expect(letter).toMatchObject({ queue: "elsewhere", reason: "exhausted", attempts: 2, retentionMs: 5 * 86_400_000 });
  });

  test("a retry that dies stays in its letter's queue; one that is skipped closes it and says so", async () => {
    const { letter } = await dieOf(world, jobs.fickle.job, {}, { id: "fickle" });
    await world.dlo.letters.retry(letter.id, { waitFor: "30 seconds" });
    expect(await world.dlo.letters.get(letter.id)).toMatchObject({ status: "parked", deaths: 2, queue: "own" });
    await world.dlo.letters.retry(letter.id, { waitFor: "30 seconds" });
    expect(await world.dlo.letters.get(letter.id)).toMatchObject({
      status: "recovered",
      closeReason: "the job's policy skipped it: third time lucky",
    });
    expect(asked.get("fickle")!.map(({ history }) => [history.deaths, history.retry])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
  });
});

describe("a policy never costs the job its record", () => {
  test.for([
    ["throws", jobs.throwing],
    ["returns nonsense", jobs.nonsense],
    ["does not answer", jobs.silentPolicy],
  ] as const)("one that %s", async ([, { job }]) => {
    const { letter } = await dieOf(world, job, {});
    expect(letter).toMatchObject({ queue: "own", reason: "exhausted", errorMessage: "failed", attempts: 1 });
  });

  test("one that changes what it is told", async () => {
    const { attempts } = await dieOf(world, jobs.vandal.job, {});
    expect(attempts).toMatchObject([{ n: 1 }, { n: 2 }]);
    expect(asked.get("vandal")).toHaveLength(2);
  });
});

describe("an attempt that ran into its start-to-close timeout, when the next one begins", () => {
  test("skip: the handler does not run again", async () => {
    expect(await world.dlo.run(jobs.slowSkipped.job, {}, { id: "slow-skipped" })).toMatchObject({
      skipped: { reason: "too slow", error: { type: "StartToCloseTimeout" } },
    });
    expect(runs.get("slow-skipped")).toBe(1);
    expect(asked.get("slow-skipped")).toMatchObject([
      {
        error: { type: "StartToCloseTimeout", category: "timeout", state: "timed_out" },
        history: { attempt: 1, isLast: false, attempts: [{ n: 1, state: "timed_out" }], input: {} },
      },
    ]);
  });

  test("die: the handler does not run again, and the attempt that asked is none", async () => {
    const { letter, attempts } = await dieOf(world, jobs.slowDies.job, {});
    expect(letter).toMatchObject({
      reason: "given_up",
      category: "resource",
      errorType: "StartToCloseTimeout",
      attempts: 1,
    });
    expect(attempts).toMatchObject([{ n: 1, state: "timed_out" }]);
    expect(runs.get("slow-dies")).toBe(1);
  });

  test("file: with what the attempts before had to say", async () => {
    const { letter, attempts } = await dieOf(world, jobs.slowFiled.job, {});
    expect(letter).toMatchObject({
      queue: "customs",
      reason: "given_up",
      errorType: "StartToCloseTimeout",
      attempts: 2,
    });
    expect(letter.failure.causes).toMatchObject([{ message: "failed" }]);
    expect(attempts).toMatchObject([
      { n: 1, state: "failed" },
      { n: 2, state: "timed_out" },
    ]);
  });

  test("retry later: the attempt that asked is handed back until then, and given again", async () => {
    const { letter, attempts } = await dieOf(world, jobs.slowWaits.job, {});
    expect(letter).toMatchObject({ reason: "exhausted", errorMessage: "failed", attempts: 3 });
    expect(attempts.map(({ n, state }) => [n, state])).toEqual([
      [1, "timed_out"],
      [2, "interrupted"],
      [3, "failed"],
      [4, "failed"],
    ]);
    expect(
      asked.get("slow-waits")!.map(({ error, history }) => [error.state, history.attempt, history.isLast]),
    ).toEqual([
      ["timed_out", 1, false],
      ["failed", 2, false],
      ["failed", 3, true],
    ]);
  });

  test("retry: the handler runs", async () => {
    expect(await world.dlo.run(jobs.slowNow.job, {})).toBe("done at 2");
  });
});

describe("the last attempt ran into its timeout: asked before the letter", () => {
  test("skip: no letter", async () => {
    expect(await world.dlo.run(jobs.lastSkipped.job, {}, { id: "last-skipped" })).toMatchObject({
      skipped: { reason: "late", error: { type: "StartToCloseTimeout" } },
    });
    expect(await lettersOf("last-skipped")).toBe(0);
    expect(asked.get("last-skipped")).toMatchObject([
      {
        error: { state: "timed_out" },
        history: { attempt: 1, isLast: true, attempts: [{ n: 1, state: "timed_out" }] },
      },
    ]);
  });

  test.for([
    ["die", jobs.lastDies, { queue: "own", category: "network" }],
    ["file", jobs.lastFiled, { queue: "customs", category: "timeout" }],
    ["retry, for which it is too late", jobs.lastRetried, { queue: "own", category: "timeout" }],
    ["a policy that throws", jobs.lastThrows, { queue: "own", category: "timeout" }],
  ] as const)("%s", async ([, { job }, expected]) => {
    const { letter, attempts } = await dieOf(world, job, {});
    expect(letter).toMatchObject({ reason: "exhausted", errorType: "StartToCloseTimeout", attempts: 1, ...expected });
    expect(attempts).toMatchObject([{ n: 1, state: "timed_out" }]);
  });

  test("the time for all attempts is up before the next one could begin", async () => {
    const { letter } = await dieOf(world, jobs.noTimeLeft.job, {});
    expect(letter).toMatchObject({ queue: "customs", reason: "timed_out", errorMessage: "failed", attempts: 1 });
    expect(asked.get("no-time-left")!.map(({ history }) => history.isLast)).toEqual([false, true]);
  });

  test("no worker took the job in time: asked as soon as one is free", async () => {
    const crowd = gate();
    const taskQueue = "crowded";
    const blocker = defineJob({ name: "blocker", input: z.looseObject({}), taskQueue });
    const hurried = defineJob({
      name: "hurried",
      input: z.looseObject({}),
      taskQueue,
      activity: { scheduleToStartTimeout: "300 ms" },
    });
    await world.worker({
      jobs: [
        blocker.handle(async () => await crowd.opened),
        hurried.handle(() => "never begun", {
          onFailure: ({ type, state }, { attempt }) => ({
            do: "skip",
            reason: `${type}, ${state}, ${attempt} attempts`,
          }),
        }),
      ],
      worker: { maxConcurrentActivityTaskExecutions: 1 },
    });
    await world.dlo.start(blocker, {}, { id: "blocker" });
    await until(async () => (await pendingActivities("blocker")).includes("started blocker"));
    const run = await world.dlo.start(hurried, {}, { id: "hurried" });
    await until(async () => (await pendingActivities("hurried")).includes("scheduled decideTimeout"));
    crowd.open();
    expect(await run.result()).toMatchObject({
      skipped: { reason: "ScheduleToStartTimeout, timed_out, 0 attempts" },
    });
  });

  test("where nobody can answer, the job dies as its contract says", async () => {
    const unheard = defineJob({
      name: "unheard",
      input: z.looseObject({}),
      taskQueue: "deaf",
      activity: { startToCloseTimeout: "300 ms", retry: { maximumAttempts: 1 } },
    });
    const deaf = {
      inbound: {
        execute: async <Input, Result>(input: Input, next: (input: Input) => Promise<Result>): Promise<Result> => {
          if (Context.current().info.activityType === "decideTimeout") throw new Error("nobody there");
          return await next(input);
        },
      },
    };
    await world.worker({
      jobs: [unheard.handle(() => never, { onFailure: () => ({ do: "skip", reason: "never heard" }) })],
      worker: { interceptors: { activity: [() => deaf] } },
    });
    const { letter } = await dieOf(world, unheard, {});
    expect(letter).toMatchObject({ reason: "exhausted", errorType: "StartToCloseTimeout", attempts: 1 });
  });

  test("a job without a policy is not asked: not one event more", async () => {
    const { letter } = await dieOf(world, jobs.without.job, {});
    expect(await eventTypes(world, letter.workflowId)).toHaveLength(17);
  });
});

test("a worker that fell silent: asked by the next attempt, or before the letter where there is none", async () => {
  const run = await world.dlo.start(jobs.silentOnce.job, {});
  await world.dlo.start(jobs.silentLast.job, {}, { id: "silent-last" });
  for (const id of [run.workflowId, "silent-last"])
    await until(async () => {
      const { raw } = await world.dlo.temporal.workflow.getHandle(id).describe();
      return Buffer.from(raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0]?.data ?? []).includes("reading");
    });
  heard.open();
  expect(await run.result()).toMatchObject({
    skipped: { reason: "its worker vanished", error: { type: "AttemptLost" } },
  });
  expect(asked.get("silent-once")).toMatchObject([
    { error: { category: "lost", state: "lost" }, history: { attempt: 1 } },
  ]);
  const { letter } = await inquest(world, "silent-last");
  expect(letter).toMatchObject({ queue: "customs", category: "lost", errorType: "HeartbeatTimeout", attempts: 1 });
  expect(asked.get("silent-last")).toMatchObject([{ error: { state: "lost" }, history: { isLast: true } }]);
});

describe("record", () => {
  test("what it adds is kept with the death, cleaned and without secrets, and shown", async () => {
    const { letter, death } = await dieOf(world, jobs.recorded.job, { n: 1 }, { headers: { tenant: "acme" } });
    const extra = {
      type: "Error",
      input: { n: 1 },
      attempt: 2,
      isLast: true,
      tenant: "acme",
      key: "k-1",
      errors: ["failed", "failed"],
      apiKey: "[redacted]",
      nul: "a␀b",
    };
    expect(letter.failure).toMatchObject({ message: "failed", extra });
    expect(death.failure).toMatchObject({ extra });
    const story = await world.dlo.letters.story(letter.id);
    const shown = storyText({ letter, ...story, input: { current: letter.payload }, links: undefined } as never);
    expect(shown).toMatch(/Added by the job\n[^]+"tenant": "acme"[^]+\n\nDeath\n/);
  });

  test("also where no attempt could tell", async () => {
    const { letter } = await dieOf(world, jobs.recordedLate.job, {});
    expect(letter.failure).toMatchObject({ type: "StartToCloseTimeout", extra: { state: "timed_out" } });
  });

  test("one that throws adds nothing", async () => {
    const { letter } = await dieOf(world, jobs.recordThrows.job, {});
    expect(letter).toMatchObject({ reason: "exhausted", errorMessage: "failed" });
    expect(letter.failure).not.toHaveProperty("extra");
  });
});

test("a job that succeeds has the same history with a policy: 11 events", async () => {
  expect(await world.dlo.run(jobs.succeeds.job, {}, { id: "succeeds" })).toBe("done");
  expect(await eventTypes(world, "succeeds")).toHaveLength(11);
});

test("what handle is given is checked at once", () => {
  const contract = defineJob({ name: "checked", input: z.object({}) });
  expect(() => contract.handle(() => 1, { onFailed: () => undefined } as never)).toThrow(/Did you mean "onFailure"/);
  expect(() => contract.handle(() => 1, { record: {} as never })).toThrow(/record must be a function/);
});

function job(
  name: string,
  activity: ActivityOptions,
  handler: (input: object, ctx: JobContext) => unknown,
  onFailure?: (...told: [Failure, FailureHistory<any>]) => Decision | undefined | Promise<Decision | undefined>,
  record?: HandlerOptions["record"],
) {
  const contract = defineJob({
    name,
    input: z.looseObject({ n: z.number().optional() }),
    activity: { ...activity, retry: { ...soon, ...activity.retry } },
    deadLetter: { queue: "own", retention: "5 days" },
  });
  return contract.handle(
    async (input, ctx) => {
      runs.set(name, (runs.get(name) ?? 0) + 1);
      return await handler(input, ctx);
    },
    {
      ...(onFailure === undefined
        ? {}
        : {
            onFailure: (error, history) => {
              asked.set(name, [...(asked.get(name) ?? []), { error, history: structuredClone(history) }]);
              return onFailure(error, history);
            },
          }),
      ...(record === undefined ? {} : { record }),
    },
  );
}

function fails(): never {
  throw new Error("failed");
}

function declines(): never {
  throw new Declined("declined");
}

/** The activities that a run waits for, such as `started deliver`. */
async function pendingActivities(workflowId: string): Promise<string[]> {
  const { raw } = await world.dlo.temporal.workflow.getHandle(workflowId).describe();
  const started = temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED;
  return (raw.pendingActivities ?? []).map(
    ({ state, activityType }) => `${state === started ? "started" : "scheduled"} ${activityType?.name}`,
  );
}

async function lettersOf(workflowId: string): Promise<number> {
  return (await world.sql`select from dlo.dead_letters where workflow_id = ${workflowId}`).length;
}
