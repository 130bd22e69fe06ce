import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
import { makeWatch, stopWatch } from "../../setup/adopt-watches.ts";
import { deliver, openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import { openShop, type Shop, shopQueue } from "./shop.ts";

// Many at once, in windows of time; what is ours is never adopted; a watch goes on from where it stopped.

vi.setConfig({ testTimeout: 300_000, hookTimeout: 180_000 });

let office: PostOffice;
let shop: Shop;

beforeAll(async () => {
  office = await openPostOffice();
  shop = await openShop(office);
});
afterAll(async () => {
  await shop?.close();
  await office?.close();
});

const everything = "WorkflowType IS NOT NULL";

async function countsOf(sql: PostOffice["sql"]) {
  const [row] = await sql`
    select (select count(*)::int from dlo.dead_letters where kind = 'workflow') letters,
           (select count(*)::int from dlo.dead_letters where kind = 'job') jobs,
           (select count(*)::int from dlo.deaths) deaths`;
  return row;
}

test("letters, redrives, retries of jobs and jobs themselves are never adopted", async () => {
  const { dlo, sql } = office;
  const job = await office.dead("job-1");
  await dlo.letters.retry(job.id, { waitFor: "30 seconds" });
  // A letter that somebody terminated, a job that was terminated without a letter, one of another SDK without our marks.
  await office.dead("job-2");
  await dlo.temporal.workflow.getHandle(letterWorkflowId("job-2")).terminate("by mistake");
  office.when("job-3", () => new Promise(() => undefined));
  await dlo.start(deliver, { to: "ann" }, { id: "job-3" });
  await dlo.temporal.workflow.getHandle("job-3").terminate("now");
  await dlo.temporal.workflow
    .start("deliver", { workflowId: "job-4", taskQueue: "nobody", args: [{ to: "ann" }] })
    .then(async (handle) => await handle.terminate());
  await dlo.temporal.workflow
    .start("prune", { workflowId: "prune/bad", taskQueue: "dead-letter-office", args: [{ no: 1 }] })
    .then(async (handle) => await handle.result().catch(() => undefined));
  await until(async () => (await dlo.temporal.workflow.count("ExecutionStatus IN ('Failed','Terminated')")).count >= 6);
  const before = await countsOf(sql);
  const outcome = await dlo.adopt({ query: everything });
  expect(outcome.adopted).toBe(0);
  const { ours = 0, job: jobs = 0, ...others } = outcome.skipped;
  expect(others).toEqual({});
  expect(ours).toBeGreaterThanOrEqual(2);
  expect(jobs).toBeGreaterThanOrEqual(4);
  expect(await countsOf(sql)).toEqual(before);
});

test("230 that failed become 230 letters, once, and a redrive runs the first of them again", async () => {
  const { dlo, sql } = office;
  shop.when("charge", "many-", () => {
    throw ApplicationFailure.nonRetryable("the card service is down", "ECONNREFUSED");
  });
  const ids = Array.from({ length: 230 }, (_, i) => `many-${i}`);
  await Promise.all(
    ids.map(async (id) => {
      const handle = await shop.client.workflow.start("order", {
        ...{ workflowId: id, taskQueue: shopQueue, args: [{ id, amount: 1 }] },
      });
      await handle.result().catch(() => undefined);
    }),
  );
  const query = "WorkflowType = 'order'";
  await until(async () => (await shop.client.workflow.count(`${query} AND ExecutionStatus = 'Failed'`)).count === 230);
  const dry = await dlo.adopt({ query, dryRun: true });
  expect(dry).toMatchObject({ adopted: 230, skipped: {}, groups: [{ type: "order", queue: "default", count: 230 }] });
  expect(dry.samples).toHaveLength(20);
  const [one, two] = await Promise.all([dlo.adopt({ query }), dlo.adopt({ query })]);
  expect(one.adopted + two.adopted).toBe(230);
  expect(await countsOf(sql)).toMatchObject({ letters: 230 });
  expect(await dlo.adopt({ query })).toMatchObject({ adopted: 0, skipped: { known: 230 } });

  shop.when("charge", "many-", () => "paid");
  const redrive = await dlo.redrives.start(
    { filter: "kind:workflow status:parked" },
    { rate: 200, force: true, first: 40 },
  );
  await until(async () => (await dlo.redrives.get(redrive.id)).endedAt !== null);
  expect(await dlo.redrives.get(redrive.id)).toMatchObject({
    ...{ status: "completed", counts: { recovered: 40, diedAgain: 0 } },
  });
});

test("a watch goes on from where it stopped, and a quiet one leaves no rows", async () => {
  const { dlo, sql } = office;
  const { temporal } = dlo;
  shop.when("charge", "seen-", () => {
    throw ApplicationFailure.nonRetryable("no", "CardDeclined");
  });
  const watch = { name: "orders", office: "dead-letter-office", query: "WorkflowId STARTS_WITH 'seen-'" } as const;
  await makeWatch(temporal, { ...watch, what: "workflows", everyMs: 3_600_000, by: "ann" });
  const handle = temporal.schedule.getHandle("dead-letter-office/adopt/orders");
  const rows = async () =>
    await sql`select adopted, skipped, swept_until, by, watch from dlo.adoptions where watch = 'orders' order by began_at`;
  const runs = async () => (await handle.describe()).info.recentActions.length;
  const look = async () => {
    const had = await runs();
    await handle.trigger();
    await until(async () => (await runs()) > had);
    await until(
      async () => (await temporal.workflow.count("WorkflowType = 'adopt' AND ExecutionStatus = 'Running'")).count === 0,
    );
    return await rows();
  };
  await shop.failed("order", "seen-1", [{ id: "seen-1", amount: 1 }]);
  const [first] = await look();
  expect(first).toMatchObject({ adopted: 1, by: "ann", watch: "orders", skipped: {} });
  // A quiet run brings its place forward.
  const quiet = await look();
  expect(quiet).toHaveLength(1);
  expect(quiet[0]!["swept_until"].getTime()).toBeGreaterThan(first!["swept_until"].getTime());
  // Without its letter, and out of sight of the overlap, what was looked at is not looked at again.
  await sql`update dlo.adoptions set swept_until = swept_until + interval '2 minutes' where watch = 'orders'`;
  await dlo.letters.discard("seen-1");
  await sql`delete from dlo.dead_letters where workflow_id = 'seen-1'`;
  await shop.failed("order", "seen-2", [{ id: "seen-2", amount: 1 }]);
  await look();
  expect(await sql`select workflow_id from dlo.dead_letters where workflow_id like 'seen-%'`).toEqual([]);
  await sql`update dlo.adoptions set swept_until = swept_until - interval '2 minutes' where watch = 'orders'`;
  await until(async () => {
    await look();
    return (await sql`select from dlo.dead_letters where workflow_id = 'seen-2'`).length === 1;
  });
  expect(await stopWatch(temporal, "dead-letter-office", "orders")).toBe(true);
  expect(await stopWatch(temporal, "dead-letter-office", "orders")).toBe(false);
});
