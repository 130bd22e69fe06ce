import { ApplicationFailure } from "@temporalio/common";
import { WorkflowNotFoundError } from "@temporalio/client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openWorld, until, type World } from "../setup/world.ts";
import { openShop, type Shop, shopQueue } from "./shop.ts";

// However a workflow of other make ended: what its letter says of it, and what its retry does.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let world: World;
let shop: Shop;

beforeAll(async () => {
  world = await openWorld();
  await world.office({
    adopt: {
      "refuse*": { queue: "refused", tags: ["shop"], retention: "3 days" },
      "*": { tags: ["adopted"] },
      sulk: false,
    },
  });
  shop = await openShop(world);
});
afterAll(async () => {
  await shop?.close();
  await world?.close();
});

const adopt = async (id: string) => await world.dlo.adopt({ query: `WorkflowId = '${id}'` });
const letter = async (id: string) => await world.dlo.letters.get(id);
const story = async (id: string) => await world.dlo.letters.story((await letter(id)).id);
const declined = () => {
  throw ApplicationFailure.create({ message: "card declined", type: "CardDeclined", details: [{ code: 51 }] });
};

test("a failure's chain goes down to the activity, with its attempts and the error before the last", async () => {
  const errors = ["first", "second", "third"];
  shop.when("charge", "chain", (attempt) => {
    throw ApplicationFailure.create({ message: `${errors[attempt - 1]} try`, type: "CardDeclined" });
  });
  const runId = await shop.failed("order", "chain", [{ id: "chain", amount: 7 }]);
  expect(await adopt("chain")).toMatchObject({ adopted: 1, skipped: {}, groups: [{ type: "order", count: 1 }] });
  expect(await letter("chain")).toMatchObject({
    ...{ kind: "workflow", job: "order", workflowType: "order", taskQueue: shopQueue, runId, queue: "default" },
    ...{ reason: "failed", errorType: "CardDeclined", errorMessage: "third try", attempts: 3, tags: ["adopted"] },
    failure: { extra: { failedOf: { activity: "charge", id: "2", attempts: 3 } } },
    payload: { id: "chain", amount: 7 },
  });
  const { deaths } = await story("chain");
  expect(deaths[0]?.attemptRows).toMatchObject([
    { n: 2, state: "failed", errorMessage: "second try" },
    { n: 3, state: "failed", errorMessage: "third try", errorType: "CardDeclined" },
  ]);
  shop.when("charge", "chain", () => "paid");
  const after = await world.dlo.letters.retry("chain", { waitFor: "30 seconds" });
  expect(after).toMatchObject({ status: "recovered", deaths: 1, retries: 1, attempts: 3 });
  expect(await world.dlo.temporal.workflow.getHandle("chain").describe()).toMatchObject({ runId: after.retryRunId });
  expect(shop.called("reserve", "chain")).toBe(2);
});

test("one that says why in its own words has failed of the activity all the same", async () => {
  shop.when("charge", "wordy", declined);
  await shop.failed("wordyOrder", "wordy", [{ id: "wordy", amount: 7 }]);
  await adopt("wordy");
  expect(await letter("wordy")).toMatchObject({
    ...{ errorType: "OrderRefused", errorMessage: "order wordy cannot be charged", attempts: 3 },
    failure: {
      nonRetryable: true,
      properties: { details: [{ order: "wordy" }] },
      extra: { failedOf: { activity: "charge", attempts: 3 } },
    },
  });
  const { deaths } = await story("wordy");
  expect(deaths[0]?.attemptRows.at(-1)).toMatchObject({ n: 3, errorType: "CardDeclined" });
  shop.when("charge", "wordy", () => "paid");
  const after = await world.dlo.letters.retry("wordy", { fromFailure: true, waitFor: "30 seconds" });
  expect(after).toMatchObject({ status: "recovered" });
  expect(shop.called("reserve", "wordy")).toBe(1);
});

test("one that failed by itself is filed as its type's policy says, and resets to its last task", async () => {
  await shop.failed("refuseOrder", "self", [{ id: "self", amount: 7 }]);
  await adopt("self");
  expect(await letter("self")).toMatchObject({
    ...{ queue: "refused", tags: ["shop"], retentionMs: 3 * 86_400_000, reason: "failed", errorType: "NotForUs" },
    ...{ attempts: 1, failure: { nonRetryable: true } },
  });
  expect((await letter("self")).failure.extra).toBeUndefined();
  expect(await world.dlo.letters.retry("self", { fromFailure: true, waitFor: "30 seconds" })).toMatchObject({
    ...{ status: "parked", deaths: 2, retries: 1, errorType: "NotForUs" },
  });
  const { events } = await story("self");
  expect(events.find(({ type }) => type === "retrying")?.data).toEqual({
    resetTo: 4,
    before: "before its last workflow task, event 4",
  });
});

test("one that timed out", async () => {
  await shop.failed("wait", "late", [{ until: "noon" }], { workflowRunTimeout: "1 second" });
  await adopt("late");
  expect(await letter("late")).toMatchObject({
    ...{ reason: "timed_out", category: "timeout", errorType: "WorkflowTimeout", attempts: 1 },
  });
  // The time that it had is part of how it was started.
  expect(await world.dlo.letters.retry("late", { waitFor: "30 seconds" })).toMatchObject({
    ...{ status: "parked", deaths: 2, reason: "timed_out" },
  });
  expect(await world.dlo.letters.retry("late", { waitFor: "30 seconds", fromFailure: true })).toMatchObject({
    ...{ status: "parked", deaths: 3, reason: "timed_out" },
  });
});

test("one that was terminated: who did it and why", async () => {
  const handle = await shop.client.workflow.start("wait", {
    ...{ workflowId: "ended", taskQueue: shopQueue, args: [{ until: "noon" }] },
  });
  await handle.terminate("the shop has moved");
  await until(
    async () => (await shop.client.workflow.count("WorkflowId = 'ended' AND ExecutionStatus = 'Terminated'")).count > 0,
  );
  await adopt("ended");
  const { message } = (await letter("ended")).failure;
  expect(await letter("ended")).toMatchObject({ reason: "lost", category: "lost", errorType: "Terminated" });
  expect(message).toMatch(/^The run was terminated by .+: the shop has moved$/);
});

test("of one with a retry policy its last run is adopted, and its own retries are followed", async () => {
  const retry = { maximumAttempts: 2, initialInterval: "10 milliseconds" };
  const runId = await shop.failed("stubborn", "stubborn", [4], { retry });
  const outcome = await adopt("stubborn");
  expect(outcome).toMatchObject({ adopted: 1, skipped: { older: 1 } });
  expect(await letter("stubborn")).toMatchObject({ runId, attempts: 2, errorMessage: "attempt 2 is too early" });
  // Two attempts more, of which the letter hears the last.
  expect(await world.dlo.letters.retry("stubborn", { waitFor: "30 seconds" })).toMatchObject({
    ...{ status: "parked", deaths: 2, errorMessage: "attempt 2 is too early" },
  });
  expect(await world.dlo.letters.retry("stubborn", { input: 2, waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
  });
});

test("of one that continued as new its last run is adopted, and a retry is followed to the end of its chain", async () => {
  const runId = await shop.failed("countDown", "count", [2]);
  expect(await adopt("count")).toMatchObject({ adopted: 1 });
  expect(await letter("count")).toMatchObject({ runId, payload: 0, errorType: "NoLiftOff", deaths: 1 });
  const after = await world.dlo.letters.retry("count", { input: 3, waitFor: "30 seconds" });
  expect(after).toMatchObject({ status: "parked", deaths: 2, errorType: "NoLiftOff" });
  const latest = await world.dlo.temporal.workflow.getHandle("count").describe();
  expect(after.runId).toBe(latest.runId);
  expect(after.retryRunId).not.toBe(latest.runId);
  // What it goes on with is what its last run was given: what went before is done.
  expect(after).toMatchObject({ payload: 0 });
  const inputs = await world.sql`
    select count(distinct d.payload_data)::int as n from dlo.deaths d join dlo.dead_letters l on l.id = d.letter_id
    where l.workflow_id = 'count'`;
  expect(inputs).toEqual([{ n: 1 }]);
});

test("a child is left to its parent, whose reset goes back to before it", async () => {
  shop.when("charge", "big", declined);
  await shop.failed("bigOrder", "big", [{ id: "big", amount: 7 }]);
  const both = await world.dlo.adopt({ query: "WorkflowId IN ('big', 'big/part')" });
  expect(both).toMatchObject({ adopted: 1, skipped: { child: 1 }, left: [{ id: "big/part", why: "child" }] });
  expect((await letter("big")).failure).toMatchObject({
    type: "CardDeclined",
    extra: { failedOf: { child: "order", id: "big/part" } },
  });
  shop.when("charge", "big", () => "paid");
  expect(await world.dlo.letters.retry("big", { fromFailure: true, waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
  });
  // The parent's own step, and the child's two runs.
  expect(shop.called("reserve", "big")).toBe(3);
});

test("several arguments, bytes among them, go through as they are; a new input is a list of as many", async () => {
  shop.when("ship", "ann", declined);
  shop.when("ship", "bob", () => "shipped to bob");
  await shop.failed("label", "label", ["ann", Uint8Array.of(0, 255, 7), 2]);
  await adopt("label");
  expect(await letter("label")).toMatchObject({ payload: ["ann", { base64: "AP8H" }, 2] });
  await world.dlo.letters.retry("label", { waitFor: "30 seconds" });
  expect(shop.calls.filter((call) => call === "ship ann 00ff07 x2")).toHaveLength(6);
  await expect(world.dlo.letters.retry("label", { input: "bob" })).rejects.toMatchObject({
    code: "INPUT_INVALID",
    message: "It takes 3 arguments, so a new input is a list of 3 values",
  });
  await expect(world.dlo.letters.amend("label", { input: ["bob"] })).rejects.toMatchObject({ code: "INPUT_INVALID" });
  await world.dlo.letters.amend("label", { input: ["bob", "picture", 3] });
  expect(await letter("label")).toMatchObject({ status: "parked", payload: ["bob", "picture", 3] });
  const { events } = await story("label");
  expect(events.at(-1)).toMatchObject({ type: "amended", data: { unchecked: true } });
});

test("memo, search attributes, header, timeouts, summary and policy are those of the start", async () => {
  shop.when("charge", "rich", declined);
  await shop.failed("order", "rich", [{ id: "rich", amount: 7 }], {
    memo: { tenant: "acme", password: "hunter2", deep: { list: [1, "two"] } },
    typedSearchAttributes: [{ key: { name: "DloKey", type: "KEYWORD" }, value: "acme-7" }],
    ...{ staticSummary: "an order", workflowTaskTimeout: "9 seconds", workflowRunTimeout: "1 hour" },
    retry: { maximumAttempts: 1 },
  });
  await adopt("rich");
  expect((await letter("rich")).source).toMatchObject({
    memo: { tenant: "acme", deep: { list: [1, "two"] } },
    searchAttributes: { DloKey: "acme-7" },
  });
  shop.when("charge", "rich", () => "paid");
  const { retryRunId } = await world.dlo.letters.retry("rich", { waitFor: "30 seconds" });
  const started = async (runId: string) => {
    const { events } = await shop.client.workflow.getHandle("rich", runId).fetchHistory();
    const [first] = events ?? [];
    const { input, memo, searchAttributes, header, retryPolicy, workflowType, taskQueue, ...rest } =
      first?.workflowExecutionStartedEventAttributes ?? {};
    const { workflowRunTimeout, workflowTaskTimeout, workflowExecutionTimeout } = rest;
    return JSON.parse(
      JSON.stringify({
        ...{ input, memo, searchAttributes, header, retryPolicy, workflowType, taskQueue },
        ...{ workflowRunTimeout, workflowTaskTimeout, workflowExecutionTimeout, user: first?.userMetadata },
      }),
    ) as object;
  };
  expect(await started(retryRunId!)).toEqual(await started((await story("rich")).deaths[0]!.runId));
});

test("one that a schedule began keeps what the schedule gave it", async () => {
  const { schedule, workflow } = world.dlo.temporal;
  const handle = await schedule.create({
    ...{ scheduleId: "nightly", spec: { intervals: [{ every: "1 day" }] } },
    action: {
      ...{ type: "startWorkflow", workflowType: "refuseOrder", workflowId: "nightly", taskQueue: shopQueue },
      args: [{ id: "nightly", amount: 1 }],
    },
  });
  await handle.trigger();
  const failed = "WorkflowType = 'refuseOrder' AND WorkflowId STARTS_WITH 'nightly-' AND ExecutionStatus = 'Failed'";
  await until(async () => (await workflow.count(failed)).count === 1);
  await world.dlo.adopt({ query: failed });
  const [found] = (await world.dlo.letters.list("tag:shop")).letters.filter(({ workflowId }) =>
    workflowId.startsWith("nightly"),
  );
  expect(found?.source).toMatchObject({ searchAttributes: { TemporalScheduledById: "nightly" } });
  expect(await world.dlo.letters.retry(found!.id, { waitFor: "30 seconds" })).toMatchObject({ deaths: 2, retries: 1 });
  await handle.delete();
});

test("a redrive shows what it would do, and changes the inputs of workflows of several arguments, too", async () => {
  shop.when("ship", "cleo", declined);
  await shop.failed("label", "cleo", ["cleo", Uint8Array.of(1), 1]);
  await adopt("cleo");
  const { id } = await letter("cleo");
  const amend = { patch: [{ op: "replace", path: "/0", value: "dora" }] };
  const preview = await world.dlo.redrives.preview({ ids: [id] }, { force: true, amend });
  expect(preview).toMatchObject({ takes: 1, samples: [{ job: "label", kind: "workflow" }] });
  expect(preview.samples[0]?.refused).toBeUndefined();
  const redrive = await world.dlo.redrives.start({ ids: [id] }, { force: true, amend });
  await until(async () => (await world.dlo.redrives.get(redrive.id)).endedAt !== null);
  expect(await letter("cleo")).toMatchObject({ status: "recovered", payload: ["dora", { base64: "AQ==" }, 1] });
  expect(shop.calls).toContain("ship dora 01 x1");
});

test("what a newer run of the id says goes before an older failure", async () => {
  shop.when("charge", "newer", declined);
  await shop.failed("order", "newer", [{ id: "newer", amount: 1 }]);
  const running = await shop.client.workflow.start("wait", {
    ...{ workflowId: "newer", taskQueue: shopQueue, args: [{ until: "noon" }] },
  });
  expect(await adopt("newer")).toMatchObject({ adopted: 0, skipped: { running: 1 }, left: [{ why: "running" }] });
  await running.terminate();
  shop.when("charge", "newer", () => "paid");
  const done = await shop.client.workflow.start("order", {
    ...{ workflowId: "newer", taskQueue: shopQueue, args: [{ id: "newer", amount: 1 }] },
  });
  await done.result();
  await until(
    async () => (await shop.client.workflow.count("WorkflowId = 'newer' AND ExecutionStatus = 'Completed'")).count > 0,
  );
  expect(await adopt("newer")).toMatchObject({ adopted: 0, skipped: { completed: 2 } });
});

test("a type that the configuration leaves alone", async () => {
  await shop.failed("sulk", "alone", []);
  expect(await adopt("alone")).toMatchObject({ adopted: 0, skipped: { policy: 1 } });
});

test("a retry takes another task queue, and refuses what only a job has", async () => {
  await shop.failed("refuseOrder", "elsewhere", [{ id: "elsewhere", amount: 1 }]);
  await adopt("elsewhere");
  const { letters } = world.dlo;
  await expect(letters.retry("elsewhere", { run: { job: "other" } })).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining("takes taskQueue alone, not job") as string,
  });
  await expect(letters.runCode("elsewhere", { code: "onDead" })).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining("no job worker serves it") as string,
  });
  await letters.retry("elsewhere", { run: { taskQueue: "another-shop" } });
  const handle = world.dlo.temporal.workflow.getHandle("elsewhere");
  expect(await handle.describe()).toMatchObject({ taskQueue: "another-shop", status: { name: "RUNNING" } });
  // While it runs the letter takes what can wait.
  await expect(letters.discard("elsewhere")).rejects.toMatchObject({ code: "LETTER_BUSY" });
  await letters.note("elsewhere", { text: "on the canary" });
  await handle.cancel();
  await handle.terminate("nobody serves it");
  await until(async () => (await letter("elsewhere")).deaths === 2);
  expect(await letter("elsewhere")).toMatchObject({ status: "parked", reason: "lost", errorType: "Terminated" });
  await until(async () => (await story("elsewhere")).events.at(-1)?.type === "noted");
});

test("a retry that is cancelled parks the letter again, without a death", async () => {
  await shop.failed("wait", "cancelled", [{ until: "noon" }], { workflowRunTimeout: "1 second" });
  await adopt("cancelled");
  await world.sql`update dlo.dead_letters set memo_data = null where workflow_id = 'cancelled'`;
  // Without what its start was given beside its input, the row's own type and task queue do.
  await world.dlo.letters.retry("cancelled");
  await world.dlo.temporal.workflow.getHandle("cancelled").cancel();
  await until(async () => (await letter("cancelled")).status === "parked");
  expect(await letter("cancelled")).toMatchObject({ deaths: 1, retries: 1 });
  expect((await story("cancelled")).events.at(-1)).toMatchObject({ type: "retry_cancelled" });
});

test("a retry from the failure that was cancelled can be asked for once more", async () => {
  shop.when("charge", "halted", declined);
  await shop.failed("order", "halted", [{ id: "halted", amount: 1 }]);
  await adopt("halted");
  let free!: (said: string) => void;
  shop.when("charge", "halted", () => new Promise<string>((resolve) => (free = resolve)));
  const tries = shop.called("charge", "halted");
  const { retryRunId } = await world.dlo.letters.retry("halted", { fromFailure: true });
  await until(() => shop.called("charge", "halted") > tries);
  await world.dlo.temporal.workflow.getHandle("halted").cancel();
  await until(async () => (await letter("halted")).status === "parked");
  free("too late");
  shop.when("charge", "halted", () => "paid");
  const after = await world.dlo.letters.retry("halted", { fromFailure: true, waitFor: "30 seconds" });
  expect(after).toMatchObject({ status: "recovered", retries: 2 });
  expect(after.retryRunId).not.toBe(retryRunId);
  expect(shop.called("reserve", "halted")).toBe(1);
});

test("one that no letter can be made of is told, and holds up no other", async () => {
  const long = `odd-${"x".repeat(990)}`;
  await shop.failed("refuseOrder", long, [{ id: "odd", amount: 1 }]);
  await shop.failed("refuseOrder", "odd-one", [{ id: "odd", amount: 1 }]);
  expect(await world.dlo.adopt({ query: "WorkflowId STARTS_WITH 'odd-'" })).toMatchObject({
    ...{ adopted: 1, skipped: { refused: 1 } },
    left: [{ id: long, why: "refused" }],
  });
  expect(await world.sql`select 1 from dlo.dead_letters where workflow_id = ${long}`).toEqual([]);
  expect(await letter("odd-one")).toMatchObject({ status: "parked" });
});

test("the app holds the id: the letter waits for its run, and hears how that ends", async () => {
  shop.when("charge", "held", declined);
  await shop.failed("order", "held", [{ id: "held", amount: 1 }]);
  await adopt("held");
  const again = await shop.client.workflow.start("wait", {
    ...{ workflowId: "held", taskQueue: shopQueue, args: [{ until: "noon" }] },
  });
  for (const fromFailure of [false, true])
    expect(await world.dlo.letters.retry("held", { fromFailure })).toMatchObject({ status: "parked", retries: 0 });
  expect((await again.describe()).status.name).toBe("RUNNING");
  await again.terminate("by the app");
  await until(async () => (await letter("held")).deaths === 2);
  // The newest run's type is the one that is run again.
  expect(await letter("held")).toMatchObject({ status: "parked", reason: "lost" });

  const third = await shop.client.workflow.start("refuseOrder", {
    ...{ workflowId: "held", taskQueue: shopQueue, args: [{ id: "held", amount: 2 }] },
  });
  await third.result().catch(() => undefined);
  // Nobody has adopted that run yet: a reset would be one of an older one.
  await expect(world.dlo.letters.retry("held", { fromFailure: true })).rejects.toMatchObject({
    code: "RETRY_REFUSED",
    message: expect.stringContaining("Adopt that one first") as string,
  });
  await until(async () => (await adopt("held")).adopted === 1);
  expect(await letter("held")).toMatchObject({ deaths: 3, errorType: "NotForUs", payload: { id: "held", amount: 2 } });

  shop.when("charge", "held", () => "paid");
  const fourth = await shop.client.workflow.start("order", {
    ...{ workflowId: "held", taskQueue: shopQueue, args: [{ id: "held", amount: 1 }] },
  });
  await fourth.result();
  const runs = shop.called("charge", "held");
  await world.dlo.letters.retry("held", { fromFailure: true });
  await until(async () => (await letter("held")).status === "superseded");
  expect(shop.called("charge", "held")).toBe(runs);
});

test("when its history is gone a retry from the start still works, and a reset says why not", async () => {
  shop.when("charge", "gone", declined);
  const runId = await shop.failed("order", "gone", [{ id: "gone", amount: 3 }], { memo: { tenant: "acme" } });
  await adopt("gone");
  await world.dlo.temporal.workflowService.deleteWorkflowExecution({
    namespace: world.namespace,
    workflowExecution: { workflowId: "gone", runId },
  });
  await until(async () => {
    const described = shop.client.workflow.getHandle("gone").describe();
    return await described.then(
      () => false,
      (error: unknown) => error instanceof WorkflowNotFoundError,
    );
  });
  await expect(world.dlo.letters.retry("gone", { fromFailure: true })).rejects.toMatchObject({
    code: "RETRY_REFUSED",
    message: expect.stringContaining("history of run") as string,
  });
  shop.when("charge", "gone", () => "paid");
  expect(await world.dlo.letters.retry("gone", { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
  expect(await shop.client.workflow.getHandle("gone").describe()).toMatchObject({ memo: { tenant: "acme" } });
});
