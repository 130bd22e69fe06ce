import { expect, test } from "vitest";
import { openWorld, until, type World } from "../setup/world.ts";

test("the office's configuration says by type into which queue an adopted workflow is filed, or leaves it alone", async () => {
  await using world = await openWorld();
  await world.office({
    adopt: { "Order*": { queue: "orders", tags: ["shop"], retention: "3 days" }, OrderReport: false },
  });
  for (const type of ["OrderParcel", "OrderReport", "Invoice"]) await terminated(world, type);
  const outcome = await world.dlo.adopt({ query: "TaskQueue = 'theirs'" });
  expect(outcome).toMatchObject({ adopted: 2, skipped: { policy: 1 } });
  expect(await world.dlo.letters.get("of-OrderParcel")).toMatchObject({
    queue: "orders",
    tags: ["shop"],
    retentionMs: 3 * 86_400_000,
  });
  expect(await world.dlo.letters.get("of-Invoice")).toMatchObject({ queue: "default", tags: [] });
  await expect(world.dlo.letters.get("of-OrderReport")).rejects.toMatchObject({ code: "LETTER_NOT_FOUND" });
});

async function terminated({ dlo }: World, type: string): Promise<void> {
  const { workflow } = dlo.temporal;
  const workflowId = `of-${type}`;
  await (await workflow.start(type, { taskQueue: "theirs", workflowId })).terminate();
  const query = `WorkflowId = '${workflowId}' AND ExecutionStatus = 'Terminated'`;
  await until(async () => (await workflow.count(query)).count === 1);
}
