import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { WorkerOptions } from "@temporalio/worker";
import type { RedriveItem } from "../../client/index.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { dlo, environmentOf } from "../cli/dlo.ts";
import { openFaultyOffice } from "../setup/faulty-office.ts";
import { deliver, gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// One retry may run on another build of versioned workers than the current one, from its first activity on.

vi.setConfig({ testTimeout: 60_000 });

const deploymentName = "vans";
const onBuild = (buildId: string) => ({ run: { build: { deploymentName, buildId } } });

const versioned = (buildId: string): Partial<WorkerOptions> => ({
  workerDeploymentOptions: {
    version: { deploymentName, buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: "AUTO_UPGRADE",
  },
});

/** Deliveries of build 1 fail, those of build 2 do unless the house is haunted. */
const builds = {
  "1": deliver.handle(({ to }) => {
    throw new Error(`build 1 found nobody at home: ${to}`);
  }),
  "2": deliver.handle(({ to }) => {
    if (to === "ghost") throw new Error("build 2 met a ghost");
    return "delivered by build 2";
  }),
};

async function openBuild(world: World, buildId: keyof typeof builds): Promise<void> {
  await world.worker({ jobs: [builds[buildId]], worker: versioned(buildId) });
  const { workflowService } = world.dlo.temporal;
  const { namespace } = world;
  await until(async () => {
    const deploymentVersion = { deploymentName, buildId };
    const known = await workflowService.describeWorkerDeploymentVersion({ namespace, deploymentVersion });
    // For workflows, and for activities.
    return known.versionTaskQueues.length === 2;
  });
}

async function makeCurrent(world: World, buildId: string): Promise<void> {
  const { namespace } = world;
  await world.dlo.temporal.workflowService.setWorkerDeploymentCurrentVersion({
    ...{ namespace, deploymentName, buildId, identity: "tester" },
  });
}

async function dead(world: World, id: string, to = "ann"): Promise<LetterRow> {
  await (await world.dlo.start(deliver, { to }, { id })).result().catch(() => undefined);
  return await world.dlo.letters.get(id);
}

describe("with an office", () => {
  let world: World;

  beforeAll(async () => {
    world = await openWorld();
    await world.office();
  });
  afterAll(async () => await world?.close());

  test("where workers have no versions it is refused, and the retry without it goes on", async () => {
    const plain = await world.worker({ jobs: [builds["1"]] });
    const { id } = await dead(world, "unversioned");
    await expect(world.dlo.letters.retry(id, onBuild("2"))).rejects.toMatchObject({
      code: "BUILD_UNKNOWN",
      message: expect.stringContaining("the workers of this namespace have no versions") as string,
    });
    expect(await world.dlo.letters.get(id)).toMatchObject({ status: "parked", retries: 0 });
    expect(await world.dlo.letters.retry(id, { waitFor: "20 seconds" })).toMatchObject({ deaths: 2, retries: 1 });
    await plain.stop();
  });

  test("an unknown build is refused with those that there are, and so is one that serves another task queue", async () => {
    await openBuild(world, "1");
    await makeCurrent(world, "1");
    const { id } = await dead(world, "unknown");
    const refused = async (run: object, why: string) =>
      await expect(world.dlo.letters.retry(id, { run })).rejects.toMatchObject({
        code: "BUILD_UNKNOWN",
        message: expect.stringContaining(why) as string,
      });
    await refused(onBuild("2").run, 'No worker of task queue "jobs" has ever polled as build vans:2');
    await refused(onBuild("2").run, "deployment vans has the builds 1.");
    await refused({ build: { deploymentName: "bikes", buildId: "2" } }, "there are the deployments vans.");
    await refused({ build: { deploymentName: "va:ns", buildId: "2" } }, "there are the deployments vans.");
    await refused({ ...onBuild("1").run, taskQueue: "elsewhere" }, "it has polled jobs.");
    const letter = await world.dlo.letters.get(id);
    expect(letter).toMatchObject({ status: "parked", retries: 0, deaths: 1 });
    expect(await world.dlo.letters.retry(id, { waitFor: "20 seconds" })).toMatchObject({ deaths: 2, retries: 1 });
  });

  test("a plain signal is refused in the letter's story", async () => {
    const { id } = await dead(world, "by-signal");
    const letter = world.dlo.temporal.workflow.getHandle("dead-letter/by-signal");
    await letter.signal("retry", { run: { build: { deploymentName: "bikes", buildId: "7" } } });
    const refused = async () => (await world.dlo.letters.story(id)).events.find(({ type }) => type === "refused");
    await until(async () => (await refused()) !== undefined);
    expect((await refused())?.data).toMatchObject({ why: expect.stringContaining("bikes:7") as string });
  });

  test("the retry runs on that build, the next one on the current again", async () => {
    await openBuild(world, "2");
    const { id } = await dead(world, "haunted", "ghost");
    expect(await world.dlo.letters.get(id)).toMatchObject({ buildId: "1" });
    const otherwise = { ...onBuild("2"), waitFor: "30 seconds" } as const;
    expect(await world.dlo.letters.retry(id, otherwise)).toMatchObject({
      ...{ status: "parked", deaths: 2, retries: 1, buildId: "2", errorMessage: "build 2 met a ghost" },
    });
    expect(await world.dlo.letters.retry(id, { waitFor: "30 seconds" })).toMatchObject({ deaths: 3, buildId: "1" });
    const { events } = await world.dlo.letters.story(id);
    expect(events.find(({ type }) => type === "retry_asked")?.data).toEqual(onBuild("2"));
  });

  test("by the command line", async () => {
    const { id } = await dead(world, "typed");
    const run = async (...args: string[]) =>
      await dlo(["retry", id, "--wait", ...args], { cwd: tmpdir(), env: environmentOf(world) });
    expect(await run("--on-build", "vans:3")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/build vans:3: deployment vans has the builds (1, 2|2, 1)\./) as string,
    });
    expect(await run("--on-build", "vans:2")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("Recovered: deliver typed") as string,
    });
  });

  test("for all letters of a redrive; where the build is unknown each says so", async () => {
    for (const n of [0, 1, 2]) await dead(world, `all-${n}`, "all");
    const redriven = async (buildId: string): Promise<readonly RedriveItem[]> => {
      const command = { name: "retry", ...onBuild(buildId) } as const;
      const filter = "payload.to=all";
      const { id } = await world.dlo.redrives.start({ filter }, { command, force: true, rate: 100 });
      await until(async () => (await world.dlo.redrives.get(id)).status === "completed");
      return await world.dlo.redrives.items(id);
    };
    for (const { state, why } of await redriven("3")) {
      expect(state).toBe("refused");
      expect(why).toContain("vans:3");
    }
    expect((await redriven("2")).map(({ state }) => state)).toEqual(["recovered", "recovered", "recovered"]);
  });
});

describe("where things go wrong between the start and the build", () => {
  let world: World;
  let stopOffice: () => Promise<void>;
  const door = gate<void>();
  const pins: string[] = [];

  beforeAll(async () => {
    world = await openWorld();
    stopOffice = await openFaultyOffice(world, {
      checkBuild: (real) => async (ask) => (ask.build.buildId === "gone" ? undefined : await real(ask)),
      pinRun: (real) => async (ask) => {
        pins.push(ask.workflowId);
        if (ask.workflowId === "held") await door.opened;
        if (ask.workflowId === "astray") await letGoTooEarly(ask.workflowId);
        if (ask.workflowId === "refused") throw new Error("Temporal is not well");
        const first = await real(ask);
        if (ask.workflowId === "repeated" && pins.filter((id) => id === "repeated").length < 4)
          throw new Error("the office crashed after it had pinned");
        return first;
      },
    });
    await openBuild(world, "1");
    await openBuild(world, "2");
    await makeCurrent(world, "1");
  });
  afterAll(async () => {
    await stopOffice?.();
    await world?.close();
  });

  async function historyOf(workflowId: string) {
    const { history } = await world.dlo.temporal.workflowService.getWorkflowExecutionHistory({
      ...{ namespace: world.namespace, execution: { workflowId } },
    });
    return history?.events ?? [];
  }

  /** As where Temporal gives a run that is pinned once more to the worker that has it cached. */
  async function letGoTooEarly(workflowId: string): Promise<void> {
    await world.dlo.temporal.workflow.getHandle(workflowId).signal("go");
    await until(async () =>
      (await historyOf(workflowId)).some(({ workflowTaskFailedEventAttributes: failed }) =>
        failed?.failure?.message?.includes("This run is for build vans:2, and was given to vans:1"),
      ),
    );
  }

  test("nothing runs before the run is on its build", async () => {
    const { id } = await dead(world, "held");
    const retried = world.dlo.letters.retry(id, { ...onBuild("2"), waitFor: "30 seconds" });
    await until(() => pins.includes("held"));
    // Its first task has ended, by the current build, and it waits.
    await until(async () => (await historyOf("held")).some((event) => event.workflowTaskCompletedEventAttributes));
    expect((await historyOf("held")).some((event) => event.activityTaskScheduledEventAttributes)).toBe(false);
    door.open();
    expect(await retried).toMatchObject({ status: "recovered", retries: 1 });
    const scheduled = (await historyOf("held")).filter((event) => event.activityTaskScheduledEventAttributes);
    expect(scheduled).toHaveLength(1);
  });

  test("another build that is told to begin gives the run back", async () => {
    const { id } = await dead(world, "astray", "ghost");
    expect(await world.dlo.letters.retry(id, { ...onBuild("2"), waitFor: "50 seconds" })).toMatchObject({
      ...{ deaths: 2, retries: 1, attempts: 2, buildId: "2" },
    });
  });

  test("pinned over and over, it runs once", async () => {
    const { id } = await dead(world, "repeated", "ghost");
    expect(await world.dlo.letters.retry(id, { ...onBuild("2"), waitFor: "30 seconds" })).toMatchObject({
      ...{ deaths: 2, retries: 1, attempts: 2, buildId: "2" },
    });
    expect(pins.filter((one) => one === "repeated").length).toBeGreaterThanOrEqual(4);
  });

  test("a build that is gone by then: the run is ended, and the letter parks without a death and says why", async () => {
    const { id } = await dead(world, "late");
    const retried = await world.dlo.letters.retry(id, { ...onBuild("gone"), waitFor: "30 seconds" });
    expect(retried).toMatchObject({ status: "parked", deaths: 1, retries: 1 });
    const { events } = await world.dlo.letters.story(id);
    expect(events.map(({ type }) => type)).toEqual(["parked", "retry_asked", "retrying", "retry_cancelled"]);
    expect(events.at(-1)?.reason).toContain('No worker of task queue "jobs" has ever polled as build vans:gone');
    expect((await world.dlo.temporal.workflow.getHandle("late").describe()).status.name).toBe("TERMINATED");
    expect(await world.dlo.letters.retry(id, { ...onBuild("2"), waitFor: "30 seconds" })).toMatchObject({
      status: "recovered",
    });
  });

  test("a run that is cancelled while it waits is cancelled", async () => {
    const { id } = await dead(world, "refused");
    await world.dlo.temporal.workflow.getHandle("dead-letter/refused").signal("retry", onBuild("2"));
    await until(async () => (await world.dlo.letters.get(id)).status === "retrying");
    const run = world.dlo.temporal.workflow.getHandle("refused");
    await run.cancel();
    await expect(run.result()).rejects.toMatchObject({ cause: { name: "CancelledFailure" } });
  });

  test("a build that the app's own start names is not waited for", async () => {
    const { workflow } = world.dlo.temporal;
    const memo = { dlo: { version: 1, build: { deploymentName, buildId: "2" } } };
    const options = { taskQueue: "jobs", workflowId: "by-app", args: [{ to: "ann" }], memo };
    await expect((await workflow.start("deliver", options)).result()).rejects.toThrow("failed");
    expect(await world.dlo.letters.retry("by-app", { waitFor: "30 seconds" })).toMatchObject({
      ...{ deaths: 2, retries: 1, buildId: "1" },
    });
  });
});
