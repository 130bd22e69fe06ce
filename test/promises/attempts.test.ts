import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { inquest } from "../jobs/coroner.ts";
import { gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { openSkippingWorld } from "../time/skipping-world.ts";

const secondMs = 1000;

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.office();
});
afterAll(async () => await world?.close());

test("a deploy in the middle of a job: the next build goes on counting, and the attempt that was handed back is none (promise 7)", async () => {
  const pack = defineJob({
    name: "pack",
    input: z.object({}),
    activity: { retry: { maximumAttempts: 3, initialInterval: "1 ms" } },
  });
  const workerOf = (buildId: string) => ({
    workerDeploymentOptions: {
      version: { deploymentName: "packing", buildId },
      useWorkerVersioning: false as const,
    },
  });
  const second = gate<void>();
  const old = await world.worker({
    worker: workerOf("1"),
    jobs: [
      pack.handle(async (_, { attempt, signal }) => {
        if (attempt === 1) throw new Error("failure 1 of build 1");
        second.open();
        await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
      }),
    ],
  });
  const run = await world.dlo.start(pack, {});
  await second.opened;
  await old.stop();
  await world.worker({
    worker: workerOf("2"),
    jobs: [
      pack.handle((_, { attempt }) => {
        throw new Error(`failure ${attempt} of build 2`);
      }),
    ],
  });
  const { letter, attempts } = await inquest(world, run.workflowId);
  expect(letter).toMatchObject({ reason: "exhausted", attempts: 3, buildId: "2" });
  expect(attempts.map(({ state, buildId, errorMessage }) => [state, buildId, errorMessage])).toEqual([
    ["failed", "1", "failure 1 of build 1"],
    ["interrupted", "1", null],
    ["failed", "2", "failure 2 of build 2"],
    ["failed", "2", "failure 3 of build 2"],
  ]);
});

test("a job's backoff grows to its cap, and neither beyond it nor back, though it were a thousandfold a hundred times over (promise 13)", async () => {
  const attempts = 105;
  await using skipping = await openSkippingWorld({
    flaky: {
      activity: {
        retry: {
          ...{ initialInterval: "1 second", backoffCoefficient: 1000, maximumInterval: "1 hour" },
          maximumAttempts: attempts,
        },
      },
    },
  });
  let begun = 0;
  skipping.when("flaky-1", () => {
    begun++;
    throw new Error("not yet");
  });
  const dead = skipping.dead("flaky", "flaky-1");
  await until(() => begun === 1);
  for (let n = 2; n <= attempts; n++) {
    // A second more than its backoff: neither sooner nor later.
    await skipping.pass((([1, 1000][n - 2] ?? 3600) + 1) * secondMs);
    await until(() => begun >= n);
    expect(begun).toBe(n);
  }
  expect(await dead).toMatchObject({ reason: "exhausted", attempts });
});

test("nor does a queue's: an automatic retry is put off a hundred years at most (promise 13)", async () => {
  const autoRetry = { categories: ["network"], after: "1 second", backoffCoefficient: 1e300 } as const;
  await using skipping = await openSkippingWorld({ parcel: {} }, { queues: { default: { autoRetry } } });
  skipping.when("parcel-1", (ctx) => ctx.deadLetter("the gateway is down", { category: "network" }));
  const { id } = await skipping.dead("parcel", "parcel-1");
  await until(async () => (await skipping.dlo.letters.get(id)).retryAt !== null);
  await skipping.pass(2 * secondMs);
  await until(async () => (await skipping.dlo.letters.get(id)).deaths === 2);
  await until(async () => (await skipping.dlo.letters.get(id)).retryAt !== null);
  const { failedAt, retryAt } = await skipping.dlo.letters.get(id);
  expect(retryAt!.getTime() - failedAt.getTime()).toBeLessThanOrEqual(36_525 * 86_400_000 + 60 * secondMs);
  expect(retryAt!.getTime()).toBeGreaterThan(failedAt.getTime() + 36_524 * 86_400_000);
  skipping.when("parcel-1", () => "delivered");
  expect(await skipping.dlo.letters.retry(id, { by: "ann", waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
  });
});
