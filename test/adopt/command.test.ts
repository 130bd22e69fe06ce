import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { configWithJob, dlo, environmentOf, folderWith } from "../cli/dlo.ts";
import { openWorld, until, type World } from "../setup/world.ts";
import { openShop, type Shop } from "./shop.ts";

// dlo adopt, off a terminal: what it shows, what it refuses, how it ends.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let world: World;
let shop: Shop;
let env: Record<string, string>;

beforeAll(async () => {
  world = await openWorld();
  env = environmentOf(world);
  await world.office();
  shop = await openShop(world);
});
afterAll(async () => {
  await shop?.close();
  await world?.close();
});

const adopt = async (...args: string[]) => await dlo(["adopt", ...args], { env });
const declined = () => {
  throw ApplicationFailure.nonRetryable("card declined", "CardDeclined");
};

test("it shows what would become letters, and goes ahead with --yes alone where nobody can be asked", async () => {
  shop.when("charge", "c-", declined);
  for (const id of ["c-1", "c-2"]) await shop.failed("order", id, [{ id, amount: 1 }]);
  await shop.failed("bigOrder", "c-3", [{ id: "c-3", amount: 1 }]);
  const query = "WorkflowType IN ('order', 'bigOrder')";
  const dry = await adopt("--query", query, "--dry-run");
  expect(dry).toMatchObject({ code: 0 });
  expect(dry.stdout).toContain("3 failed runs would become dead letters.");
  expect(dry.stdout).toMatch(/order +default +2\n *bigOrder +default +1/);
  expect(dry.stdout).toMatch(/bigOrder +c-3 +failed +\S+ \S+ UTC +shop +default/);
  expect(dry.stdout).toContain(
    "Not adopted:\n  1 begun by another workflow, which still decides, such as order c-3/part",
  );
  expect(dry.stderr).toContain("Target: ");
  expect(dry.stderr).toContain("Nothing was changed. To do it: the same without --dry-run");

  const asked = await adopt("--query", query);
  expect(asked).toMatchObject({ code: 2, stdout: "" });
  expect(asked.stderr).toContain("It would make 3 dead letters, and nobody can be asked here. To go ahead: --yes");
  expect(await world.dlo.letters.count({})).toMatchObject({ count: 0 });

  const done = await adopt("--query", query, "--yes", "--reason", "issue 8", "--by", "ann");
  expect(done).toMatchObject({ code: 0 });
  expect(done.stdout).toContain("3 dead letters made.");
  expect(await world.sql`select by, reason, query, what, watch, adopted, skipped from dlo.adoptions`).toEqual([
    { by: "ann", reason: "issue 8", query, what: "workflows", watch: null, adopted: 3, skipped: { child: 1 } },
  ]);

  const again = await adopt("--query", query, "-o", "json", "--yes");
  expect(JSON.parse(again.stdout)).toMatchObject({ adopted: 0, skipped: { known: 3, child: 1 } });
  const nothing = await adopt("--query", query);
  expect(nothing).toMatchObject({ code: 0, stdout: "" });
  expect(nothing.stderr).toContain("Nothing that failed is to be adopted.");
});

test("what cannot be meant is refused before anything is begun", async () => {
  for (const [args, why] of [
    [[], "Which ones? Give a Visibility query"],
    [["--query", "  "], "query must be a Visibility query"],
    [["--query", "foo", "--dry-run"], 'Temporal cannot read the query "foo": invalid query'],
    [["--query", "WorkflowType = 'a') OR (WorkflowType = 'b'", "--yes"], "Temporal cannot read the query"],
    [["--query", "WorkflowType = 'a' ORDER BY CloseTime", "--yes"], "'ORDER BY' clause"],
    [["--query", "WorkflowType = 'a'", "--every", "1m"], "give --watch, too"],
    [["--query", "WorkflowType = 'a'", "--watch", "a b", "--yes"], "A watch has a name of 1 to 100"],
    [["stop", "nothing"], 'There is no watch "nothing" of office dead-letter-office. There is: none'],
  ] as const) {
    const ran = await adopt(...args);
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain(why);
  }
  expect(await world.sql`select from dlo.adoptions where query like '%foo%'`).toHaveLength(0);
});

test("a letter is shown with where it failed, and retried from there", async () => {
  shop.when("charge", "shown", declined);
  await shop.failed("order", "shown", [{ id: "shown", amount: 1 }], { memo: { tenant: "acme" } });
  await adopt("--query", "WorkflowId = 'shown'", "--yes");
  const died = await dlo(["retry", "shown", "--from-failure", "--wait"], { env });
  expect(died).toMatchObject({ code: 1 });
  expect(died.stdout).toContain("Died again");
  shop.when("charge", "shown", () => "paid");
  const retried = await dlo(["retry", "shown", "--from-failure", "--wait", "--reason", "it is back"], { env });
  expect(retried).toMatchObject({ code: 0, stdout: expect.stringContaining("Recovered: order shown") as string });
  const show = await dlo(["show", "shown"], { env });
  expect(show.stdout).toContain("a workflow of the app's own, adopted");
  expect(show.stdout).toMatch(/Where it failed\n[^}]*"activity": "charge"/);
  expect(show.stdout).toMatch(/Memo\n {2}\{\n {4}"tenant": "acme"/);
  expect(show.stdout).toMatch(/retry asked by \S+ \(from before its failure\): it is back/);
  expect(show.stdout).toMatch(/retrying, gone back to before activity charge, event \d+/);
  expect(shop.called("reserve", "shown")).toBe(1);
  const mixed = await dlo(["retry", "shown", "--from-failure", "--input", "{}"], { env });
  expect(mixed).toMatchObject({ code: 2 });
});

test("it is looked at closely like any letter, but for its handler, which is not ours", async () => {
  // What needs a person is no redrive's by itself.
  shop.when("charge", "close-", () => {
    throw ApplicationFailure.nonRetryable("the card service is down", "ECONNREFUSED");
  });
  for (const id of ["close-1", "close-2"]) await shop.failed("order", id, [{ id, amount: 1 }]);
  shop.when("charge", "close-3", () => "paid");
  const done = await shop.client.workflow.start("order", {
    ...{ workflowId: "close-3", taskQueue: "shop", args: [{ id: "close-3", amount: 2 }] },
  });
  await done.result();
  await adopt("--query", "WorkflowId STARTS_WITH 'close-'", "--yes");
  const similar = await dlo(["similar", "close-1"], { env });
  expect(similar).toMatchObject({ code: 0, stdout: expect.stringContaining("close-2") as string });
  await until(async () => (await dlo(["diff", "close-1"], { env })).stdout.includes("amount"));
  const folder = await folderWith({ "dlo.config.mjs": configWithJob });
  const reproduced = await dlo(["reproduce", "close-1"], { env, cwd: folder });
  expect(reproduced).toMatchObject({ code: 2 });
  expect(reproduced.stderr).toContain("is a workflow of the app's own, which no job's handler runs");
  const details = await world.dlo.temporal.workflow
    .getHandle("dead-letter/close-1")
    .query("__temporal_workflow_metadata");
  expect(JSON.stringify(details)).toContain("a workflow of the app's own: its retry starts it as it was started");

  shop.when("charge", "close-", () => "paid");
  const many = await dlo(["retry", "--filter", "error:ECONNREFUSED", "--from-failure", "--yes"], { env });
  expect(many).toMatchObject({ code: 0 });
  expect(await world.dlo.letters.count("error:ECONNREFUSED status:recovered")).toMatchObject({ count: 2 });
  expect(shop.called("reserve", "close-1")).toBe(1);
});

test("a watch adopts what fails from then on, from where it stopped", async () => {
  shop.when("charge", "w-", declined);
  const query = "WorkflowType = 'wordyOrder'";
  await shop.failed("wordyOrder", "w-1", [{ id: "w-1", amount: 1 }]);
  const watch = await adopt("--query", query, "--yes", "--watch", "wordy", "--every", "10s");
  expect(watch).toMatchObject({ code: 0, stdout: expect.stringContaining("1 dead letter made.") as string });
  expect(watch.stderr).toContain("Watch wordy adopts what fails from now on, every 10 seconds.");
  const list = await adopt("list");
  expect(list.stdout).toMatch(/wordy +workflows +10 seconds .*WorkflowType = 'wordyOrder'/);
  const same = await adopt("--query", query, "--yes", "--watch", "wordy");
  expect(same.stderr).toContain("Watch wordy is there already, and stays as it is.");
  const other = await adopt("--query", "WorkflowType = 'wait'", "--yes", "--watch", "wordy");
  expect(other).toMatchObject({ code: 2 });
  expect(other.stderr).toContain(`looks for something else: ${query}`);

  await shop.failed("wordyOrder", "w-2", [{ id: "w-2", amount: 1 }]);
  const handle = world.dlo.temporal.schedule.getHandle("dead-letter-office/adopt/wordy");
  await handle.trigger();
  await until(async () => (await world.dlo.letters.get("w-2")).status === "parked");
  const stop = await adopt("stop", "wordy");
  expect(stop).toMatchObject({ code: 0 });
  expect(stop.stderr).toContain("Watch wordy was ended.");
  await expect(handle.describe()).rejects.toMatchObject({ name: "ScheduleNotFoundError" });
  expect((await adopt("list")).stdout).toContain("Nothing is adopted on a schedule.");
});
