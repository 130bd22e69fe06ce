import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { dlo, environmentOf, type Ran } from "./dlo.ts";

// What one retry does otherwise, as it is typed: on `dlo retry`, with --filter, and on `dlo redrive`.

vi.setConfig({ testTimeout: 60_000 });

let office: PostOffice;
const seen: string[] = [];
const byHand = defineJob({ name: "deliver-by-hand", taskQueue: "hands", input: z.object({ to: z.string() }) });
const asByHand = ["--as-job", "deliver-by-hand", "--task-queue", "hands"];

beforeAll(async () => {
  office = await openPostOffice();
  await office.worker({ jobs: [byHand.handle((_, { workflowId }) => void seen.push(workflowId))] });
});
afterAll(async () => await office?.close());

async function run(...args: string[]): Promise<Ran> {
  return await dlo(args, { cwd: tmpdir(), env: environmentOf(office) });
}

async function askedOf(id: string): Promise<unknown> {
  const { events } = await office.dlo.letters.story(id);
  return events.findLast(({ type }) => type === "retry_asked")?.data;
}

test("as another job, on another task queue, by id", async () => {
  const { id } = await office.dead("one");
  expect(await run("retry", id, "--wait", ...asByHand)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("Recovered: deliver one") as string,
  });
  expect(seen).toContain("one");
  expect((await run("show", id)).stdout).toMatch(/retry asked.*otherwise.*deliver-by-hand/);
});

test("with another retry policy and other timeouts, each of them", async () => {
  const { id } = await office.dead("policy");
  const timeouts = [
    ["--start-to-close-timeout", "10s"],
    ["--schedule-to-start-timeout", "20s"],
    ["--schedule-to-close-timeout", "1 minute"],
    ["--heartbeat-timeout", "5s"],
  ];
  const policy = [
    ["--retry-maximum-attempts", "3"],
    ["--retry-initial-interval", "10ms"],
    ["--retry-backoff-coefficient", "1.5"],
    ["--retry-maximum-interval", "1s"],
    ["--retry-non-retryable-error-types", "RangeError, TypeError"],
  ];
  expect((await run("retry", id, "--wait", ...timeouts.flat(), ...policy.flat())).code).toBe(1);
  expect(await office.dlo.letters.get(id)).toMatchObject({ deaths: 2, attempts: 4 });
  expect(await askedOf(id)).toEqual({
    run: {
      activity: {
        startToCloseTimeoutMs: 10_000,
        scheduleToStartTimeoutMs: 20_000,
        scheduleToCloseTimeoutMs: 60_000,
        heartbeatTimeoutMs: 5_000,
        retry: {
          maximumAttempts: 3,
          initialIntervalMs: 10,
          backoffCoefficient: 1.5,
          maximumIntervalMs: 1_000,
          nonRetryableErrorTypes: ["RangeError", "TypeError"],
        },
      },
    },
  });
  await run("retry", id, "--wait");
  expect(await office.dlo.letters.get(id)).toMatchObject({ deaths: 3, attempts: 5 });
});

test("for several letters by --filter, which is a redrive", async () => {
  for (const id of ["few-0", "few-1"]) await office.dead(id, { to: "few" });
  const asked = await run("retry", "--filter", "payload.to=few", "--yes", ...asByHand);
  expect(asked).toMatchObject({ code: 0, stdout: expect.stringContaining("2 recovered") as string });
  expect(seen).toEqual(expect.arrayContaining(["few-0", "few-1"]));
});

test("for a redrive", async () => {
  for (const id of ["many-0", "many-1"]) await office.dead(id, { to: "many" });
  const asked = await run("redrive", "job:deliver payload.to=many", "--force", "--yes", ...asByHand);
  expect(asked).toMatchObject({ code: 0, stdout: expect.stringContaining("2 recovered") as string });
  expect(seen).toEqual(expect.arrayContaining(["many-0", "many-1"]));
});

test("a build that no worker has is refused, and the letter stays as it is", async () => {
  const { id } = await office.dead("unversioned");
  expect(await run("retry", id, "--on-build", "vans:1.4.2")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/has ever polled as build vans:1\.4\.2: the workers .* have no versions/) as string,
  });
  expect(await office.dlo.letters.get(id)).toMatchObject({ status: "parked", retries: 0 });
});

test.each([
  [["--on-build", "1.4.2"], "It takes a deployment and a build, such as payments:1.4.2"],
  [["--task-queue", ""], "taskQueue must be the name of a task queue"],
  [["--as-job", "redrive"], 'the name "redrive" is taken'],
  [["--start-to-close-timeout", "soon"], 'It takes a duration such as 10m or "2 hours"'],
  [["--heartbeat-timeout", "2h", "--start-to-close-timeout", "1h"], "were they swapped?"],
  [["--retry-maximum-attempts", "1.5"], "maximumAttempts must be a whole number"],
  [["--retry-maximum-attempts", "0"], "unlimited"],
  [["--retry-backoff-coefficient", "0.5"], "backoffCoefficient must be a number of at least 1"],
  [["--retry-non-retryable-error-types", ","], "must be a list of error type names"],
])("%j is refused before anything is reached", async (flags, why) => {
  for (const command of [
    ["retry", "0197a3b2"],
    ["retry", "--filter", "job:a", "--yes"],
    ["redrive", "job:a", "--yes"],
  ])
    expect(await dlo([...command, ...flags])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(why) as string,
    });
});

test.each([[["--after", "1h"]], [["--cancel"]]])("it does not go with %j", async (flags) => {
  expect(await run("retry", "0197a3b2", "--as-job", "deliver-by-hand", ...flags)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("without --after, --when and --cancel") as string,
  });
});
