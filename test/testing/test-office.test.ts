import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DefaultLogger, Runtime } from "@temporalio/worker";
import { expect, inject, test, vi } from "vitest";
import { defineJob } from "dead-letter-office";
import { startTestOffice, type TestStackInfo, until } from "dead-letter-office/testing";
import { z } from "zod";
import { pay } from "./pay.ts";

// Each office is a namespace, a database and two bundles, and one test starts all servers.
vi.setConfig({ testTimeout: 180_000 });
Runtime.install({ logger: new DefaultLogger("ERROR") });

const { address, ui, adminUrl } = inject("stack");
const stack: TestStackInfo = { address, ui, databaseUrl: adminUrl };

test("a job that dies has its letter, one that succeeds has none, and offices do not see each other's", async () => {
  const broken = new Set(["a"]);
  const handled = pay.handle(({ order }, ctx) => {
    if (broken.has(order)) throw new Error("the bank is closed");
    return { paid: order, retry: ctx.retry };
  });
  await using office = await startTestOffice({ stack, jobs: [handled], queues: { default: { retention: "2 days" } } });
  await using other = await startTestOffice({ stack, jobs: [handled] });

  const run = await office.dlo.start(pay, { order: "a" }, { id: "pay-a" });
  const letter = await office.deadLetterOf(run);
  expect(letter).toMatchObject({ workflowId: "pay-a", status: "parked", reason: "exhausted", attempts: 2 });
  expect(await office.deadLetterOf("pay-a")).toMatchObject({ id: letter.id });
  expect((await other.dlo.letters.list()).letters).toEqual([]);

  broken.clear();
  await office.dlo.letters.retry(letter.id);
  const closed = await until(async () => {
    const now = await office.dlo.letters.get(letter.id);
    return now.status === "recovered" && now;
  });
  expect(closed.retries).toBe(1);

  const good = await office.dlo.start(pay, { order: "b" }, { id: "pay-b" });
  await expect(office.deadLetterOf(good)).rejects.toMatchObject({
    code: "USAGE",
    message: 'pay-b has no dead letter: it succeeded, with {"paid":"b","retry":0}',
  });
  await expect(office.passTime("1 day")).rejects.toMatchObject({ code: "USAGE" });
});

test("waiting for a death, or for anything, ends", async () => {
  await using office = await startTestOffice({ stack, jobs: [pay.handle(() => new Promise(() => undefined))] });
  const run = await office.dlo.start(pay, { order: "c" }, { id: "pay-c" });
  await expect(office.deadLetterOf(run, { waitFor: "50 milliseconds" })).rejects.toMatchObject({
    code: "WAIT_TIMEOUT",
  });
  await expect(office.deadLetterOf("nobody", { waitFor: "50 milliseconds" })).rejects.toMatchObject({
    code: "WAIT_TIMEOUT",
  });
  await office.dlo.temporal.workflow.getHandle("pay-c").cancel();
  await expect(office.deadLetterOf(run)).rejects.toMatchObject({
    code: "USAGE",
    message: /pay-c ended without a dead letter: .*cancelled/,
  });
  await office.stop();
});

test("thirty days pass at once on the time-skipping server", async () => {
  const job = defineJob({
    name: "remind",
    input: z.object({}),
    activity: { retry: { maximumAttempts: 1 } },
    deadLetter: { retention: "30 days" },
  });
  await using office = await startTestOffice({
    stack,
    timeSkipping: true,
    jobs: [job.handle((_, ctx) => ctx.deadLetter("no"))],
  });
  const letter = await office.deadLetterOf(await office.dlo.start(job, {}));
  await office.passTime("29 days");
  expect(await office.dlo.letters.get(letter.id)).toMatchObject({ status: "parked" });
  await office.passTime("2 days");
  await until(async () => (await office.dlo.letters.get(letter.id)).status === "expired");
});

test("without a stack it brings its own, and leaves nothing of it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dlo-test-"));
  await chmod(folder, 0o755);
  vi.stubEnv("TMPDIR", folder);
  try {
    const office = await startTestOffice({ jobs: [pay.handle((_, ctx) => ctx.deadLetter("no"))] });
    try {
      expect(office.address).not.toBe(stack.address);
      expect(await office.deadLetterOf(await office.dlo.start(pay, { order: "d" }))).toMatchObject({
        reason: "given_up",
      });
    } finally {
      await office.stop();
    }
    await office.stop();
    expect(await readdir(folder)).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  }
});

test("what cannot be meant is refused before anything starts", async () => {
  await expect(startTestOffice({ jobs: [], timeskipping: true } as never)).rejects.toMatchObject({
    code: "USAGE",
    message: /timeSkipping/,
  });
  const twice = pay.handle(() => 1);
  await expect(startTestOffice({ jobs: [twice, twice] })).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  await expect(until(() => false, { waitFor: "30 milliseconds" })).rejects.toMatchObject({
    code: "WAIT_TIMEOUT",
    message: /the last answer was false/,
  });
  const failing = until(() => Promise.reject(new Error("not there")), { waitFor: "30 milliseconds" });
  await expect(failing).rejects.toMatchObject({
    message: /the last answer was an error: not there/,
    cause: { message: "not there" },
  });
});
