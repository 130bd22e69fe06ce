import { afterAll, beforeAll, expect, test } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import { type CountingProxy, openCountingProxy } from "../setup/counting-proxy.ts";
import { deliver } from "../setup/post-office.ts";
import { openWorld, until, type World } from "../setup/world.ts";

// What a job, a death and a retry cost, counted on the real server: these are budgets, not measurements.

let world: World;
let postgres: CountingProxy;
const athome = new Set<string>();
const figures: string[] = [];

beforeAll(async () => {
  world = await openWorld();
  postgres = await openCountingProxy(world.databaseUrl);
  await world.office({ databaseUrl: postgres.url });
  await world.worker({
    jobs: [
      deliver.handle((_, { workflowId }) => {
        if (athome.has(workflowId)) return "delivered";
        throw new Error("nobody at home");
      }),
    ],
  });
  // Connections open with statements of their own.
  await dead("warm-up");
  await world.dlo.letters.retry("warm-up", { waitFor: "30 seconds" });
});
afterAll(async () => {
  console.log(`\nCost\n${figures.join("\n")}\n`);
  await world?.close();
  await postgres?.close();
});

type Cost = { events: number; workflowTasks: number; activities: number };

async function cost(workflowId: string, runId?: string): Promise<Cost> {
  const { events = [] } = await world.dlo.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
  const count = (field: string) => events!.filter((event) => (event as Record<string, unknown>)[field]).length;
  return {
    events: events!.length,
    workflowTasks: count("workflowTaskCompletedEventAttributes"),
    activities: count("activityTaskCompletedEventAttributes") + count("activityTaskFailedEventAttributes"),
  };
}

/** A letter's cost so far, once it rests: when its first task is done. */
async function atRest(id: string): Promise<Cost> {
  await until(async () => (await cost(letterWorkflowId(id))).workflowTasks > 0);
  return await cost(letterWorkflowId(id));
}

async function dead(id: string): Promise<void> {
  const run = await world.dlo.start(deliver, { to: "ann" }, { id });
  await expect(run.result()).rejects.toMatchObject({ code: "JOB_DIED" });
}

function figure(what: string, { events, workflowTasks, activities }: Cost, statements: number): void {
  figures.push(`${what.padEnd(40)} ${events} events, ${workflowTasks + activities} tasks, ${statements} statements`);
}

test("a job that succeeds costs what a bare workflow costs: 11 events, 3 tasks, no SQL", async () => {
  athome.add("success");
  const before = postgres.statements();
  const run = await world.dlo.start(deliver, { to: "ann" }, { id: "success" });
  await run.result();
  const spent = await cost("success");
  figure("a job that succeeds", spent, postgres.statements() - before);
  expect(spent).toEqual({ events: 11, workflowTasks: 2, activities: 1 });
  expect(postgres.statements() - before).toBe(0);
});

test("a death costs 6 events more, 6 tasks, and one statement; a letter rests on 6 events", async () => {
  const before = postgres.statements();
  await dead("death");
  const [letter, job] = [await atRest("death"), await cost("death")];
  figure("a job that dies", job, postgres.statements() - before);
  figure("its letter at rest", letter, 0);
  expect(job.events).toBe(11 + 6);
  expect(job.workflowTasks + job.activities + letter.workflowTasks).toBe(6);
  expect(letter.events).toBeLessThanOrEqual(7);
  expect(postgres.statements() - before).toBe(1);
});

test("a retry that recovers costs at most 24 events of the letter in all, 6 tasks, 3 statements", async () => {
  await dead("retry");
  const rest = await atRest("retry");
  athome.add("retry");
  const before = postgres.statements();
  // By signal, as a bulk command does; an update costs one event more.
  await world.dlo.temporal.workflow.getHandle(letterWorkflowId("retry")).signal("retry", { by: "ann" });
  await world.dlo.temporal.workflow.getHandle(letterWorkflowId("retry")).result();
  const [letter, job] = [await cost(letterWorkflowId("retry")), await cost("retry")];
  figure("a letter from death to recovery", letter, postgres.statements() - before);
  expect(letter.events).toBeLessThanOrEqual(24);
  expect(letter.workflowTasks - rest.workflowTasks + letter.activities + job.workflowTasks + job.activities).toBe(6);
  expect(postgres.statements() - before).toBeLessThanOrEqual(3);
});

test("a retry that dies again needs no second compensation", async () => {
  await dead("again");
  const rest = await atRest("again");
  const before = postgres.statements();
  await world.dlo.temporal.workflow.getHandle(letterWorkflowId("again")).signal("retry", { by: "ann" });
  await until(
    async () => (await world.sql`select deaths from dlo.dead_letters where workflow_id = 'again'`)[0]!["deaths"] === 2,
  );
  const [letter, job] = [await cost(letterWorkflowId("again")), await cost("again")];
  figure(
    "a letter's retry that dies again",
    { ...letter, events: letter.events - rest.events },
    postgres.statements() - before,
  );
  expect(job).toEqual({ events: 11, workflowTasks: 2, activities: 1 });
  expect(postgres.statements() - before).toBeLessThanOrEqual(3);
});
