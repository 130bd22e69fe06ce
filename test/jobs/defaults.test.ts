import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { type ActivityOptions, type DeadLetterOptions, defineJob } from "../../model/index.ts";
import { openWorld, type World } from "../setup/world.ts";
import { inquest } from "./coroner.ts";

let world: World;

beforeAll(async () => {
  world = await openWorld();
  await world.office();
});
afterEach(() => vi.unstubAllEnvs());
afterAll(async () => await world?.close());

test("DLO_MAXIMUM_ATTEMPTS is the default of jobs that say nothing, and no more", async () => {
  vi.stubEnv("DLO_MAXIMUM_ATTEMPTS", "2");
  const [open, said] = await failing("attempts", [
    { activity: { retry: { initialInterval: "1 ms" } } },
    { activity: { retry: { initialInterval: "1 ms", maximumAttempts: 3 } } },
  ]);
  expect((await inquest(world, open!)).letter.attempts).toBe(2);
  expect((await inquest(world, said!)).letter.attempts).toBe(3);
});

test("DLO_ENABLED=false switches dead letters off for jobs that say nothing, and for no other", async () => {
  vi.stubEnv("DLO_ENABLED", "false");
  const once = { retry: { maximumAttempts: 1 } };
  const [open, said] = await failing("enabled", [
    { activity: once },
    { activity: once, deadLetter: { queue: "said" } },
  ]);
  await expect(inquest(world, open!)).rejects.toThrow("did not end as a dead letter");
  expect((await inquest(world, said!)).letter).toMatchObject({ status: "parked", queue: "said" });
});

test("a contract's whole policy is on its letter", async () => {
  const [id] = await failing("policy", [
    {
      activity: { retry: { maximumAttempts: 1 } },
      deadLetter: {
        queue: "payments",
        retention: "2 hours",
        keepFor: "indefinite",
        tags: ["a", "b"],
        onExpire: "retry",
        maximumRetries: 1,
      },
    },
  ]);
  const { letter } = await inquest(world, id!);
  expect(letter).toMatchObject({
    queue: "payments",
    retentionMs: 7_200_000,
    keepForMs: null,
    tags: ["a", "b"],
    onExpire: "retry",
    maximumRetries: 1,
  });
  expect(letter.expiresAt!.getTime() - letter.failedAt.getTime()).toBeGreaterThanOrEqual(7_200_000);
});

/** Runs a worker of jobs that fail, one for each contract, and starts each; their workflow ids. */
async function failing(
  name: string,
  contracts: readonly { activity: ActivityOptions; deadLetter?: DeadLetterOptions }[],
): Promise<string[]> {
  const jobs = contracts.map((contract, i) =>
    defineJob({ name: `${name}-${i}`, taskQueue: name, input: z.object({}), ...contract }),
  );
  await world.worker({
    jobs: jobs.map((job) =>
      job.handle(() => {
        throw new Error("always");
      }),
    ),
  });
  const runs = await Promise.all(jobs.map(async (job) => await world.dlo.start(job, {})));
  return runs.map(({ workflowId }) => workflowId);
}
