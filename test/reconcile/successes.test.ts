import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { runsOfJobs } from "../../activities/runs-of-jobs.ts";
import { defineJob } from "../../model/index.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";

// Which successes a letter is closed by, and at what cost they are found.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const sync = defineJob({
  name: "sync",
  taskQueue: "syncs",
  input: z.object({ account: z.string(), does: z.enum(["fail", "skip"]) }),
  key: ({ account }) => account,
  activity: { retry: { maximumAttempts: 1 } },
  deadLetter: { supersededBy: "key" },
});

let office: PostOffice;
beforeAll(async () => {
  office = await openPostOffice();
  await office.worker({
    jobs: [
      sync.handle(
        ({ does }) => {
          throw new Error(does);
        },
        { onFailure: ({ message }) => (message === "skip" ? { do: "skip", reason: "not today" } : undefined) },
      ),
    ],
  });
});
afterAll(async () => await office?.close());

test("a run of the same key that its policy has skipped has done nothing, and closes no letter", async () => {
  const run = await office.dlo.start(sync, { account: "7", does: "fail" }, { id: "sync-1" });
  await run.result().catch(() => undefined);
  await office.dlo.run(sync, { account: "7", does: "skip" }, { id: "sync-2" });
  await until(
    async () =>
      (await office.dlo.temporal.workflow.count("WorkflowId = 'sync-2' AND ExecutionStatus = 'Completed'")).count === 1,
  );
  const { items } = await office.dlo.reconcile();
  expect(items).toEqual([]);
  expect(await office.dlo.letters.get("sync-1")).toMatchObject({ status: "parked", supersededBy: "key", key: "7" });
});

test("of an id that has succeeded any number of times no more is read than a page, and no other letter is missed for it", async () => {
  const { temporal } = office.dlo;
  const failedAt = new Date(Date.now() - 60_000);
  const row = (workflowId: string) => ({
    workflowId,
    workflowType: "deliver",
    supersededBy: "id" as const,
    key: null,
    failedAt,
  });
  const successes = async (id: string, times: number) => {
    office.when(id, () => "delivered");
    for (let n = 0; n < times; n++)
      await (
        await temporal.workflow.start("deliver", { workflowId: id, taskQueue: "jobs", args: [{ to: "ann" }] })
      ).result();
  };
  await successes("quiet", 1);
  await successes("busy", 9);
  await until(
    async () =>
      (await temporal.workflow.count("WorkflowId IN ('busy', 'quiet') AND ExecutionStatus = 'Completed'")).count === 10,
  );
  const needs = { client: temporal, searchAttributes: [] };
  const found = await runsOfJobs(needs, [row("none"), row("busy"), row("quiet")], () => undefined, 3);
  const of = (id: string) => found.filter(({ workflowId }) => workflowId === id).length;
  expect({ none: of("none"), busy: of("busy"), quiet: of("quiet") }).toEqual({ none: 0, busy: 3, quiet: 1 });
});
