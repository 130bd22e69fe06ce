import { ApplicationFailure, Context } from "@temporalio/activity";
import { expect, test } from "vitest";
import type { Decision, JobContext } from "dead-letter-office";
import { runAttempt } from "dead-letter-office/testing";
import { pay } from "./pay.ts";

test("a handler that returns has its result, and its input as the schema parsed it", async () => {
  const outcome = await runAttempt(
    pay.handle((input) => ({ paid: input.amount })),
    { order: "a" },
  );
  expect(outcome).toEqual({ result: { paid: 1 }, heartbeats: [], progress: [] });
});

test("a handler is told what a worker would tell it", async () => {
  const tell = pay.handle((_, ctx) => {
    const { signal, heartbeat: _h, progress: _p, deadLetter: _d, ...told } = ctx;
    return { ...told, aborted: signal.aborted, type: Context.current().info.activityType };
  });
  const outcome = await runAttempt(
    tell,
    { order: "a" },
    {
      attempt: 2,
      deaths: 1,
      headers: { tenant: "acme" },
      workflowId: "pay-a",
      idempotencyKey: "order-a",
      heartbeatDetails: { page: 3 },
    },
  );
  expect(outcome.result).toMatchObject({
    job: "pay",
    workflowId: "pay-a",
    attempt: 2,
    deaths: 1,
    retry: 1,
    headers: { tenant: "acme" },
    idempotencyKey: "order-a",
    heartbeatDetails: { page: 3 },
    aborted: false,
    type: "pay",
  });
  const plain = await runAttempt(tell, { order: "a" });
  expect(plain.result).toMatchObject({
    attempt: 1,
    deaths: 0,
    workflowId: "pay/test",
    idempotencyKey: "pay/test",
    headers: {},
  });
  expect(plain.result?.heartbeatDetails).toBeUndefined();
});

test("a failure is recorded and classified as in a letter", async () => {
  const refuse = pay.handle(() => {
    throw Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:443"), { code: "ECONNREFUSED" });
  });
  const { failure } = await runAttempt(refuse, { order: "a" });
  expect(failure).toMatchObject({
    category: "network",
    retryable: true,
    error: { type: "Error", message: /ECONNREFUSED/ },
  });
  expect(failure).not.toHaveProperty("reason");
  expect(await runAttempt(refuse, { order: "a" }, { attempt: 2 })).toMatchObject({
    failure: { reason: "exhausted", retryable: true, causeId: failure?.causeId },
  });
  expect(await runAttempt(refuse, { order: "a" }, { classifier: () => "dependency" })).toMatchObject({
    failure: { category: "dependency" },
  });
});

test.for<[string, (ctx: JobContext) => unknown, object]>([
  [
    "gives up",
    (ctx) => ctx.deadLetter("the account is closed", { category: "auth" }),
    { reason: "given_up", category: "auth", retryable: false },
  ],
  [
    "throws what is not to be retried",
    () => {
      throw ApplicationFailure.nonRetryable("no such card", "NoCard");
    },
    { reason: "non_retryable", retryable: false, error: { type: "NoCard" } },
  ],
  [
    "throws what its contract does not retry",
    () => {
      throw ApplicationFailure.create({ type: "CardStolen", message: "stolen" });
    },
    { reason: "non_retryable", retryable: false },
  ],
  [
    "says when to come back",
    () => {
      throw ApplicationFailure.create({ message: "slow down", nextRetryDelay: "3 seconds" });
    },
    { retryable: true, retryAfterMs: 3000 },
  ],
])("a handler that %s", async ([, behave, expected]) => {
  const { failure } = await runAttempt(
    pay.handle((_, ctx) => behave(ctx)),
    { order: "a" },
  );
  expect(failure).toMatchObject(expected);
});

test("a policy is asked, and so is the record hook", async () => {
  const told: unknown[] = [];
  const declined = (decision: Decision) =>
    pay.handle(
      () => {
        throw new Error("declined");
      },
      {
        onFailure: ({ message, category }, { attempt, isLast, input }) => {
          told.push([message, category, attempt, isLast, input]);
          return decision;
        },
        record: (_, { isLast }) => ({ isLast }),
      },
    );
  expect(await runAttempt(declined({ do: "skip", reason: "no matter" }), { order: "a" })).toEqual({
    result: { skipped: { reason: "no matter", error: { type: "Error", message: "declined" } } },
    skipped: { reason: "no matter", error: { type: "Error", message: "declined" } },
    heartbeats: [],
    progress: [],
  });
  expect(await runAttempt(declined({ do: "retry", after: "3 seconds" }), { order: "a" })).toMatchObject({
    failure: { retryable: true, retryAfterMs: 3000 },
  });
  expect(await runAttempt(declined({ do: "die", category: "auth" }), { order: "a" })).toMatchObject({
    failure: { reason: "given_up", category: "auth", extra: { isLast: true } },
  });
  expect(await runAttempt(declined({ do: "file", queue: "late" }), { order: "a" }, { attempt: 2 })).toMatchObject({
    failure: { reason: "exhausted", queue: "late", extra: { isLast: true } },
  });
  expect(told).toEqual([
    ["declined", "unknown", 1, false, { order: "a", amount: 1 }],
    ["declined", "unknown", 1, false, { order: "a", amount: 1 }],
    ["declined", "unknown", 1, false, { order: "a", amount: 1 }],
    ["declined", "unknown", 2, true, { order: "a", amount: 1 }],
  ]);
});

test("an input that the schema refuses never reaches the handler", async () => {
  let called = false;
  const { failure } = await runAttempt(
    pay.handle(() => (called = true)),
    { order: 7 as never },
  );
  expect(failure).toMatchObject({
    category: "data",
    retryable: false,
    reason: "non_retryable",
    error: { type: "InvalidInput" },
  });
  expect(called).toBe(false);
});

test("what is reported on the way comes back in order, also from an attempt that fails", async () => {
  const outcome = await runAttempt(
    pay.handle((_, ctx) => {
      const page = { n: 1 };
      ctx.heartbeat(page);
      page.n = 2;
      ctx.progress(1, 2, "paying");
      ctx.heartbeat(page);
      throw new Error("then it broke");
    }),
    { order: "a" },
  );
  expect(outcome.heartbeats).toEqual([{ n: 1 }, { n: 2 }]);
  expect(outcome.progress).toEqual([{ current: 1, total: 2, phase: "paying" }]);
  expect(outcome.failure?.error.message).toBe("then it broke");
});

test("a signal cancels the attempt, whether the handler listens or not", async () => {
  const cancelling = new AbortController();
  const deaf = pay.handle(async () => {
    cancelling.abort();
    await new Promise(() => undefined);
  });
  expect(await runAttempt(deaf, { order: "a" }, { signal: cancelling.signal })).toEqual({
    cancelled: true,
    heartbeats: [],
    progress: [],
  });
  const listening = pay.handle((_, ctx) => ctx.signal.throwIfAborted());
  expect(await runAttempt(listening, { order: "a" }, { signal: AbortSignal.abort() })).toMatchObject({
    cancelled: true,
  });
});

test("a misspelt option is refused with what was meant", async () => {
  await expect(
    runAttempt(
      pay.handle(() => 1),
      { order: "a" },
      { atempt: 2 } as never,
    ),
  ).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining('"attempt"') as string,
  });
  await expect(
    runAttempt(
      pay.handle(() => 1),
      { order: "a" },
      { attempt: 0 },
    ),
  ).rejects.toMatchObject({ code: "USAGE" });
});
