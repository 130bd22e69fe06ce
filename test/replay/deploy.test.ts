import { afterAll, beforeAll, expect, test } from "vitest";
import type { WorkerOptions } from "@temporalio/worker";
import { fileURLToPath } from "node:url";
import { letterWorkflowId } from "../../model/ids.ts";
import type { Entry } from "../../worker/workflow-bundle.ts";
import { openFaultyOffice } from "../setup/faulty-office.ts";
import { deliver } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// Letters rest for months, offices are deployed each week: a parked letter belongs to no build.

const deployment = "office";
const letters = Number(process.env["DEPLOY_LETTERS"] ?? 200);
let world: World;
let mended = false;

const build = (buildId: string): Partial<WorkerOptions> => ({
  workerDeploymentOptions: {
    version: { deploymentName: deployment, buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: "PINNED",
  },
  // A cache smaller than what is in flight costs twice the processor time.
  maxCachedWorkflows: letters + 500,
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
  `${letters} letters parked under one build are answered, and recover, under the changed code of the next`,
  { timeout: 60_000 + letters * 600 },
  async () => {
    const old = await world.office({ worker: build("1") });
    await makeCurrent("1");
    const ids = Array.from({ length: letters }, (_, i) => `deploy-${i}`);
    await inBatches(ids, 100, async (id) => {
      const run = await world.dlo.start(deliver, { to: "ann" }, { id });
      await run.result().catch(() => undefined);
    });
    expect(await counted("parked")).toBe(letters);
    await old.stop();

    const stopNext = await openFaultyOffice(world, {}, { entry: changedLetter(), worker: build("2") });
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

    // A letter of the new build goes the new way; those of the old one could not have.
    mended = false;
    await world.dlo
      .start(deliver, { to: "ann" }, { id: "after" })
      .then(async (run) => await run.result().catch(() => undefined));
    await until(async () => (await memoOf("after"))?.["build"] === "2");
    expect(await memoOf("deploy-0")).not.toHaveProperty("build");
    await stopNext();
  },
);

/** The letter as a later release may have it: what it does more is behind a patch, since parked letters replay it. */
function changedLetter(): Entry {
  const workflows = (name: string) =>
    JSON.stringify(fileURLToPath(new URL(`../../workflows/${name}.ts`, import.meta.url)));
  const source = `
    import { patched, upsertMemo } from "@temporalio/workflow";
    import { autoUpgrade } from ${workflows("auto-upgrade")};
    import { deadLetter as before } from ${workflows("dead-letter")};
    import { office as resting } from ${workflows("office")};
    export const deadLetter = autoUpgrade(async (state) => {
      if (patched("says-its-build")) upsertMemo({ build: "2" });
      return await before(state);
    });
    export const office = autoUpgrade(resting);`;
  return { source, shared: [] };
}

async function memoOf(id: string): Promise<Record<string, unknown> | undefined> {
  return (await world.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).describe()).memo;
}

async function counted(status: string): Promise<number> {
  const [row] = await world.sql`select count(*)::int n from dlo.dead_letters where status = ${status}`;
  return row!["n"] as number;
}

async function inBatches(ids: readonly string[], size: number, work: (id: string) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < ids.length; i += size) await Promise.all(ids.slice(i, i + size).map(work));
}
