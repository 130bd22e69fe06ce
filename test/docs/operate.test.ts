import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { letterWorkflowId } from "../../model/ids.ts";
import { defineJob } from "../../model/index.ts";
import type { RunningWorker } from "../../worker/index.ts";
import { gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { openPage, type Page } from "./open-page.ts";

// The commands and queries of docs/operate.md, each in the trouble that it is for.

vi.setConfig({ testTimeout: 120_000 });

const charge = defineJob({
  name: "charge-card",
  input: z.object({ cents: z.number().optional() }),
  activity: { retry: { maximumAttempts: 1 } },
});

let page: Page;
let world: World;
let office: RunningWorker;
/** What a run does, until a test says otherwise. */
let behaviour: (input: { cents?: number | undefined }) => unknown;

beforeAll(async () => {
  world = await openWorld();
  page = await openPage("docs/operate.md", world);
  office = await world.office();
  await world.worker({ jobs: [charge.handle((input) => behaviour(input))] });
  behaviour = gatewayDown;
  for (const id of ["charge/4711", "charge/4713", "charge/4714", "charge/4715", "charge/4716"]) await die(id);
});

afterAll(async () => {
  await world?.close();
  await page?.close();
});

test("jobs died: what, of what cause, its story; one is retried, then the rest", async () => {
  expect(await shell("doctor")).toContain("it is tied to this database");
  expect(await shell("what-died")).toContain("the gateway is down");
  expect(await page.query("by-cause")).toMatchObject([{ job: "charge-card", category: "unknown", letters: "5" }]);
  expect(await page.query("watch")).toMatchObject([{ job: "charge-card", open: "5" }]);
  expect(await shell("show")).toContain("the gateway is down");
  behaviour = () => "charged";
  expect(await shell("retry-one")).toContain("Recovered");
  expect(await shell("retry-few")).toContain("2 retried");
  await until(async () => (await page.query("watch"))[0]?.["open"] === "2");
  expect(await shell("retry-rest")).toContain("completed: 2 letters = 2 recovered.");
  expect(await page.query("watch")).toEqual([]);
});

test("40,000 jobs died: a dry run, a canary and a ramp, and what became of each", async () => {
  behaviour = gatewayDown;
  for (let i = 0; i < 5; i++) await die(`charge/472${i}`);
  const looked = await shell("causes");
  expect(looked).toContain("the gateway is down");
  expect(looked).toMatch(/Would retry 0 dead letters\.\n\nLeaves out 5:/);
  behaviour = () => "charged";
  expect(await shell("redrive")).toContain("completed: 5 letters = 5 recovered.");
  expect(await shell("meanwhile")).toMatch(/Rules +canary of 3, ramp, 1 of the same cause stop it/);
  expect(await page.query("outcomes")).toEqual([{ state: "recovered", code: null, letters: "5" }]);
  expect(await shell("rest")).toContain("0 letters");
});

test("it keeps coming back: a redrive stops and shows of what, and letters that came back before are found", async () => {
  behaviour = gatewayDown;
  for (let i = 0; i < 3; i++) await die(`charge/473${i}`);
  const { redrives, letters } = world.dlo;
  const { id } = await redrives.start({ filter: "job:charge-card" }, { force: true, maxInFlight: 1 });
  await until(async () => (await redrives.get(id)).status === "stopped");
  expect(await shell("stopped")).toMatch(/charge\/4730 +died_again +the same cause: /);
  expect(await shell("returning")).toContain("charge/4730");
  expect(await page.query("returning")).toMatchObject([{ letters: "1", retries: "1", most_deaths: 2 }]);
  behaviour = () => "charged";
  await redrives.resume(id);
  await until(async () => (await redrives.get(id)).status === "completed");
  await letters.retry("charge/4730", { waitFor: "30 seconds" });
});

test("the dependency is down: a redrive is held or ended, letters are kept, and go slowly later", async () => {
  behaviour = gatewayDown;
  for (let i = 0; i < 3; i++) await die(`charge/474${i}`);
  const { redrives, letters } = world.dlo;
  const { id } = await redrives.start(
    { filter: "job:charge-card" },
    { force: true, rate: 0.1, stopOnSameCause: false, stopOnFailure: false },
  );
  expect(await shell("pause")).toContain(" paused: 3 letters = ");
  expect(await shell("hold-back")).toContain("completed: 3 letters = 3 done.");
  expect((await letters.get("charge/4742")).retentionMs).toBe(60 * 86_400_000);
  expect((await redrives.get(id)).status).toBe("cancelled");
  behaviour = () => "charged";
  expect(await shell("slowly", id)).toContain("completed: 3 letters = 3 recovered.");
});

test("one bad record is mended by itself, and several by a patch that is shown before", async () => {
  behaviour = gatewayRefuses;
  await anew("charge/4713", { cents: -1250 });
  for (const id of ["charge/4751", "charge/4752"]) await die(id, { cents: -5 });
  expect(await shell("mend-one")).toContain("Recovered");
  const mended = await shell("mend-many");
  expect(mended).toContain('    - {"cents":-5}\n    + {"cents":0}');
  expect(mended).toContain("completed: 2 letters = 2 recovered.");
  expect(await page.query("watch")).toEqual([]);
});

test("a letter stays in retrying: its run is shown, and its cancellation parks it again", async () => {
  behaviour = gatewayDown;
  const id = await anew();
  const hanging = gate<string>();
  behaviour = async () => await hanging.opened;
  await world.dlo.letters.retry(id);
  await until(async () => (await shell("describe-run")).includes("Pending Activities: 1"));
  await shell("cancel");
  await until(async () => (await world.dlo.letters.get(id)).status === "parked");
  expect(await world.dlo.letters.get(id)).toMatchObject({ deaths: 1, retries: 1 });
  hanging.open("too late");
});

test("a letter whose workflow was terminated is brought back, with its time, and takes commands again", async () => {
  const { id, expiresAt } = await world.dlo.letters.get("charge/4711");
  await world.dlo.temporal.workflow.getHandle(letterWorkflowId("charge/4711")).terminate("a mistake");
  await expect(world.dlo.letters.note(id, { text: "?" })).rejects.toMatchObject({ code: "LETTER_CLOSED" });
  expect(await shell("revive")).toContain("1 without their workflow");
  await until(async () => (await world.dlo.letters.story(id)).events.some(({ type }) => type === "restored"));
  const back = await world.dlo.letters.note(id, { text: "back" });
  expect(back.status).toBe("parked");
  expect(Math.abs(back.expiresAt!.getTime() - expiresAt!.getTime())).toBeLessThan(60_000);
});

test("after a restore, set-up and a thorough reconcile say that all is well", async () => {
  expect(await shell("after-restore")).toContain("Nothing is amiss.");
});

test("letters that are about to expire are found, and held", async () => {
  expect(await page.query("expiring")).toMatchObject([{ job: "charge-card" }]);
  expect(await shell("hold")).toContain("is held until somebody acts");
  const { expiresAt, retentionMs } = await world.dlo.letters.get("charge/4711");
  expect(retentionMs).toBe(60 * 86_400_000);
  expect(expiresAt).not.toBeNull();
  const { events } = await world.dlo.letters.story((await world.dlo.letters.get("charge/4711")).id);
  expect(events.filter(({ type }) => type === "extended").map(({ data }) => data)).toEqual([
    { retention: "indefinite" },
    { retention: "60 days" },
  ]);
});

test("a job that hangs in its compensation shows the activity that waits for an office", async () => {
  await office.stop();
  behaviour = gatewayDown;
  await world.dlo.start(charge, {}, { id: "charge/4712" });
  await until(async () => (await shell("compensation")).includes("parkDeadLetter"));
});

test("every marked block was run", () => {
  expect(page.notRun()).toEqual([]);
});

function gatewayDown(): never {
  throw new Error("the gateway is down");
}

function gatewayRefuses({ cents = 0 }: { cents?: number | undefined }): string {
  if (cents < 0) throw new Error("an amount below nothing");
  return "charged";
}

async function die(id: string, input: { cents?: number } = {}): Promise<void> {
  await expect((await world.dlo.start(charge, input, { id })).result()).rejects.toMatchObject({ code: "JOB_DIED" });
}

/** The page's job, dead again: its id has succeeded before, and an app may start it all the same. */
async function anew(id = "charge/4711", input = {}): Promise<string> {
  const { workflowId } = await world.dlo.temporal.workflow.start(charge.name, {
    workflowId: id,
    taskQueue: "jobs",
    args: [input],
  });
  await until(async () => (await world.dlo.letters.get(workflowId)).status === "parked");
  return (await world.dlo.letters.get(workflowId)).id;
}

/** @param redriveId the one that the page calls 0197a3b2-1c4d; the last one that retries, unless it is given */
async function shell(name: string, redriveId?: string): Promise<string> {
  const [last] = await world.sql`select id from dlo.redrives where command = 'retry' order by asked_at desc limit 1`;
  return await page.shell(name, redriveId ?? String(last?.["id"]));
}
