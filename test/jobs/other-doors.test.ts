import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ScheduleOverlapPolicy } from "@temporalio/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { resolveTemporal } from "../../stack/temporal-binary.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { inquest } from "./coroner.ts";

/*
 * Jobs that our client did not start: by the plain CLI, by a Schedule. And workers beside which others run: of other
 * queues, of an older build, of a user's own workflows.
 */

let world: World;
let temporalCli: string;

const any = { input: z.unknown() };
const echo = defineJob({ name: "echo", ...any });
const fails = defineJob({ name: "fails", ...any, activity: { retry: { maximumAttempts: 1 } } });
const strict = defineJob({
  name: "strict",
  input: z.object({ title: z.string(), year: z.int().max(2012, "lies in the future") }),
  key: ({ title }) => title,
  activity: { retry: { initialInterval: "1 ms" } },
});
const elsewhere = defineJob({ name: "elsewhere", ...any, taskQueue: "elsewhere" });

beforeAll(async () => {
  ({ path: temporalCli } = await resolveTemporal({ progress: () => undefined }));
  world = await openWorld();
  await world.office();
  await world.worker({
    jobs: [
      echo.handle((input, { headers, idempotencyKey }) => ({ input: input ?? null, headers, idempotencyKey })),
      fails.handle((_, { headers, idempotencyKey }) => {
        throw Object.assign(new Error("not today"), { seen: { headers, idempotencyKey } });
      }),
      strict.handle(() => "never reached"),
      elsewhere.handle((input) => ({ elsewhere: input })),
    ],
    workflowsPath: new URL("own-workflows.ts", import.meta.url),
    activities: { shout: async (text: string) => text.toUpperCase() },
  });
});
afterAll(async () => await world?.close());

test("a job started by the plain CLI is supervised, memo and all", async () => {
  const memo = {
    headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
    idempotencyKey: "k",
    key: "here",
    batch: "b",
  };
  await startByCli("fails", "cli-1", ["--input", '{"a":1}', "--memo", `dlo=${JSON.stringify(memo)}`]);
  const { letter } = await inquest(world, "cli-1");
  expect(letter).toMatchObject({
    payload: { a: 1 },
    headers: memo.headers,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    idempotencyKey: "k",
    key: "here",
    batch: "b",
    startedBy: expect.stringContaining("temporal-cli"),
    failure: { properties: { seen: { headers: memo.headers, idempotencyKey: "k" } } },
  });
});

test("a memo that makes no sense costs nobody a letter", async () => {
  const memo = {
    headers: { a: 1, b: null, c: ["x"] },
    idempotencyKey: 17,
    key: { no: "key" },
    batch: [],
    retry: "x",
    deaths: -1,
  };
  await startByCli("fails", "cli-2", ["--input", "1", "--memo", `dlo=${JSON.stringify(memo)}`]);
  const { letter } = await inquest(world, "cli-2");
  expect(letter).toMatchObject({ headers: { a: "1" }, idempotencyKey: "17", key: null, batch: null, status: "parked" });
  await startByCli("fails", "cli-3", ["--input", "1", "--memo", 'dlo="a text"']);
  expect((await inquest(world, "cli-3")).letter).toMatchObject({ headers: {}, idempotencyKey: "cli-3" });
});

test("a job started without any input gets undefined, and dies without a payload", async () => {
  await startByCli("echo", "empty");
  expect(await resultOf("empty")).toEqual({ input: null, headers: {}, idempotencyKey: "empty" });
  await startByCli("fails", "empty-dead");
  const { letter } = await inquest(world, "empty-dead");
  expect(letter).toMatchObject({ payload: null, status: "parked" });
  const again = await world.dlo.letters.retry(letter.id, { waitFor: "30 seconds" });
  expect(again).toMatchObject({ status: "parked", deaths: 2, payload: null });
});

test("of several arguments the first is the input, and the record keeps all", async () => {
  await startByCli("echo", "several", ["--input", '{"a":1}', "--input", '"more"']);
  expect(await resultOf("several")).toMatchObject({ input: { a: 1 } });
  await startByCli("fails", "several-dead", ["--input", '{"a":1}', "--input", '"more"']);
  const { letter } = await inquest(world, "several-dead");
  expect(letter.payload).toEqual([{ a: 1 }, "more"]);
});

test("a job started by a Schedule is supervised", async () => {
  const schedule = await world.dlo.temporal.schedule.create({
    scheduleId: "nightly",
    spec: {},
    action: {
      type: "startWorkflow",
      workflowType: "fails",
      taskQueue: "jobs",
      args: [{ night: 1 }],
      workflowId: "nightly",
    },
  });
  await schedule.trigger(ScheduleOverlapPolicy.ALLOW_ALL);
  await until(async () => (await schedule.describe()).info.recentActions.length > 0);
  const [action] = (await schedule.describe()).info.recentActions;
  const { workflowId } = (action!.action as { workflow: { workflowId: string } }).workflow;
  const { letter } = await inquest(world, workflowId);
  expect(letter).toMatchObject({ job: "fails", payload: { night: 1 }, reason: "exhausted" });
});

test("an input that is found invalid in the worker dies as data, of all its violations, without a retry", async () => {
  await startByCli("strict", "invalid", ["--input", '{"title":7,"year":2046}']);
  const { letter, attempts } = await inquest(world, "invalid");
  expect(letter).toMatchObject({
    reason: "non_retryable",
    category: "data",
    errorType: "InvalidInput",
    attempts: 1,
    key: null,
    payload: { title: 7, year: 2046 },
  });
  expect(letter.errorMessage).toMatch(/title: .+; year: lies in the future/);
  expect(letter.failure.properties?.["violations"]).toHaveLength(2);
  expect(attempts).toMatchObject([{ state: "failed", category: "data" }]);
});

test("a key that the contract names is on the record of a job that our client did not start", async () => {
  const job = defineJob({
    name: "keyed",
    taskQueue: "keyed",
    input: z.object({ customer: z.string() }),
    key: ({ customer }) => customer,
    activity: { retry: { maximumAttempts: 1 } },
  });
  await world.worker({
    jobs: [
      job.handle(() => {
        throw new Error("no");
      }),
    ],
  });
  await startByCli("keyed", "keyed-1", ["--input", '{"customer":"ann"}'], "keyed");
  expect((await inquest(world, "keyed-1")).letter).toMatchObject({ key: "ann" });
});

test("a type that the worker does not know waits for one that does", async () => {
  const known = defineJob({ name: "known", ...any, taskQueue: "rolling" });
  const fresh = defineJob({ name: "fresh", ...any, taskQueue: "rolling" });
  const older = await world.worker({ jobs: [known.handle(() => "known")] });
  const run = await world.dlo.start(fresh, 1);
  await until(async () => await taskFailed(run.workflowId));
  await older.stop();
  await world.worker({ jobs: [known.handle(() => "known"), fresh.handle(() => "done by the newer build")] });
  expect(await run.result()).toBe("done by the newer build");
});

test("jobs of two task queues run in one worker process", async () => {
  expect(await world.dlo.run(elsewhere, 1)).toEqual({ elsewhere: 1 });
  expect(await world.dlo.run(echo, 2)).toMatchObject({ input: 2 });
});

test("a user's own workflow beside the jobs keeps its name", async () => {
  const { workflow } = world.dlo.temporal;
  const handle = await workflow.start("greet", { workflowId: "own", taskQueue: "jobs", args: ["ann"] });
  expect(await handle.result()).toBe("HELLO ANN");
  expect((await handle.describe()).type).toBe("greet");
});

async function startByCli(type: string, id: string, more: readonly string[] = [], taskQueue = "jobs"): Promise<void> {
  const { address, namespace } = world;
  await promisify(execFile)(temporalCli, [
    ...["workflow", "start", "--type", type, "--task-queue", taskQueue, "--workflow-id", id],
    ...["--address", address, "--namespace", namespace, ...more],
  ]);
}

async function resultOf(workflowId: string): Promise<unknown> {
  return await world.dlo.temporal.workflow.getHandle(workflowId).result();
}

async function taskFailed(workflowId: string): Promise<boolean> {
  const { events } = await world.dlo.temporal.workflow.getHandle(workflowId).fetchHistory();
  return events?.some(({ workflowTaskFailedEventAttributes: failed }) => failed) ?? false;
}
