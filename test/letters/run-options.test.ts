import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { deliver, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { ended } from "../redrive/redriven.ts";

// One retry may run otherwise than the contract says: more attempts, another task queue, another job.

vi.setConfig({ testTimeout: 40_000 });

let office: PostOffice;
const seen: string[] = [];
const byHand = defineJob({ name: "deliver-by-hand", taskQueue: "hands", input: z.object({ to: z.string() }) });

beforeAll(async () => {
  office = await openPostOffice();
  await office.worker({
    jobs: [
      byHand.handle(({ to }, { workflowId, idempotencyKey }) => {
        seen.push(`${workflowId} ${to} ${idempotencyKey}`);
        return "by hand";
      }),
    ],
  });
});
afterAll(async () => await office?.close());

test("with more attempts than its contract has", async () => {
  const { id } = await office.dead("stubborn");
  let tries = 0;
  office.when("stubborn", () => {
    if (++tries < 3) throw new Error("not yet");
    return "delivered";
  });
  const run = { activity: { retry: { maximumAttempts: 3, initialInterval: "10ms" } } } as const;
  expect(await office.dlo.letters.retry(id, { run, waitFor: "20 seconds" })).toMatchObject({ status: "recovered" });
  expect(tries).toBe(3);
});

test("the next retry is as the contract says again", async () => {
  const { id } = await office.dead("twice");
  const run = { activity: { retry: { maximumAttempts: 2, initialInterval: "10ms" } } } as const;
  expect(await office.dlo.letters.retry(id, { run, waitFor: "20 seconds" })).toMatchObject({ deaths: 2, attempts: 3 });
  expect(await office.dlo.letters.retry(id, { waitFor: "20 seconds" })).toMatchObject({ deaths: 3, attempts: 4 });
});

test("as another job, on its task queue, under the same id and idempotency key", async () => {
  const { id } = await office.dead("redirected", { to: "dora" });
  const run = { job: "deliver-by-hand", taskQueue: "hands" };
  expect(await office.dlo.letters.retry(id, { run, waitFor: "20 seconds" })).toMatchObject({
    status: "recovered",
    job: "deliver",
  });
  expect(seen).toEqual(["redirected dora redirected"]);
  const { events } = await office.dlo.letters.story(id);
  expect(events.find(({ type }) => type === "retry_asked")?.data).toEqual({ run });
});

test("for all letters of a redrive", async () => {
  await office.dead("all-0", { to: "all" });
  await office.dead("all-1", { to: "all" });
  const command = { name: "retry", run: { job: "deliver-by-hand", taskQueue: "hands" } } as const;
  const started = await office.dlo.redrives.start({ filter: "payload.to=all" }, { command, force: true, rate: 100 });
  expect(await ended(office, started.id)).toMatchObject({ status: "completed", counts: { recovered: 2 } });
});

test("what cannot be meant is refused at the door", async () => {
  const { id } = await office.dead("refused");
  const retry = async (run: object) => await office.dlo.letters.retry(id, { run });
  await expect(retry({ taskQeue: "x" })).rejects.toMatchObject({
    code: "USAGE",
    message: expect.stringContaining("taskQueue"),
  });
  await expect(retry({ activity: { startToCloseTimeout: "soon" } })).rejects.toMatchObject({ code: "USAGE" });
  await expect(retry({ activity: { retry: { maximumAttempts: -1 } } })).rejects.toMatchObject({ code: "USAGE" });
  for (const build of [
    "1.4.2",
    { buildId: "1.4.2" },
    { deploymentName: "vans", buildId: "" },
    { deploymentName: "vans", buildId: "1", x: 1 },
  ])
    await expect(retry({ build })).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("run.build must be an object such as") as string,
    });
  await expect(office.dlo.letters.retry(id, { run: {}, after: "1h" })).rejects.toMatchObject({ code: "USAGE" });
  expect(await office.dlo.letters.get(id)).toMatchObject({ status: "parked", retries: 0 });
  expect(deliver.contract.activity.retry).toEqual({ maximumAttempts: 1 });
});
