import { afterAll, beforeAll, expect, test } from "vitest";
import type { WorkerOptions } from "@temporalio/worker";
import { letterWorkflowId } from "../../model/ids.ts";
import { deliver } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// Letters rest for months, offices are deployed each week: a parked letter belongs to no build.

const deployment = "office";
let world: World;
let mended = false;

const build = (buildId: string): Partial<WorkerOptions> => ({
  workerDeploymentOptions: {
    version: { deploymentName: deployment, buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: "PINNED",
  },
  // 1,000 letters want room; a cache smaller than what is in flight costs twice the processor time.
  maxCachedWorkflows: 1500,
});

async function makeCurrent(buildId: string): Promise<void> {
  await until(async () => {
    await world.dlo.temporal.workflowService.setWorkerDeploymentCurrentVersion({
      namespace: world.namespace,
      deploymentName: deployment,
      buildId,
      identity: "tester",
    });
    return true;
  });
}

beforeAll(async () => {
  world = await openWorld();
  await world.worker({
    jobs: [
      deliver.handle(({ to }) => {
        if (!mended) throw new Error(`nobody at home: ${to}`);
        return "delivered";
      }),
    ],
  });
});
afterAll(async () => await world?.close());

test(
  "1,000 letters parked under one build are answered, and recover, under the next",
  { timeout: 240_000 },
  async () => {
    const letters = 1000;
    const old = await world.office({ worker: build("1") });
    await makeCurrent("1");
    const ids = Array.from({ length: letters }, (_, i) => `deploy-${i}`);
    await inBatches(ids, 100, async (id) => {
      const run = await world.dlo.start(deliver, { to: "ann" }, { id });
      await run.result().catch(() => undefined);
    });
    expect(await counted("parked")).toBe(letters);
    await old.stop();

    await world.office({ worker: build("2") });
    await makeCurrent("2");
    mended = true;
    await inBatches(
      ids,
      100,
      async (id) => await world.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).signal("retry", { by: "ann" }),
    );
    await until(async () => (await counted("recovered")) === letters);
    const [odd] = await world.sql`select count(*)::int n from dlo.dead_letters where deaths <> 1 or retries <> 1`;
    expect(odd!["n"]).toBe(0);
    const { versioningInfo } = (await world.dlo.temporal.workflow.getHandle(letterWorkflowId("deploy-0")).describe())
      .raw.workflowExecutionInfo!;
    expect(versioningInfo?.deploymentVersion?.buildId).toBe("2");
  },
);

async function counted(status: string): Promise<number> {
  const [row] = await world.sql`select count(*)::int n from dlo.dead_letters where status = ${status}`;
  return row!["n"] as number;
}

async function inBatches(ids: readonly string[], size: number, work: (id: string) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < ids.length; i += size) await Promise.all(ids.slice(i, i + size).map(work));
}
