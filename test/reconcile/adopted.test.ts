import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openShop, type Shop } from "../adopt/shop.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// Letters of what is no job: their rows come back as what they were.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let world: World;
let shop: Shop;

beforeAll(async () => {
  world = await openWorld();
  await world.office();
  shop = await openShop(world);
});
afterAll(async () => {
  await shop?.close();
  await world?.close();
});

const declined = () => {
  throw ApplicationFailure.nonRetryable("card declined", "CardDeclined");
};

/** Drops the row of a letter, and has it brought back. */
async function lostAndFound(id: string) {
  const before = await world.dlo.letters.get(id);
  await world.sql`delete from dlo.dead_letters where id = ${before.id}`;
  const { items } = await world.dlo.reconcile();
  expect(items).toMatchObject([{ finding: "no_row", workflowId: id, letterId: before.id, mended: true }]);
  return { before, after: await world.dlo.letters.get(before.id) };
}

test("an adopted workflow's row comes back as it was, and its retry starts the workflow as it was started", async () => {
  shop.when("charge", "lost-1", declined);
  await shop.failed("order", "lost-1", [{ id: "lost-1", amount: 7 }], { memo: { shop: "north" } });
  await world.dlo.adopt({ query: "WorkflowId = 'lost-1'" });
  const { before, after } = await lostAndFound("lost-1");
  expect(after).toMatchObject({
    ...{
      kind: "workflow",
      job: before.job,
      reason: before.reason,
      errorType: before.errorType,
      attempts: before.attempts,
    },
    ...{ errorMessage: before.errorMessage, payload: before.payload, deaths: 1, status: "parked" },
    source: { memo: { shop: "north" } },
  });
  shop.when("charge", "lost-1", () => "paid");
  await world.dlo.letters.retry(after.id, { by: "ann" });
  await until(async () => (await world.dlo.letters.get(after.id)).status === "recovered");
  expect((await world.dlo.temporal.workflow.getHandle("lost-1").describe()).memo).toMatchObject({ shop: "north" });
});

test("an adopted activity's row comes back with its input", async () => {
  shop.when("charge", "lost-2", declined);
  await shop.failedActivity("charge", "lost-2", [{ id: "lost-2", amount: 7 }]);
  await world.dlo.adopt({ query: "ActivityId = 'lost-2'", what: "activities" });
  const { before, after } = await lostAndFound("activity/lost-2");
  expect(after).toMatchObject({
    ...{
      kind: "activity",
      job: "charge",
      reason: before.reason,
      errorType: "CardDeclined",
      payload: before.payload,
      deaths: 1,
    },
  });
});
