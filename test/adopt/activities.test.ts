import { ApplicationFailure } from "@temporalio/common";
import { ServiceError } from "@temporalio/client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { dlo, environmentOf } from "../cli/dlo.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { openShop, type Shop, shopQueue } from "./shop.ts";

// Activities that were started by themselves, and failed: letters of the kind `activity`.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let world: World;
let shop: Shop;

beforeAll(async () => {
  world = await openWorld();
  await world.office({ adopt: { charge: { queue: "cards" }, reserve: false } });
  shop = await openShop(world);
});
afterAll(async () => {
  await shop?.close();
  await world?.close();
});

const adopt = async (id: string) => await world.dlo.adopt({ query: `ActivityId = '${id}'`, what: "activities" });
const declined = () => {
  throw ApplicationFailure.create({ message: "card declined", type: "CardDeclined" });
};

test("one whose attempts are used up is adopted, and started again as it was", async () => {
  shop.when("charge", "card-1", declined);
  const retry = { maximumAttempts: 2, initialInterval: "10 milliseconds" };
  const runId = await shop.failedActivity("charge", "card-1", [{ id: "card-1", amount: 7 }], { retry });
  const dry = await world.dlo.adopt({ query: "ActivityId = 'card-1'", what: "activities", dryRun: true });
  expect(dry).toMatchObject({ adopted: 1, samples: [{ id: "card-1", type: "charge", queue: "cards", runId }] });
  expect(await adopt("card-1")).toMatchObject({ adopted: 1 });
  expect(await adopt("card-1")).toMatchObject({ adopted: 0, skipped: { known: 1 } });
  const letter = await world.dlo.letters.get("activity/card-1");
  expect(letter).toMatchObject({
    ...{ kind: "activity", job: "charge", taskQueue: shopQueue, runId, queue: "cards", attempts: 2 },
    ...{ reason: "exhausted", errorType: "CardDeclined", payload: { id: "card-1", amount: 7 } },
  });
  const again = await world.dlo.letters.retry(letter.id, { waitFor: "30 seconds" });
  expect(again).toMatchObject({ status: "parked", deaths: 2, attempts: 4, reason: "exhausted" });
  expect(shop.called("charge", "card-1")).toBe(4);
  await expect(world.dlo.letters.retry(letter.id, { fromFailure: true })).rejects.toMatchObject({ code: "USAGE" });
  shop.when("charge", "card-1", () => "paid");
  const recovered = await world.dlo.letters.retry(letter.id, { waitFor: "30 seconds" });
  expect(recovered).toMatchObject({ status: "recovered", deaths: 2, retries: 2 });
  expect(await shop.client.activity.getHandle("card-1", recovered.retryRunId!).result()).toBe("paid");
});

test("one that is not to be retried, one that timed out, one that was terminated, one that is left alone", async () => {
  shop.when("charge", "card-2", () => {
    throw ApplicationFailure.nonRetryable("stolen", "CardStolen");
  });
  await shop.failedActivity("charge", "card-2", [{ id: "card-2", amount: 7 }]);
  await adopt("card-2");
  expect(await world.dlo.letters.get("activity/card-2")).toMatchObject({ reason: "non_retryable", attempts: 1 });

  await shop.failedActivity("charge", "card-3", [{ id: "card-3", amount: 7 }], {
    ...{ taskQueue: "nobody", scheduleToCloseTimeout: "1 second" },
  });
  await adopt("card-3");
  expect(await world.dlo.letters.get("activity/card-3")).toMatchObject({ reason: "timed_out", category: "timeout" });

  const handle = await shop.client.activity.start("charge", {
    ...{ id: "card-4", taskQueue: "nobody", args: [{ id: "card-4" }], startToCloseTimeout: "1 minute" },
  });
  await handle.terminate("wrong card");
  await until(async () => (await adopt("card-4")).adopted === 1);
  expect(await world.dlo.letters.get("activity/card-4")).toMatchObject({ reason: "lost", category: "lost" });

  shop.when("reserve", "card-5", () => {
    throw ApplicationFailure.nonRetryable("no", "No");
  });
  await shop.failedActivity("reserve", "card-5", ["card-5"]);
  expect(await adopt("card-5")).toMatchObject({ adopted: 0, skipped: { policy: 1 } });
});

test("the app's own run of the id is waited for", async () => {
  shop.when("charge", "card-6", () => {
    throw ApplicationFailure.nonRetryable("declined", "CardDeclined");
  });
  await shop.failedActivity("charge", "card-6", [{ id: "card-6", amount: 7 }]);
  await adopt("card-6");
  let pay!: (said: string) => void;
  shop.when("charge", "card-6", () => new Promise<string>((resolve) => (pay = resolve)));
  await shop.client.activity.start("charge", {
    ...{ id: "card-6", taskQueue: shopQueue, args: [{ id: "card-6", amount: 8 }], startToCloseTimeout: "1 minute" },
  });
  await until(() => pay !== undefined);
  expect(await world.dlo.letters.retry("activity/card-6")).toMatchObject({ status: "parked", retries: 0 });
  pay("paid");
  await until(async () => (await world.dlo.letters.get("activity/card-6")).status === "superseded");
});

test("by the command; and a server that has none says so", async () => {
  shop.when("charge", "card-7", () => {
    throw ApplicationFailure.nonRetryable("declined", "CardDeclined");
  });
  await shop.failedActivity("charge", "card-7", [{ id: "card-7", amount: 7 }]);
  const env = environmentOf(world);
  const done = await dlo(["adopt", "--activities", "--query", "ActivityId = 'card-7'", "--yes"], { env });
  expect(done).toMatchObject({ code: 0 });
  expect(done.stdout).toMatch(/1 dead letter made.\n\nTYPE +QUEUE +LETTERS\ncharge +cards +1/);
  const shown = await dlo(["show", "activity/card-7"], { env });
  expect(shown.stdout).toContain("a standalone activity, adopted");

  const { isSupported } = await import("../../activities/found-run.ts");
  const count = async () =>
    await Promise.reject(Object.assign(new ServiceError("no"), { code: 12, details: "unknown method", metadata: {} }));
  const old = { workflowService: { countActivityExecutions: count }, options: { namespace: "default" } };
  expect(await isSupported(old as never, "activities")).toBe(false);
  expect(await isSupported(old as never, "workflows")).toBe(true);
});
