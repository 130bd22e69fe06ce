import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { openWorld, type World } from "../setup/world.ts";

let world: World;
const down = new Set<string>();

const pay = defineJob({
  name: "pay",
  input: z.object({ order: z.string(), amount: z.number() }),
  activity: { retry: { maximumAttempts: 2, initialInterval: "10 milliseconds" } },
  key: ({ order }) => order,
});

beforeAll(async () => {
  world = await openWorld();
  await world.office();
  await world.worker({
    jobs: [
      pay.handle(async ({ order, amount }, ctx) => {
        if (down.has(order)) throw new Error(`bank is closed for ${order}`);
        return { paid: amount, attempt: ctx.attempt, retry: ctx.retry };
      }),
    ],
  });
});
afterAll(async () => await world?.close());

test("a job that succeeds leaves no letter", async () => {
  expect(await world.dlo.run(pay, { order: "a", amount: 1 })).toEqual({ paid: 1, attempt: 1, retry: 0 });
});

test("a job that uses up its attempts is parked, retried and recovers", async () => {
  down.add("b");
  const run = await world.dlo.start(pay, { order: "b", amount: 2 }, { id: "pay-b" });
  const died = await run.result().catch((error: unknown) => error);
  expect(died).toMatchObject({ code: "JOB_DIED" });
  const letter = await world.dlo.letters.get("pay-b");
  expect(letter).toMatchObject({ status: "parked", deaths: 1, attempts: 2, reason: "exhausted", key: "b" });
  down.delete("b");
  const recovered = await world.dlo.letters.retry(letter.id, {
    by: "ann",
    reason: "bank is open",
    waitFor: "30 seconds",
  });
  expect(recovered).toMatchObject({ status: "recovered", retries: 1 });
  const story = await world.dlo.letters.story(letter.id);
  expect(story.events.map(({ type }) => type)).toEqual(["parked", "retry_asked", "retrying", "recovered"]);
});
