import { ApplicationFailure } from "@temporalio/common";
import { adoptWorkflowId, letterWorkflowId } from "../../model/ids.ts";
import { openShop, type Shop, shopQueue } from "../adopt/shop.ts";
import type { PostOffice } from "../setup/post-office.ts";
import { until } from "../setup/world.ts";
import type { Scenario } from "./scenario.ts";

/** What letters of workflows of other make go through. */
export const adoptedScenarios: readonly Scenario[] = [
  {
    name: "adopted-retried",
    play: inShop(async (office, shop) => {
      await adopted(office, shop, "adopted-1");
      await office.dlo.letters.retry("adopted-1", { waitFor: "30 seconds" });
      await office.dlo.letters.retry("adopted-1", { run: { taskQueue: "nobody" } });
      await office.dlo.letters.note("adopted-1", { text: "while it runs" });
      await office.dlo.temporal.workflow.getHandle("adopted-1").cancel();
      await office.dlo.temporal.workflow.getHandle("adopted-1").terminate("nobody serves it");
      await until(async () => (await office.dlo.letters.get("adopted-1")).deaths === 3);
      shop.when("charge", "adopted-1", () => "paid");
      const input = { id: "adopted-1", amount: 2 };
      await office.dlo.letters.retry("adopted-1", { input, waitFor: "30 seconds" });
      return await closed(office, "adopted-1");
    }),
  },
  {
    name: "adopted-reset",
    play: inShop(async (office, shop) => {
      await adopted(office, shop, "adopted-2");
      shop.when("charge", "adopted-2", () => "paid");
      await office.dlo.letters.retry("adopted-2", { fromFailure: true, waitFor: "30 seconds" });
      return await closed(office, "adopted-2");
    }),
  },
  {
    name: "adopted-held",
    play: inShop(async (office, shop) => {
      const { letters } = office.dlo;
      await adopted(office, shop, "adopted-3");
      const again = async () =>
        await shop.client.workflow.start("wait", {
          ...{ workflowId: "adopted-3", taskQueue: shopQueue, args: [{ until: "noon" }] },
        });
      const own = await again();
      await letters.retry("adopted-3");
      await own.terminate("by the app");
      await until(async () => (await letters.get("adopted-3")).deaths === 2);
      let pay: ((said: string) => void) | undefined;
      shop.when("charge", "adopted-3", () => new Promise<string>((resolve) => void (pay = resolve)));
      await shop.client.workflow.start("order", {
        ...{ workflowId: "adopted-3", taskQueue: shopQueue, args: [{ id: "adopted-3", amount: 1 }] },
      });
      await letters.retry("adopted-3");
      await until(() => pay !== undefined);
      pay?.("paid");
      return await closed(office, "adopted-3");
    }),
  },
  {
    name: "adopted-continues-as-new",
    play: inShop(async (office, shop) => {
      await adopted(office, shop, "adopted-4");
      let pay: ((said: string) => void) | undefined;
      shop.when("charge", "adopted-4", () => new Promise<string>((resolve) => void (pay = resolve)));
      await office.dlo.letters.retry("adopted-4");
      await until(() => pay !== undefined);
      const handle = office.dlo.temporal.workflow.getHandle(letterWorkflowId("adopted-4"));
      const { runId } = await handle.describe();
      for (let round = 0; round < 90; round++) {
        await office.dlo.letters.note("adopted-4", { text: `note ${round}` });
        if ((await handle.describe()).runId !== runId) break;
      }
      pay?.("paid");
      return await closed(office, "adopted-4");
    }),
  },
  {
    name: "adopted-activity",
    play: inShop(async (office, shop) => {
      shop.when("charge", "adopted-5", declined);
      await shop.failedActivity("charge", "adopted-5", [{ id: "adopted-5", amount: 1 }]);
      await office.dlo.adopt({ query: "ActivityId = 'adopted-5'", what: "activities" });
      await office.dlo.letters.retry("activity/adopted-5", { waitFor: "30 seconds" });
      shop.when("charge", "adopted-5", () => "paid");
      await office.dlo.letters.retry("activity/adopted-5", { waitFor: "30 seconds" });
      return await closed(office, "activity/adopted-5");
    }),
  },
  {
    name: "adopt",
    play: inShop(async (office, shop) => {
      shop.when("charge", "adopted-6", declined);
      await shop.failed("order", "adopted-6", [{ id: "adopted-6", amount: 1 }]);
      const { id } = await office.dlo.adopt({ query: "WorkflowId = 'adopted-6'" });
      return { workflowId: adoptWorkflowId(id) };
    }),
  },
];

function inShop(play: (office: PostOffice, shop: Shop) => Promise<{ workflowId: string }>): Scenario["play"] {
  return async (office) => {
    const shop = await openShop(office);
    try {
      return await play(office, shop);
    } finally {
      await shop.close();
    }
  };
}

async function adopted(office: PostOffice, shop: Shop, id: string): Promise<void> {
  shop.when("charge", id, declined);
  await shop.failed("order", id, [{ id, amount: 1 }]);
  await office.dlo.adopt({ query: `WorkflowId = '${id}'` });
}

function declined(): never {
  throw ApplicationFailure.nonRetryable("card declined", "CardDeclined");
}

async function closed(office: PostOffice, id: string): Promise<{ workflowId: string }> {
  const workflowId = letterWorkflowId(id);
  await office.dlo.temporal.workflow.getHandle(workflowId).result();
  return { workflowId };
}
