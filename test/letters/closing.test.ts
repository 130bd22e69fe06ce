import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { letterWorkflowId } from "../../model/ids.ts";
import { defineJob, type JobContext } from "../../model/index.ts";
import type { LetterState } from "../../model/letter-state.ts";
import type { LetterRow } from "../../schema/rows.ts";
import { gate } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// What meets a letter that is closing, was refused something, or is begun anew: it still ends as its row says.

/** Inputs whose check waits, by `to`; and those that are being checked. */
const checking = new Map<string, Promise<unknown>>();
const checked = new Set<string>();
const input = z.object({ to: z.string() }).refine(async ({ to }) => {
  if (checking.has(to)) checked.add(to);
  await checking.get(to);
  return true;
});
const activity = { retry: { maximumAttempts: 1 } };
const fetchIt = defineJob({ name: "fetch", input, activity });
const moved = defineJob({ name: "fetch", input, activity, taskQueue: "elsewhere" });
const secret = defineJob({ name: "secret", input, activity, deadLetter: { queue: "omitted" } });
const reborn = defineJob({
  name: "reborn",
  input,
  activity,
  deadLetter: { queue: "omitted", retention: "1 second", onExpire: "retry" },
});

let world: World;
const behaviours = new Map<string, (ctx: JobContext) => unknown>();
const by = "ann";

beforeAll(async () => {
  world = await openWorld();
  await world.office({ queues: { omitted: { payload: "omit" } } });
  const run = async (_: unknown, ctx: JobContext) => {
    const behaviour = behaviours.get(ctx.workflowId);
    if (behaviour === undefined) throw new Error("nobody at home");
    return await behaviour(ctx);
  };
  await world.worker({ jobs: [fetchIt.handle(run), secret.handle(run), reborn.handle(run)] });
  await world.worker({ jobs: [moved.handle(run)] });
});
afterAll(async () => await world?.close());

async function dead(id: string, job: typeof fetchIt = fetchIt): Promise<LetterRow> {
  const run = await world.dlo.start(job, { to: "ann" }, { id });
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
  return await world.dlo.letters.get(id);
}

const handleOf = (id: string) =>
  world.dlo.temporal.workflow.getHandle<() => Promise<LetterState>>(letterWorkflowId(id));
const story = async (letter: LetterRow) => (await world.dlo.letters.story(letter.id)).events.map(({ type }) => type);

test("an input that is still being checked when the letter closes is refused, and the letter ends", async () => {
  const letter = await dead("closing-1");
  const check = gate<void>();
  checking.set("slow-1", check.opened);
  await handleOf("closing-1").signal("amend", { by, input: { to: "slow-1" } });
  await until(() => checked.has("slow-1"));
  await world.dlo.letters.discard(letter.id, { by });
  check.open();
  expect(await handleOf("closing-1").result()).toMatchObject({ status: "discarded" });
  expect(await story(letter)).toEqual(["parked", "discarded", "refused"]);
});

test("a death that comes while the letter is closing begins the next letter, and it is filed as parked", async () => {
  const letter = await dead("closing-2");
  const check = gate<void>();
  checking.set("slow-2", check.opened);
  await handleOf("closing-2").signal("amend", { by, input: { to: "slow-2" } });
  await until(() => checked.has("slow-2"));
  await world.dlo.letters.discard(letter.id, { by });
  const next = await dead("closing-2");
  expect(next.id).not.toBe(letter.id);
  check.open();
  await until(async () => (await handleOf("closing-2").query<LetterState>("state")).letterId === next.id);
  const query = `DloStatus = 'parked' AND ExecutionStatus = 'Running' AND WorkflowId = '${letterWorkflowId("closing-2")}'`;
  await until(async () => (await world.dlo.temporal.workflow.count(query)).count === 1);
  behaviours.set("closing-2", () => "fetched");
  expect(await world.dlo.letters.retry(next.id, { by, waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
});

test("a retry that is refused for want of an input leaves no trace, and the letter can still be closed", async () => {
  const letter = await dead("omitted-1", secret);
  await expect(world.dlo.letters.retry(letter.id, { by })).rejects.toMatchObject({ code: "PAYLOAD_OMITTED" });
  expect(await world.dlo.letters.discard(letter.id, { by })).toMatchObject({ status: "discarded" });
  expect(await story(letter)).toEqual(["parked", "discarded"]);
});

test("a retry on expiry that has no input becomes an expiry, in the row as well", async () => {
  const letter = await dead("omitted-2", reborn);
  expect(await handleOf("omitted-2").result()).toMatchObject({ status: "expired" });
  expect(await world.dlo.letters.get(letter.id)).toMatchObject({ status: "expired", retries: 0 });
});

test("a letter that is begun anew by a death gets a new retention, though its old one is long over", async () => {
  const letter = await dead("anew-1");
  await handleOf("anew-1").terminate("by mistake");
  await world.sql`update dlo.dead_letters set expires_at = now() - interval '1 hour' where id = ${letter.id}`;
  expect(await dead("anew-1")).toMatchObject({ id: letter.id });
  await world.dlo.letters.note(letter.id, { by, text: "it has begun" });
  const anew = await world.dlo.letters.get(letter.id);
  expect(anew).toMatchObject({ status: "parked", deaths: 2 });
  expect(anew.expiresAt!.getTime()).toBeGreaterThan(Date.now() + 86_400_000);
});

test("a job that died anew on another task queue is retried there", async () => {
  const letter = await dead("moved-1");
  expect(await dead("moved-1", moved)).toMatchObject({ id: letter.id, taskQueue: "elsewhere" });
  behaviours.set("moved-1", () => "fetched");
  await world.dlo.letters.retry(letter.id, { by, waitFor: "30 seconds" });
  expect((await world.dlo.temporal.workflow.getHandle("moved-1").describe()).taskQueue).toBe("elsewhere");
});

test("large inputs that wait for a retry's outcome stay out of the letter's answers", async () => {
  const letter = await dead("large-1");
  const home = gate<string>();
  behaviours.set("large-1", () => home.opened);
  await world.dlo.letters.retry(letter.id, { by });
  for (const to of ["a", "b", "c"])
    await world.dlo.letters.amend(letter.id, { by, input: { to: to.repeat(1_200_000) }, unchecked: true });
  await world.dlo.letters.note(letter.id, { by, text: "still there" });
  const { kept } = await handleOf("large-1").query<LetterState>("state");
  expect(kept.map(({ name }) => name)).toEqual(["amend", "amend", "amend", "note"]);
  home.open("fetched");
  await until(async () => (await world.dlo.letters.get(letter.id)).status === "recovered");
});

test("a hundred commands wait for a retry's outcome, and no more", async () => {
  const letter = await dead("many-1");
  const home = gate<string>();
  behaviours.set("many-1", () => home.opened);
  await world.dlo.letters.retry(letter.id, { by });
  const texts = Array.from({ length: 100 }, (_, n) => `note ${n}`);
  for (const text of texts) await handleOf("many-1").signal("note", { text });
  await expect(world.dlo.letters.note(letter.id, { text: "one more" })).rejects.toMatchObject({ code: "LETTER_BUSY" });
  home.open("fetched");
  expect(await handleOf("many-1").result()).toMatchObject({ status: "recovered" });
  const { events } = await world.dlo.letters.story(letter.id);
  expect(events.flatMap(({ type, data }) => (type === "noted" ? [data?.["text"]] : []))).toEqual(texts);
});

test("a letter that somebody cancels, maybe with all runs of its job, goes on and takes commands", async () => {
  const letter = await dead("cancelled-1");
  await handleOf("cancelled-1").cancel();
  await until(async () =>
    (await handleOf("cancelled-1").fetchHistory()).events!.some(
      (event) => event.workflowExecutionCancelRequestedEventAttributes,
    ),
  );
  await world.dlo.letters.amend(letter.id, { by, input: { to: "bob" } });
  await handleOf("cancelled-1").signal("amend", { by, input: { to: "cleo" } });
  await until(async () => (await story(letter)).length === 3);
  behaviours.set("cancelled-1", () => "fetched");
  expect(await world.dlo.letters.retry(letter.id, { by, waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
    payload: { to: "cleo" },
  });
  expect(await handleOf("cancelled-1").result()).toMatchObject({ status: "recovered" });
});

test("a letter that a late repeat of its death begins after it was closed does not run the job", async () => {
  const letter = await dead("late-1");
  const initial = await handleOf("late-1").query<LetterState>("state");
  await world.dlo.letters.discard(letter.id, { by });
  await handleOf("late-1").result();
  const died = { version: 1, letterId: letter.id, deaths: 1, death: initial.lastDeath, letter: initial };
  const late = await world.dlo.temporal.workflow.signalWithStart("deadLetter", {
    workflowId: letterWorkflowId("late-1"),
    taskQueue: "dead-letter-office",
    args: [initial],
    signal: "died",
    signalArgs: [died],
  });
  await expect(late.executeUpdate("retry", { args: [{ by }] })).rejects.toMatchObject({
    cause: { type: "LETTER_CLOSED" },
  });
  expect((await world.dlo.temporal.workflow.getHandle("late-1").describe()).status.name).toBe("FAILED");
  expect(await story(letter)).toEqual(["parked", "discarded"]);
});

test("a death signal that is not one is not heard", async () => {
  const letter = await dead("stray-1");
  await handleOf("stray-1").signal("died");
  await handleOf("stray-1").signal("died", { letterId: "another" });
  expect(await world.dlo.letters.discard(letter.id, { by })).toMatchObject({ status: "discarded" });
});

test("a death of a newer release is left to a newer office", async () => {
  await dead("newer-1");
  await handleOf("newer-1").signal("died", { version: 2 });
  await until(async () =>
    (await handleOf("newer-1").fetchHistory()).events!.some(({ workflowTaskFailedEventAttributes: failed }) =>
      failed?.failure?.message?.includes("Upgrade it"),
    ),
  );
});
