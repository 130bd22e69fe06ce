import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { letterWorkflowId, redriveWorkflowId } from "../../model/ids.ts";
import type { RedriveState } from "../../model/redrive.ts";
import { ended } from "../redrive/redriven.ts";
import { openPostOffice, type PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let office: PostOffice;
beforeAll(async () => void (office = await openPostOffice()));
afterAll(async () => await office?.close());

test("a redrive does not wait for a letter whose workflow was ended meanwhile, and another redrive can take it", async () => {
  const { id } = await office.dead("redriven", { to: "rex" });
  office.when("redriven", () => new Promise(() => undefined));
  await office.dlo.redrives.start({ filter: "payload.to=rex" }, { force: true, by: "ann" });
  await until(async () => (await office.dlo.letters.get(id)).status === "retrying");
  const item = async () =>
    (await office.sql`select state, code, asked from dlo.redrive_items where letter_id = ${id} order by state`)[0];
  await until(async () => (await item())?.["asked"] === true);
  await office.dlo.temporal.workflow.getHandle(letterWorkflowId("redriven")).terminate("an accident");
  const { items } = await office.dlo.reconcile();
  expect(items).toMatchObject([{ finding: "no_workflow", letterId: id, mended: true }]);
  expect(await item()).toMatchObject({ state: "skipped", code: "run_cancelled" });
});

test("a redrive whose workflow was terminated is begun again, paused, and goes on when it is told to", async () => {
  const ids = ["t-1", "t-2", "t-3"];
  for (const id of ids) {
    await office.dead(id, { to: "tess" });
    office.when(id, () => "delivered");
  }
  const { id } = await office.dlo.redrives.start({ filter: "payload.to=tess" }, { force: true, rate: 0.1 });
  await until(async () => (await office.dlo.redrives.get(id)).counts.recovered === 1);
  const workflow = office.dlo.temporal.workflow.getHandle(redriveWorkflowId(id));
  await workflow.terminate("stop it!");
  const found = { finding: "no_workflow", workflowId: redriveWorkflowId(id) };
  expect((await office.dlo.reconcile({ dryRun: true })).items).toMatchObject([{ ...found, mended: false }]);
  expect((await office.dlo.reconcile()).items).toMatchObject([{ ...found, mended: true }]);
  await until(async () => (await workflow.query<RedriveState>("state")).status === "paused");
  expect((await office.dlo.reconcile()).items).toEqual([]);
  expect(office.runs("t-2") + office.runs("t-3")).toBe(2);
  await office.dlo.redrives.set(id, { rate: 100 });
  await office.dlo.redrives.resume(id);
  expect(await ended(office, id)).toMatchObject({ status: "completed", counts: { items: 3, recovered: 3 } });
  expect(ids.map((one) => office.runs(one))).toEqual([2, 2, 2]);
});

test("a redrive that had ended is closed, where its row is of before", async () => {
  await office.dead("late", { to: "lea" });
  const options = { force: true, stopOnSameCause: false } as const;
  const { id } = await office.dlo.redrives.start({ filter: "payload.to=lea" }, options);
  await ended(office, id);
  await office.sql`update dlo.redrives set status = 'running', ended_at = null, died_again = 0, same_cause = 0 where id = ${id}`;
  await office.sql`update dlo.redrive_items set state = 'waiting', counted = false, ended_at = null where redrive_id = ${id}`;
  expect((await office.dlo.reconcile()).items).toMatchObject([{ finding: "no_workflow", mended: true }]);
  expect(await office.dlo.redrives.get(id)).toMatchObject({ status: "cancelled", counts: { skipped: 1 } });
  expect((await office.dlo.reconcile()).items).toEqual([]);
});

test("a change of policy that meets a missing row waits for it, as other commands do", async () => {
  const { id } = await office.dead("no-policy");
  await office.sql`delete from dlo.dead_letters where id = ${id}`;
  const letter = office.dlo.temporal.workflow.getHandle(letterWorkflowId("no-policy"));
  await letter.signal("applyPolicy", { by: "ann" });
  await until(async () => {
    const { pendingActivities } = (await letter.describe()).raw;
    return pendingActivities?.some(({ activityType }) => activityType?.name === "policyNow") === true;
  });
  expect((await office.dlo.reconcile()).items).toMatchObject([{ finding: "no_row", letterId: id, mended: true }]);
  await until(async () => ((await letter.describe()).raw.pendingActivities ?? []).length === 0);
  expect(await letter.describe()).toMatchObject({ status: { name: "RUNNING" } });
});
