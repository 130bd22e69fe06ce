import { ServiceError } from "@temporalio/client";
import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import type { LetterState } from "../../model/letter-state.ts";
import { openFaultyOffice } from "../setup/faulty-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { openShop, type Shop, shopQueue } from "./shop.ts";

// An office that crashes between any two lines of an adoption, or of a retry, leaves one letter and one run.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let world: World;
let shop: Shop;
let stopOffice: () => Promise<void>;
const crashes: string[] = [];
/** How a try of the whole slice ends, first one first. */
const slices: (() => void)[] = [];

function crashOnce(prefix: string) {
  return (id: string) => {
    if (!id.startsWith(prefix) || crashes.includes(id)) return;
    crashes.push(id);
    throw new Error(`the office crashed: ${id}`);
  };
}

const twice =
  <Args extends unknown[], Result>(real: (...args: Args) => Promise<Result>) =>
  async (...args: Args) => {
    await real(...args);
    return await real(...args);
  };

beforeAll(async () => {
  world = await openWorld();
  stopOffice = await openFaultyOffice(world, {
    beforeSignal: crashOnce("before-signal"),
    afterSignal: crashOnce("after-signal"),
    beginAdoption: twice,
    finishAdoption: twice,
    adoptRuns: (real) => async (slice) => {
      const done = await real(slice);
      slices.shift()?.();
      return done;
    },
    startAgain: twice,
    recordDeath: twice,
    project: twice,
  });
  shop = await openShop(world);
});
afterAll(async () => {
  await shop?.close();
  await stopOffice?.();
  await world?.close();
});

const declined = () => {
  throw ApplicationFailure.nonRetryable("card declined", "CardDeclined");
};

async function fail(id: string): Promise<void> {
  shop.when("charge", id, declined);
  await shop.failed("order", id, [{ id, amount: 1 }]);
}

async function counted(id: string) {
  const [row] = await world.sql`
    select (select count(*)::int from dlo.dead_letters where workflow_id = ${id}) letters,
           (select count(*)::int from dlo.deaths where workflow_id = ${id}) deaths,
           (select count(*)::int from dlo.events where workflow_id = ${id} and type = 'parked') parked`;
  return row;
}

const gone = () => Promise.reject(Object.assign(new ServiceError("gone"), { code: 5, details: "gone", metadata: {} }));

/** Begins a letter's workflow as the reconciler does it: from its row. */
async function tellFromRow(letterId: string): Promise<void> {
  const { tellLetter } = await import("../../activities/tell-letter.ts");
  const { letterHead } = await import("../../schema/letter-head.ts");
  const { openDatabase } = await import("../../schema/database.ts");
  await using database = openDatabase(world.databaseUrl);
  const needs = { client: world.dlo.temporal, taskQueue: "dead-letter-office", searchAttributes: [] };
  await tellLetter(needs, (await letterHead(database.db, letterId))!);
}

test.each(["before-signal", "after-signal"])("a crash %s leaves one letter, whose workflow knows it", async (id) => {
  await fail(id);
  const outcome = await world.dlo.adopt({ query: `WorkflowId = '${id}'` });
  expect(crashes).toContain(id);
  // Adopted by the try that crashed, and counted once.
  expect(outcome).toMatchObject({ adopted: 1, skipped: {} });
  expect(await counted(id)).toEqual({ letters: 1, deaths: 1, parked: 1 });
  const handle = world.dlo.temporal.workflow.getHandle(letterWorkflowId(id));
  expect(await handle.query<LetterState>("state")).toMatchObject({ status: "parked", deaths: 1, kind: "workflow" });
});

test("a second death that its letter was not told of is told by the next adoption", async () => {
  await fail("late-word");
  await world.dlo.adopt({ query: "WorkflowId = 'late-word'" });
  const before = await world.dlo.letters.get("late-word");
  await fail("late-word");
  crashes.length = 0;
  const untold = new Set(["late-word"]);
  const spied = vi
    .spyOn(world.dlo.temporal.workflow, "signalWithStart")
    .mockImplementation(async (_, { workflowId }) => {
      if (untold.delete(workflowId.slice("dead-letter/".length))) throw new Error("the office crashed");
      throw new Error("not again");
    });
  const adopting = world.dlo.adopt({ query: "WorkflowId = 'late-word'" });
  await until(async () => (await counted("late-word"))?.["deaths"] === 2);
  await until(() => spied.mock.calls.length > 1);
  spied.mockRestore();
  await adopting;
  const handle = world.dlo.temporal.workflow.getHandle(letterWorkflowId("late-word"));
  expect(await handle.query<LetterState>("state")).toMatchObject({ letterId: before.id, deaths: 2 });
  expect(await world.dlo.letters.discard("late-word")).toMatchObject({ status: "discarded", deaths: 2 });
});

test("a slice that is done and could not say so is counted once", async () => {
  const ids = ["slice-1", "slice-2", "slice-3"];
  for (const id of ids) await fail(id);
  slices.push(() => {
    throw new Error("the office crashed behind its slice");
  });
  const outcome = await world.dlo.adopt({ query: "WorkflowId STARTS_WITH 'slice-'" });
  expect(outcome).toMatchObject({ adopted: 3, skipped: {} });
  expect(await world.sql`select adopted, skipped from dlo.adoptions where id = ${outcome.id}`).toEqual([
    { adopted: 3, skipped: {} },
  ]);
  for (const id of ids) expect(await counted(id)).toEqual({ letters: 1, deaths: 1, parked: 1 });
});

test("a retry whose start is repeated is one run, from the start and from the failure", async () => {
  for (const [id, fromFailure] of [
    ["again-1", false],
    ["again-2", true],
  ] as const) {
    await fail(id);
    await world.dlo.adopt({ query: `WorkflowId = '${id}'` });
    const again = await world.dlo.letters.retry(id, { fromFailure, waitFor: "30 seconds" });
    expect(again).toMatchObject({ status: "parked", deaths: 2, retries: 1 });
    shop.when("charge", id, () => "paid");
    expect(await world.dlo.letters.retry(id, { fromFailure, waitFor: "30 seconds" })).toMatchObject({
      ...{ status: "recovered", deaths: 2, retries: 2 },
    });
    // One try of the activity a run, and no more runs than retries.
    expect(shop.called("charge", id)).toBe(3);
    const { events } = await world.dlo.letters.story(again.id);
    expect(events.map(({ type }) => type)).toEqual([
      ...["parked", "retry_asked", "retrying", "died_again", "retry_asked", "retrying", "recovered"],
    ]);
  }
});

test("a letter that somebody terminated while its retry ran is begun anew, and goes on to wait for that run", async () => {
  const id = "begun-anew";
  await fail(id);
  await world.dlo.adopt({ query: `WorkflowId = '${id}'` });
  let pay!: (said: string) => void;
  shop.when("charge", id, () => new Promise<string>((resolve) => (pay = resolve)));
  const letter = await world.dlo.letters.retry(id);
  expect(letter.status).toBe("retrying");
  await until(() => pay !== undefined);
  await world.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).terminate("by mistake");
  await tellFromRow(letter.id);
  const handle = world.dlo.temporal.workflow.getHandle(letterWorkflowId(id));
  expect(await handle.query<LetterState>("state")).toMatchObject({ status: "retrying", retryRunId: letter.retryRunId });
  pay("paid");
  await until(async () => (await world.dlo.letters.get(id)).status === "recovered");
  expect(await world.dlo.letters.get(id)).toMatchObject({ deaths: 1, retries: 1 });
});

test("a letter continues as new while its retry runs, and hears the outcome", async () => {
  const id = "goes-on";
  await fail(id);
  await world.dlo.adopt({ query: `WorkflowId = '${id}'` });
  let pay!: (said: string) => void;
  shop.when("charge", id, () => new Promise<string>((resolve) => (pay = resolve)));
  const { id: letterId } = await world.dlo.letters.retry(id);
  const handle = world.dlo.temporal.workflow.getHandle(letterWorkflowId(id));
  const { runId } = await handle.describe();
  for (let round = 0; round < 90; round++) {
    await world.dlo.letters.note(letterId, { text: `note ${round}` });
    if ((await handle.describe()).runId !== runId) break;
  }
  expect((await handle.describe()).runId).not.toBe(runId);
  pay("paid");
  await until(async () => (await world.dlo.letters.get(id)).status === "recovered");
  const { events } = await world.dlo.letters.story(letterId);
  const notes = events.filter(({ type }) => type === "noted").length;
  expect(notes).toBeGreaterThan(10);
});

test("one that cannot be read is told, and holds up no other", async () => {
  await fail("unread-1");
  await fail("unread-2");
  const { workflowService } = world.dlo.temporal;
  const real = workflowService.getWorkflowExecutionHistory.bind(workflowService) as (ask: unknown) => Promise<unknown>;
  const spied = vi
    .spyOn(workflowService, "getWorkflowExecutionHistory")
    .mockImplementation(((ask: { execution?: { workflowId?: string } }) =>
      ask.execution?.workflowId === "unread-1" ? Promise.resolve({ history: {} }) : real(ask)) as never);
  try {
    expect(await world.dlo.adopt({ query: "WorkflowId STARTS_WITH 'unread-'" })).toMatchObject({
      ...{ adopted: 1, skipped: { refused: 1 } },
      left: [{ id: "unread-1", said: expect.stringContaining("has no first event") as string }],
    });
  } finally {
    spied.mockRestore();
  }
  // When it can be read, it is adopted.
  expect(await world.dlo.adopt({ query: "WorkflowId STARTS_WITH 'unread-'" })).toMatchObject({ adopted: 1 });
});

test("a retry's chain is followed when Temporal has forgotten how it began", async () => {
  const { workflowService, workflow } = world.dlo.temporal;
  const id = "forgets";
  shop.when("charge", id, declined);
  await shop.failed("relay", id, [id, 2]);
  await world.dlo.adopt({ query: `WorkflowId = '${id}'` });
  shop.when("charge", id, () => "paid");
  const charges = shop.called("charge", id);
  const letter = await world.dlo.letters.retry(id);
  const runId = letter.retryRunId!;
  await until(() => shop.called("charge", id) === charges + 3);
  // Nobody listens while it is forgotten. A server takes half a minute to delete a run for good.
  await workflow.getHandle(letterWorkflowId(id)).terminate();
  const real = workflowService.getWorkflowExecutionHistoryReverse.bind(workflowService) as (
    ask: unknown,
  ) => Promise<unknown>;
  const spied = vi
    .spyOn(workflowService, "getWorkflowExecutionHistoryReverse")
    .mockImplementation(((ask: { execution?: { runId?: string } }) =>
      ask.execution?.runId === runId ? gone() : real(ask)) as never);
  try {
    await tellFromRow(letter.id);
    await workflow.getHandle(id).signal("arrive");
    await until(async () => (await world.dlo.letters.get(id)).status !== "retrying");
  } finally {
    spied.mockRestore();
  }
  expect(await world.dlo.letters.get(id)).toMatchObject({ status: "recovered", deaths: 1, retries: 1 });
});

test("a history that is gone before it is adopted: what can still be said is said", async () => {
  const id = "forgotten";
  shop.when("charge", id, declined);
  await shop.failed("order", id, [{ id, amount: 1 }], { memo: { tenant: "acme" } });
  // Temporal keeps its list a moment longer than its histories, and only a server that is just deleting shows it.
  const { workflowService } = world.dlo.temporal;
  const spies = (["getWorkflowExecutionHistory", "describeWorkflowExecution"] as const).map((name) => {
    const real = workflowService[name].bind(workflowService) as (ask: unknown) => Promise<unknown>;
    return vi
      .spyOn(workflowService, name)
      .mockImplementation(((ask: { execution?: { workflowId?: string } }) =>
        ask.execution?.workflowId === id ? gone() : real(ask)) as never);
  });
  try {
    expect(await world.dlo.adopt({ query: `WorkflowId = '${id}'` })).toMatchObject({ adopted: 1 });
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  const letter = await world.dlo.letters.get(id);
  expect(letter).toMatchObject({
    ...{ job: "order", taskQueue: shopQueue, reason: "failed", errorType: "HistoryGone", payloadOmitted: true },
    ...{ payload: null, source: { historyGone: true, memo: { tenant: "acme" } } },
    errorMessage: "The workflow failed; why is not known any more, as its history is gone",
  });
  await expect(world.dlo.letters.retry(id)).rejects.toMatchObject({ code: "PAYLOAD_OMITTED" });
  shop.when("charge", id, () => "paid");
  expect(await world.dlo.letters.retry(id, { input: { id, amount: 1 }, waitFor: "30 seconds" })).toMatchObject({
    ...{ status: "recovered", payload: { id, amount: 1 } },
  });
  expect(await shop.client.workflow.getHandle(id).describe()).toMatchObject({ memo: { tenant: "acme" } });
});
