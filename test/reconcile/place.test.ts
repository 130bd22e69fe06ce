import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { closedWindow } from "../../activities/close-window.ts";
import { reconcileWorkflowId } from "../../model/ids.ts";
import { deliver, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";

// How a reconcile goes its way: from where the last one stopped, in windows, through a change of offices, and at next to no cost where nothing is amiss.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

/** A run that our client did not start, terminated. */
async function terminated(id: string, type = "deliver"): Promise<void> {
  const { workflow } = office.dlo.temporal;
  await (await workflow.start(type, { workflowId: id, taskQueue: "jobs", args: [{ to: "ann" }] })).terminate("enough");
}

const foundOf = async (id: string, options: { thorough?: boolean; jobs?: string[] } = {}) =>
  (await office.dlo.reconcile(options)).items.filter(({ workflowId }) => workflowId === id);

test("where nothing is amiss it costs three activities, whatever happened before", async () => {
  const { id, runs, letters, found } = await office.dlo.reconcile();
  expect({ runs, letters, found }).toEqual({ runs: 0, letters: 0, found: {} });
  const { events } = await office.dlo.temporal.workflow.getHandle(reconcileWorkflowId(id)).fetchHistory();
  // Begin, one slice, finish: six events each, but for the tasks between that they share.
  expect(events).toHaveLength(23);
});

test("a job that has never died, and that our client did not start, is found where it is named", async () => {
  await terminated("unheard-of", "deliver");
  expect(await foundOf("unheard-of", { thorough: true })).toEqual([]);
  expect(await foundOf("unheard-of", { thorough: true, jobs: ["deliver"] })).toMatchObject([
    { finding: "lost", mended: true },
  ]);
  await using other = await openPostOffice({ reconcile: { jobs: ["deliver"] } });
  const { workflow } = other.dlo.temporal;
  await (await workflow.start("deliver", { workflowId: "named", taskQueue: "jobs" })).terminate("enough");
  expect(await other.dlo.reconcile()).toMatchObject({ found: { lost: 1 }, mended: 1 });
  await expect(office.dlo.reconcile({ jobs: ["not a name"] })).rejects.toMatchObject({ code: "USAGE" });
  await expect(office.dlo.reconcile({ dryrun: true } as never)).rejects.toThrow('Did you mean "dryRun"?');
});

test("it goes on where the last one stopped, a minute over again", async () => {
  await terminated("early");
  const { id } = await office.dlo.reconcile({ dryRun: true });
  await office.sql`update dlo.reconciles set swept_until = now() + interval '2 minutes', dry_run = false where id = ${id}`;
  expect(await foundOf("early")).toEqual([]);
  await office.sql`update dlo.reconciles set swept_until = now()`;
  expect(await foundOf("early")).toMatchObject([{ finding: "lost", mended: true }]);
});

test("a span is halved until it holds few enough, and no run is missed or seen twice", async () => {
  for (let n = 0; n < 12; n++) await terminated(`window-${n}`);
  const query = "ExecutionStatus = 'Terminated' AND WorkflowId STARTS_WITH 'window-'";
  await until(async () => (await office.dlo.temporal.workflow.count(query)).count === 12);
  const seen: string[] = [];
  const untilMs = Date.now() + 1;
  let windows = 0;
  for (let fromMs = 0; fromMs < untilMs; windows++) {
    const window = await closedWindow(office.dlo.temporal, query, { fromMs, untilMs }, 3);
    seen.push(...window.runs.map(({ workflowId }) => workflowId));
    expect(window.untilMs).toBeGreaterThan(fromMs);
    fromMs = window.untilMs;
  }
  expect(seen.toSorted()).toEqual(Array.from({ length: 12 }, (_, n) => `window-${n}`).toSorted());
  expect(windows).toBeGreaterThan(1);
});

test("an office that is stopped meanwhile is followed by the next one, and nothing is mended twice", async () => {
  await using world = await openPostOffice();
  const first = await world.office({ office: "relay" });
  for (let n = 0; n < 5; n++) {
    const id = `relay-${n}`;
    world.when(id, () => new Promise(() => undefined));
    await world.dlo.start(deliver, { to: "ann" }, { id });
    await until(() => world.runs(id) === 1);
    await world.dlo.temporal.workflow.getHandle(id).terminate("enough");
  }
  const reconciling = world.dlo.reconcile({ office: "relay" });
  await until(async () => (await world.sql`select from dlo.reconciles`).length === 1);
  await first.stop();
  await world.office({ office: "relay" });
  // Their contract names the other office, whose letters they are.
  expect(await reconciling).toMatchObject({ found: {}, mended: 0 });
  expect(await world.dlo.reconcile()).toMatchObject({ found: { lost: 5 }, mended: 5 });
  const [row] =
    await world.sql`select count(*)::int as letters, count(distinct workflow_id)::int as jobs from dlo.dead_letters`;
  expect(row).toEqual({ letters: 5, jobs: 5 });
});
