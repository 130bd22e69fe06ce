import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { letterWorkflowId } from "../../model/ids.ts";
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
