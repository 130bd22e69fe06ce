import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { openWorld, until, type World } from "../setup/world.ts";
import { inquest } from "./coroner.ts";
import { mortal } from "./mortal-job.ts";

// Each worker is a process that starts anew.
vi.setConfig({ testTimeout: 180_000 });

let world: World;
const processes = new Set<ChildProcess>();

beforeAll(async () => {
  world = await openWorld();
  await world.office();
});
afterEach(async () => {
  for (const worker of processes) await kill(worker);
});
afterAll(async () => await world?.close());

test("a worker killed in the middle of an attempt: another goes on, and each attempt keeps what became of it (promises 7, 14)", async () => {
  const first = await startWorker();
  const run = await world.dlo.start(mortal, { attempts: ["fail", "wait", "fail"] }, { id: "survivor" });
  await told(first, { attempt: 2 });
  await heardOfProgress("survivor");
  await kill(first);
  await startWorker();
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  const { letter, attempts } = await inquest(world, "survivor");
  expect(letter).toMatchObject({ reason: "exhausted", errorMessage: "failure 3", attempts: 3 });
  expect(attempts).toMatchObject([
    { n: 1, state: "failed", errorMessage: "failure 1" },
    { n: 2, state: "lost", category: "lost", progress: { current: 1, total: 2, phase: "attempt 2" } },
    { n: 3, state: "failed", errorMessage: "failure 3" },
  ]);
  const [before, , after] = attempts.map(({ workerIdentity }) => workerIdentity);
  expect(after).not.toBe(before);
});

test("a job that kills its process at each attempt ends as a letter, all attempts accounted for as lost (promise 8)", async () => {
  const stop = keepAlive();
  await world.dlo.start(mortal, { attempts: ["kill"] }, { id: "poison" });
  const { letter, attempts } = await inquest(world, "poison");
  await stop();
  expect(letter).toMatchObject({ reason: "exhausted", category: "lost", errorType: "HeartbeatTimeout", attempts: 3 });
  expect(attempts.map(({ n, state, category }) => [n, state, category])).toEqual([
    [1, "lost", "lost"],
    [2, "lost", "lost"],
    [3, "lost", "lost"],
  ]);
});

async function startWorker(): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("mortal-worker.ts", import.meta.url));
  const worker = fork(script, [world.address, world.namespace], { execArgv: ["--import", "tsx"] });
  processes.add(worker);
  const messages: object[] = [];
  heard.set(worker, messages);
  worker.on("message", (message: object) => messages.push(message));
  worker.once("exit", () => processes.delete(worker));
  await told(worker, { ready: true });
  return worker;
}

const heard = new WeakMap<ChildProcess, object[]>();

/** Waits until the worker has told its parent something like this. */
async function told(worker: ChildProcess, what: object): Promise<void> {
  const matches = (message: object) => Object.entries(what).every(([key, value]) => message[key as never] === value);
  await until(() => {
    if (heard.get(worker)!.some(matches)) return true;
    if (worker.exitCode !== null || worker.signalCode !== null) throw new Error("the worker is gone");
    return false;
  });
}

async function kill(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  worker.kill("SIGKILL");
  await once(worker, "exit");
}

/** Starts another worker whenever one has died, as a supervisor would. */
function keepAlive(): () => Promise<void> {
  let stopped = false;
  const going = (async () => {
    while (!stopped) {
      const worker = await startWorker();
      await Promise.race([once(worker, "exit"), until(() => stopped)]);
    }
  })();
  return async () => {
    stopped = true;
    await going;
  };
}

/** Waits until Temporal has the running attempt's progress: what the next one is given, should this one be killed. */
async function heardOfProgress(workflowId: string): Promise<void> {
  const handle = world.dlo.temporal.workflow.getHandle(workflowId);
  await until(async () => {
    const { raw } = await handle.describe();
    const beat = raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0]?.data ?? [];
    return Buffer.from(beat).includes("phase");
  });
}
