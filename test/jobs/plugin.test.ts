import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker, type WorkerOptions } from "@temporalio/worker";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { deadLetterPlugin } from "../../worker/index.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { ship } from "./ship.ts";

let world: World;
let connection: NativeConnection;
const refused = new Set<string>();

const plugin = deadLetterPlugin({
  jobs: [
    ship.handle(async ({ to }, ctx) => {
      if (refused.has(to)) throw new Error(`customs keep it: ${to}`);
      return { shipped: to, retry: ctx.retry };
    }),
  ],
  classifier: ({ message }) => (message.startsWith("customs") ? "dependency" : undefined),
});
const activities = { greet: async (name: string) => `Good morning, ${name}` };
const own = fileURLToPath(new URL("own", import.meta.url));
const logger = new DefaultLogger("ERROR");

beforeAll(async () => {
  world = await openWorld();
  await world.office();
  connection = await NativeConnection.connect({ address: world.address });
});
afterAll(async () => {
  await world?.close();
  await connection?.close();
});

async function createWorker(options: Partial<WorkerOptions>): Promise<Worker> {
  const { namespace } = world;
  return await Worker.create({ connection, namespace, taskQueue: "shop", activities, plugins: [plugin], ...options });
}

async function expectAllToWork(order: string): Promise<void> {
  const greeting = await world.dlo.temporal.workflow.execute("welcome", {
    taskQueue: "shop",
    workflowId: `welcome-${order}`,
    args: ["Ann"],
  });
  expect(greeting).toBe("Good morning, Ann");
  refused.add(order);
  const run = await world.dlo.start(ship, { to: order }, { id: order });
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  const letter = await world.dlo.letters.get(order);
  expect(letter).toMatchObject({
    status: "parked",
    job: "ship",
    attempts: 2,
    category: "dependency",
    taskQueue: "shop",
  });
  refused.delete(order);
  await world.dlo.letters.retry(letter.id, { by: "ann", waitFor: "30 seconds" });
  expect(await world.dlo.letters.get(letter.id)).toMatchObject({ status: "recovered", retries: 1 });
}

test("a worker with its own workflows and activities runs jobs beside them: a death becomes a letter and is retried", async () => {
  const worker = await createWorker({ workflowsPath: own });
  expect(worker.options).toMatchObject({
    defaultHeartbeatThrottleIntervalMs: 1000,
    maxHeartbeatThrottleIntervalMs: 2000,
  });
  await worker.runUntil(expectAllToWork("own"));
  const { events } = await world.dlo.temporal.workflow.getHandle("own").fetchHistory();
  await Worker.runReplayHistory({ workflowsPath: own, plugins: [plugin] }, { events: events ?? [] }, "own");
});

test("a worker without workflows of its own runs jobs alone, and keeps its own settings", async () => {
  const worker = await createWorker({ activities: {}, maxHeartbeatThrottleInterval: "5 seconds" });
  expect(worker.options).toMatchObject({
    defaultHeartbeatThrottleIntervalMs: 1000,
    maxHeartbeatThrottleIntervalMs: 5000,
  });
  expect(await worker.runUntil(world.dlo.run(ship, { to: "alone" }))).toEqual({ shipped: "alone", retry: 0 });
});

test("a bundle that was made with the plugin has the jobs", async () => {
  const workflowBundle = await bundleWorkflowCode({ workflowsPath: own, plugins: [plugin], logger });
  await (await createWorker({ workflowBundle })).runUntil(expectAllToWork("bundled"));
});

test("a bundle whose module supervises the contracts by itself has the jobs", async () => {
  const workflowsPath = fileURLToPath(new URL("prebuilt/workflows.ts", import.meta.url));
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });
  await (await createWorker({ workflowBundle })).runUntil(expectAllToWork("prebuilt"));
});

test.for<[string, Partial<WorkerOptions> | (() => Promise<Partial<WorkerOptions>>), RegExp]>([
  [
    "another task queue",
    { workflowsPath: own, taskQueue: "harbour" },
    /job "ship": it is started on the task queue "shop", and this worker serves "harbour"/,
  ],
  [
    "an activity of a job's name",
    { workflowsPath: own, activities: { ship: async () => 1 } },
    /activities\.ship: the job "ship" has an activity of this name too/,
  ],
  [
    "an activity of ours",
    { workflowsPath: own, activities: { validateInput: async () => 1 } },
    /activities\.validateInput: Dead Letter Office has an activity/,
  ],
  [
    "a workflow of a job's name",
    { workflowsPath: fileURLToPath(new URL("clashing/workflows.ts", import.meta.url)) },
    /job "ship": .*clashing\/workflows\.ts exports a workflow of this name/,
  ],
  [
    "a default export",
    { workflowsPath: fileURLToPath(new URL("clashing/with-default.ts", import.meta.url)) },
    /with-default\.ts has a default export/,
  ],
  [
    "a bundle without the jobs",
    async () => ({ workflowBundle: await bundleWorkflowCode({ workflowsPath: own, logger }) }),
    /workflowBundle: the bundle was made without the jobs ship\. .*export default supervise/,
  ],
  [
    "a plugin that replaces the workflows later",
    {
      workflowsPath: own,
      plugins: [
        plugin,
        {
          name: "late",
          configureBundler: (options: object) => ({ ...options, workflowsPath: `${own}/index.ts` }),
        } as never,
      ],
    },
    /another plugin has replaced workflowsPath/,
  ],
])("%s is refused", async ([, options, message]) => {
  const given = typeof options === "function" ? await options() : options;
  await expect(createWorker(given)).rejects.toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", message: expect.stringMatching(message) as string }),
  );
});

test("what it is given is checked at once", () => {
  const job = defineJob({ name: "pack", input: z.object({}) });
  expect(() => deadLetterPlugin({ jobs: [] })).toThrow(/jobs is empty/);
  expect(() => deadLetterPlugin({ jobs: [job as never] })).toThrow(/it has no handler/);
  expect(() => deadLetterPlugin({ jobs: [job.handle(() => 1)], clasifier: () => undefined } as never)).toThrow(
    /classifier/,
  );
});

test("the generated entry is there for the bundler alone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dlo-test-"));
  vi.stubEnv("TMPDIR", folder);
  try {
    const seen: string[][] = [];
    const look = { name: "look", configureBundler: <T>(options: T) => (seen.push(readdirSync(folder)), options) };
    await bundleWorkflowCode({ workflowsPath: own, logger, plugins: [plugin, look] });
    const workflowsPath = fileURLToPath(new URL("clashing/workflows.ts", import.meta.url));
    await expect(bundleWorkflowCode({ workflowsPath, logger, plugins: [plugin, look] })).rejects.toThrow(/Rename one/);
    expect(seen).toEqual([[expect.stringMatching(/^dlo-/)], [expect.stringMatching(/^dlo-/)]]);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  }
});

test("a workflow of a job's name that only shows when it runs does not run in the job's place", async () => {
  const worker = await createWorker({ workflowsPath: fileURLToPath(new URL("clashing/dynamic.cjs", import.meta.url)) });
  await worker.runUntil(async () => {
    const { workflowId } = await world.dlo.start(ship, { to: "nowhere" }, { id: "dynamic" });
    const handle = world.dlo.temporal.workflow.getHandle(workflowId);
    await expect
      .poll(
        async () => {
          const { events } = await handle.fetchHistory();
          return events?.find(({ workflowTaskFailedEventAttributes }) => workflowTaskFailedEventAttributes)
            ?.workflowTaskFailedEventAttributes?.failure?.message;
        },
        { timeout: 30_000 },
      )
      .toMatch(/The job and the workflow ship have the same name, in .*dynamic\.cjs/);
    await handle.terminate();
  });
});

// Last: from then on the queue's tasks go to that version.
test("on a versioned worker jobs move on to the newest build", async () => {
  const { namespace } = world;
  const version = { deploymentName: "shop", buildId: "2" };
  const worker = await createWorker({
    workflowsPath: own,
    workerDeploymentOptions: { version, useWorkerVersioning: true, defaultVersioningBehavior: "PINNED" },
  });
  await worker.runUntil(async () => {
    // Refused until the server has seen the worker.
    await until(async () => {
      await world.dlo.temporal.workflowService.setWorkerDeploymentCurrentVersion({
        namespace,
        deploymentName: "shop",
        buildId: "2",
      });
      return true;
    });
    expect(await world.dlo.run(ship, { to: "versioned" }, { id: "versioned" })).toMatchObject({ shipped: "versioned" });
    expect(await versioningOf("versioned")).toBe("VERSIONING_BEHAVIOR_AUTO_UPGRADE");
    await world.dlo.temporal.workflow.execute("welcome", { taskQueue: "shop", workflowId: "pinned", args: ["Ann"] });
    expect(await versioningOf("pinned")).toBe("VERSIONING_BEHAVIOR_PINNED");
  });
});

async function versioningOf(workflowId: string): Promise<string | undefined> {
  const { raw } = await world.dlo.temporal.workflow.getHandle(workflowId).describe();
  const { versioningInfo } = raw.workflowExecutionInfo ?? {};
  return ["VERSIONING_BEHAVIOR_UNSPECIFIED", "VERSIONING_BEHAVIOR_PINNED", "VERSIONING_BEHAVIOR_AUTO_UPGRADE"][
    versioningInfo?.behavior ?? 0
  ];
}
