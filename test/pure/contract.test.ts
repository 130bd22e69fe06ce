import { describe, expect, test } from "vitest";
import { z } from "zod";
import { readContract } from "../../model/contract.ts";
import { defineJob } from "../../model/job.ts";

const input = z.object({ order: z.string() });

test("a contract becomes plain JSON, durations in milliseconds, what was not said absent", () => {
  const contract = readContract({
    name: "pay",
    activity: {
      startToCloseTimeout: "5 seconds",
      retry: { maximumAttempts: 3, maximumInterval: "1 minute", nonRetryableErrorTypes: ["NoCard"] },
    },
    deadLetter: { retention: "7 days", keepFor: "indefinite" },
  });
  expect(contract).toEqual({
    name: "pay",
    taskQueue: "jobs",
    activity: {
      startToCloseTimeoutMs: 5000,
      retry: { maximumAttempts: 3, maximumIntervalMs: 60_000, nonRetryableErrorTypes: ["NoCard"] },
    },
    deadLetter: {
      queue: "default",
      office: "dead-letter-office",
      tags: [],
      retentionMs: 604_800_000,
      keepForMs: "indefinite",
    },
  });
  expect(JSON.parse(JSON.stringify(contract))).toEqual(contract);
});

test("a contract that says nothing has nothing but its name and the usual task queue", () => {
  expect(readContract({ name: "pay" })).toEqual({ name: "pay", taskQueue: "jobs", activity: { retry: {} } });
  expect(readContract({ name: "pay", deadLetter: false }).deadLetter).toBe(false);
});

test("unlimited attempts are taken where the time is bounded", () => {
  for (const maximumAttempts of [0, Infinity])
    expect(
      readContract({ name: "pay", activity: { scheduleToCloseTimeout: "1 hour", retry: { maximumAttempts } } })
        .activity,
    ).toEqual({
      scheduleToCloseTimeoutMs: 3_600_000,
      retry: { maximumAttempts: 0 },
    });
});

describe("a contract that cannot be meant is refused, with the likely meaning", () => {
  const refused: Record<string, [contract: object, why: string]> = {
    "attempts without an end": [
      { activity: { retry: { maximumAttempts: 0 } } },
      "the job could never end. For no retries say maximumAttempts: 1; to bound it by time add activity.scheduleToCloseTimeout",
    ],
    "infinite attempts": [{ activity: { retry: { maximumAttempts: Infinity } } }, "the job could never end"],
    "half an attempt": [
      { activity: { retry: { maximumAttempts: 1.5 } } },
      "must be a whole number from 1 to 1,000,000, got 1.5",
    ],
    "negative attempts": [
      { activity: { retry: { maximumAttempts: -1 } } },
      "must be a whole number from 1 to 1,000,000, got -1",
    ],
    "a shrinking backoff": [
      { activity: { retry: { backoffCoefficient: 0.5 } } },
      "must be a number of at least 1, got 0.5",
    ],
    "a cap below the first interval": [
      { activity: { retry: { initialInterval: "1 minute", maximumInterval: "10 seconds" } } },
      "maximumInterval (10 seconds) is shorter than initialInterval (1 minute)",
    ],
    "a cap below the default interval": [
      { activity: { retry: { maximumInterval: "10 ms" } } },
      "maximumInterval (10 ms) is shorter than initialInterval (1 second)",
    ],
    "a duration without a unit": [
      { activity: { startToCloseTimeout: "30" } },
      'the unit is missing; say "30 seconds" or "30 days"',
    ],
    "a duration of nothing": [{ activity: { startToCloseTimeout: 0 } }, "it must be longer than nothing"],
    "a negative duration": [{ activity: { scheduleToStartTimeout: -5 } }, "a duration cannot be negative"],
    "swapped timeouts": [
      { activity: { startToCloseTimeout: "1 hour", scheduleToCloseTimeout: "5 minutes" } },
      "startToCloseTimeout (1 hour) bounds one attempt and cannot be longer than scheduleToCloseTimeout (5 minutes), which bounds all of them; were they swapped?",
    ],
    "a wait longer than all of it": [
      { activity: { scheduleToStartTimeout: "2 hours", scheduleToCloseTimeout: "1 hour" } },
      "scheduleToStartTimeout (2 hours) bounds the wait for a worker and cannot be longer than scheduleToCloseTimeout (1 hour)",
    ],
    "a silence longer than the attempt": [
      { activity: { heartbeatTimeout: "10 minutes", startToCloseTimeout: "1 minute" } },
      "heartbeatTimeout (10 minutes) bounds the silence within an attempt and cannot be longer than startToCloseTimeout (1 minute)",
    ],
    "a heartbeat too fast": [{ activity: { heartbeatTimeout: "500 ms" } }, "must be at least 1 second"],
    "an activity option that is none": [
      { activity: { startToClose: "1 minute" } },
      'Unknown activity option "startToClose". Did you mean "startToCloseTimeout"?',
    ],
    "a retry option that is none": [
      { activity: { retry: { maxAttempts: 3 } } },
      'Unknown retry option "maxAttempts". Did you mean "maximumAttempts"?',
    ],
    "a policy option that is none": [
      { deadLetter: { retentions: "1 day" } },
      'Unknown deadLetter option "retentions". Did you mean "retention"?',
    ],
    "a retention of nothing": [{ deadLetter: { retention: 0 } }, 'To keep without end say "indefinite"'],
    "a retention in words": [{ deadLetter: { retention: "forever" } }, 'the word is "indefinite"'],
    "an expiry that is none": [{ deadLetter: { onExpire: "delete" } }, 'must be "expire" or "retry", got "delete"'],
    "half a retry on expiry": [{ deadLetter: { maximumRetries: 0.5 } }, "must be a whole number of at least 0"],
    "a queue of no name": [{ deadLetter: { queue: "" } }, "deadLetter.queue must be a name"],
    "tags that are no list": [{ deadLetter: { tags: "urgent" } }, "deadLetter.tags must be a list of words"],
    "error types that are no list": [
      { activity: { retry: { nonRetryableErrorTypes: "NoCard" } } },
      "must be a list of error type names",
    ],
    "a task queue of no name": [{ taskQueue: "" }, "taskQueue must be the name of a task queue"],
    "a name with a space": [{ name: "import movie" }, "a job's name has 1 to 100 letters"],
    "a name of ours": [{ name: "deadLetter" }, 'the name "deadLetter" is taken by Dead Letter Office itself'],
    "an activity of ours": [{ name: "validateInput" }, "is taken by Dead Letter Office itself"],
    "a name that all objects have": [{ name: "toString" }, "which Temporal's worker would run in its place"],
  };
  test.for(Object.entries(refused))("%s", ([, [contract, why]]) => {
    expect(() => readContract({ name: "pay", ...contract })).toThrow(
      expect.objectContaining({ code: "JOB_INVALID", message: expect.stringContaining(why) }),
    );
  });
});

describe("a job that cannot be defined is refused", () => {
  const refused: Record<string, [job: object, why: string]> = {
    "an option that is none": [{ retries: 3 }, 'Unknown job option "retries"'],
    "an option in another case": [{ deadletter: false }, 'Did you mean "deadLetter"?'],
    "no schema": [{ input: { order: "string" } }, "input must be a Standard Schema"],
    "a key that is no function": [{ key: "order" }, "key must be a function of the input"],
  };
  test.for(Object.entries(refused))("%s", ([, [job, why]]) => {
    expect(() => defineJob({ name: "pay", input, ...job })).toThrow(
      expect.objectContaining({ code: "JOB_INVALID", message: expect.stringContaining(why) }),
    );
  });
});

test("a job is its contract, and binds its handler", () => {
  const job = defineJob({ name: "pay", input, key: ({ order }) => order });
  const handler = () => "paid";
  expect(job.handle(handler)).toEqual({ job, handler });
  expect(job.contract.name).toBe("pay");
});
