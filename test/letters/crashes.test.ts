import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import { deliver, gate } from "../setup/post-office.ts";
import { openFaultyOffice } from "../setup/faulty-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

let world: World;
let stopOffice: () => Promise<void>;
const crashes: string[] = [];
const doorbell = new Set<string>();
/** What an office waits for between the row of "between" and the start of its letter. */
const between = gate<void>();

/** Crashes once for each job whose id begins with this. */
function crashOnce(prefix: string) {
  return (id: string) => {
    if (!id.startsWith(prefix) || crashes.includes(id)) return;
    crashes.push(id);
    throw new Error(`the office crashed: ${id}`);
  };
}

/** An activity that runs twice, as it does when its worker dies before it can say that it is done. */
const twice =
  <Args extends unknown[], Result>(real: (...args: Args) => Promise<Result>) =>
  async (...args: Args) => {
    await real(...args);
    return await real(...args);
  };

beforeAll(async () => {
  world = await openWorld();
  stopOffice = await openFaultyOffice(world, {
    beforeSignal: (id) => (id === "between" ? between.opened : crashOnce("before-signal")(id)),
    afterSignal: crashOnce("after-signal"),
    beginRetry: twice,
    project: twice,
    recordDeath: twice,
  });
  await world.worker({
    jobs: [
      deliver.handle(({ to }, { workflowId }) => {
        if (doorbell.has(workflowId)) return "delivered";
        throw new Error(`nobody at home: ${to}`);
      }),
    ],
  });
});
afterAll(async () => {
  await stopOffice?.();
  await world?.close();
});

async function die(id: string): Promise<{ letterId: string }> {
  const run = await world.dlo.start(deliver, { to: "ann" }, { id });
  const error = await run.result().then(
    () => undefined,
    (died: { code: string; details: { letterId: string } }) => died,
  );
  expect(error).toMatchObject({ code: "JOB_DIED" });
  return { letterId: error!.details.letterId };
}

async function counted(id: string) {
  const [row] = await world.sql`
    select (select count(*)::int from dlo.dead_letters where workflow_id = ${id}) letters,
           (select count(*)::int from dlo.deaths where workflow_id = ${id}) deaths,
           (select count(*)::int from dlo.events where workflow_id = ${id} and type = 'parked') parked,
           (select count(*)::int from dlo.attempts a join dlo.dead_letters l on l.id = a.letter_id where workflow_id = ${id}) attempts`;
  return row;
}

test.each(["before-signal", "after-signal"])("an office that crashes %s leaves one letter (promise 1)", async (id) => {
  const { letterId } = await die(id);
  expect(crashes).toContain(id);
  expect(await counted(id)).toEqual({ letters: 1, deaths: 1, parked: 1, attempts: 1 });
  expect(await world.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).query("state")).toMatchObject({
    letterId,
    status: "parked",
    deaths: 1,
  });
});

test("a command finds a row whose letter is about to begin, and waits for it", async () => {
  const dying = die("between");
  await until(async () => (await counted("between"))!["letters"] === 1);
  const { id } = await world.dlo.letters.get("between");
  const tries = vi.spyOn(world.dlo.temporal.connection, "withDeadline");
  const noted = world.dlo.letters.note(id, { text: "already?" });
  // A second try: the first has found no workflow.
  await until(() => tries.mock.calls.length > 1);
  between.open();
  expect(await noted).toMatchObject({ id, status: "parked" });
  await dying;
});

test("what a letter does to the world happens once, though each activity runs twice", async () => {
  const { letterId } = await die("doubled");
  expect(await world.dlo.letters.retry(letterId, { waitFor: "30 seconds" })).toMatchObject({
    status: "parked",
    deaths: 2,
    retries: 1,
  });
  await world.dlo.letters.amend(letterId, { input: { to: "bob" } });
  await world.dlo.letters.extend(letterId, { retention: "3 days" });
  doorbell.add("doubled");
  expect(await world.dlo.letters.retry(letterId, { waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
    deaths: 2,
    retries: 2,
  });
  const { events } = await world.dlo.letters.story(letterId);
  expect(events.map(({ type }) => type)).toEqual([
    ...[
      "parked",
      "retry_asked",
      "retrying",
      "died_again",
      "amended",
      "extended",
      "retry_asked",
      "retrying",
      "recovered",
    ],
  ]);
});

test("a death after the letter is closed is a new letter", async () => {
  const first = await die("again");
  await world.dlo.letters.discard(first.letterId);
  const second = await die("again");
  expect(second.letterId).not.toBe(first.letterId);
  expect(await counted("again")).toEqual({ letters: 2, deaths: 2, parked: 2, attempts: 2 });
  expect(await world.dlo.letters.get("again")).toMatchObject({ id: second.letterId, status: "parked", deaths: 1 });
});

test("a second death of the same id, by the app's own restart, comes to the same letter", async () => {
  const first = await die("restarted");
  const before = await world.dlo.letters.get(first.letterId);
  const second = await die("restarted");
  expect(second.letterId).toBe(first.letterId);
  await until(async () => (await world.dlo.letters.get(first.letterId)).revision > before.revision);
  const letter = await world.dlo.letters.get(first.letterId);
  expect(letter).toMatchObject({ status: "parked", deaths: 2, retries: 0 });
  expect(letter.expiresAt!.getTime()).toBeGreaterThan(before.expiresAt!.getTime());
});

test("a letter that somebody terminated is begun anew by the next death, and its commands work", async () => {
  const { letterId } = await die("terminated");
  await world.dlo.temporal.workflow.getHandle(letterWorkflowId("terminated")).terminate("by mistake");
  expect(await die("terminated")).toEqual({ letterId });
  doorbell.add("terminated");
  expect(await world.dlo.letters.retry(letterId, { waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
    deaths: 2,
  });
});

test("200 jobs that die at once are 200 letters", { timeout: 240_000 }, async () => {
  const ids = Array.from({ length: 200 }, (_, i) => `flood-${i}`);
  const letters = await Promise.all(ids.map(die));
  expect(new Set(letters.map(({ letterId }) => letterId)).size).toBe(200);
  const [row] =
    await world.sql`select count(*)::int n, max(deaths) deaths from dlo.dead_letters where workflow_id like 'flood-%'`;
  expect(row).toEqual({ n: 200, deaths: 1 });
});
