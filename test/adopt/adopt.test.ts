import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openWorld, type World } from "../setup/world.ts";
import { openShop, type Shop } from "./shop.ts";

// Failed workflows of other make become letters, and are retried as they were started.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
let shop: Shop;

beforeAll(async () => {
  world = await openWorld();
  await world.office({ adopt: { "refuse*": { queue: "refused", tags: ["shop"] }, stubborn: { retention: "3 days" } } });
  shop = await openShop(world);
});
afterAll(async () => {
  await shop?.close();
  await world?.close();
});

const byId = (id: string) => `WorkflowId = '${id}'`;
const declined = () => {
  throw ApplicationFailure.create({
    message: "card declined: no token",
    type: "CardDeclined",
    details: [{ code: 51 }],
  });
};

test("a workflow that failed of its second activity is adopted, shown and retried from the start", async () => {
  shop.when("charge", "order-1", declined);
  const runId = await shop.failed("order", "order-1", [{ id: "order-1", amount: 7 }], { memo: { tenant: "acme" } });
  const dry = await world.dlo.adopt({ query: byId("order-1"), dryRun: true });
  expect(dry).toMatchObject({
    adopted: 1,
    skipped: {},
    samples: [{ id: "order-1", runId, type: "order", queue: "default", ended: "failed", taskQueue: "shop" }],
  });
  await expect(world.dlo.letters.get("order-1")).rejects.toMatchObject({ code: "LETTER_NOT_FOUND" });

  const outcome = await world.dlo.adopt({ query: byId("order-1"), by: "ann" });
  expect(outcome).toMatchObject({ adopted: 1, skipped: {} });
  const letter = await world.dlo.letters.get("order-1");
  expect(letter).toMatchObject({
    kind: "workflow",
    job: "order",
    taskQueue: "shop",
    runId,
    reason: "failed",
    errorType: "CardDeclined",
    attempts: 3,
    payload: { id: "order-1", amount: 7 },
    source: { memo: { tenant: "acme" } },
  });
  shop.when("charge", "order-1", () => "paid");
  const after = await world.dlo.letters.retry("order-1", { waitFor: "30 seconds", by: "ann" });
  expect(after).toMatchObject({ status: "recovered", retries: 1 });
  const again = await world.dlo.temporal.workflow.getHandle("order-1").describe();
  expect(again).toMatchObject({ runId: after.retryRunId, memo: { tenant: "acme" }, type: "order" });
  expect(shop.called("reserve", "order-1")).toBe(2);
});

test("one is reset to before its failure: the step before is not done again", async () => {
  shop.when("charge", "order-2", declined);
  await shop.failed("order", "order-2", [{ id: "order-2", amount: 7 }]);
  await world.dlo.adopt({ query: byId("order-2") });
  shop.when("charge", "order-2", () => "paid");
  expect(await world.dlo.letters.retry("order-2", { fromFailure: true, waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
  });
  expect(shop.called("reserve", "order-2")).toBe(1);
  expect(shop.called("charge", "order-2")).toBe(4);
  const { events } = await world.dlo.letters.story("order-2");
  expect(events.find(({ type }) => type === "retrying")?.data).toMatchObject({
    before: expect.stringContaining("charge"),
  });
});
