import { ApplicationFailure } from "@temporalio/common";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { fileURLToPath } from "node:url";
import { SealedCodec } from "../office/sealed.ts";
import type { Dlo } from "../../client/index.ts";
import { openWorld, type World } from "../setup/world.ts";
import { openShop, type Shop } from "./shop.ts";

// A shop whose payloads are encrypted, its failures' texts too: nothing readable in Postgres unless its queue says so.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const codec = new SealedCodec(Buffer.alloc(32, 7));
const failureConverterPath = fileURLToPath(new URL("./sealed-failures.ts", import.meta.url));
let world: World;
let shop: Shop;
let dlo: Dlo;

beforeAll(async () => {
  world = await openWorld();
  await world.office({
    codec,
    redact: ["password"],
    queues: { open: { store: "decoded" }, none: { payload: "omit" } },
    adopt: { wordyOrder: { queue: "open" }, refuseOrder: { queue: "none" } },
  });
  dlo = await world.connect({ codec, identity: "tester" });
  shop = await openShop(world, { dataConverter: { payloadCodecs: [codec], failureConverterPath } });
});
afterAll(async () => {
  await shop?.close();
  await world?.close();
});

const secret = "4111-1111-1111-1111";
const declined = () => {
  throw ApplicationFailure.create({ message: "card declined", type: "CardDeclined", details: [{ code: 51 }] });
};
const adopt = async (id: string) => await dlo.adopt({ query: `WorkflowId = '${id}'` });
const dump = async (id: string) => {
  const [row] = await world.sql`select to_jsonb(l)::text as text from dlo.dead_letters l where workflow_id = ${id}`;
  return row!["text"] as string;
};

test("encrypted input, memo and failure: read for the error, stored encrypted, retried as they are", async () => {
  shop.when("charge", secret, declined);
  await shop.failed("order", "sealed", [{ id: secret, amount: 7 }], { memo: { tenant: "acme" } });
  await adopt("sealed");
  expect(await dlo.letters.get("sealed")).toMatchObject({
    ...{ errorType: "CardDeclined", errorMessage: "card declined", attempts: 3, payload: null },
    failure: { properties: { details: [{ code: 51 }] }, extra: { failedOf: { activity: "charge" } } },
  });
  const stored = await dump("sealed");
  expect(stored).not.toContain(secret);
  expect(stored).not.toContain("acme");
  expect(stored).not.toContain(Buffer.from(secret).toString("hex"));
  shop.when("charge", secret, () => "paid");
  expect(await dlo.letters.retry("sealed", { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
  const again = shop.client.workflow.getHandle("sealed");
  expect(await again.result()).toBe("reserve done, paid, ship done");
  expect((await again.describe()).memo).toEqual({ tenant: "acme" });
});

test("a queue that stores decoded shows them, with what is secret redacted", async () => {
  shop.when("charge", "shown", declined);
  const given = { id: "shown", amount: 7, password: "hunter2" };
  await shop.failed("wordyOrder", "shown", [given], { memo: { tenant: "acme", password: "hunter2" } });
  await adopt("shown");
  expect(await dlo.letters.get("shown")).toMatchObject({
    ...{ queue: "open", payload: { id: "shown", amount: 7, password: "[redacted]" } },
    source: { memo: { tenant: "acme", password: "[redacted]" } },
  });
  expect(await dump("shown")).not.toContain("hunter2");
  await dlo.letters.amend("shown", { input: { id: "shown", amount: 8 } });
  shop.when("charge", "shown", () => "paid");
  expect(await dlo.letters.retry("shown", { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
});

test("a queue that stores no payloads needs an input for a retry from the start, and none for a reset", async () => {
  await shop.failed("refuseOrder", "omitted", [{ id: secret, amount: 7 }]);
  await adopt("omitted");
  expect(await dlo.letters.get("omitted")).toMatchObject({ payloadOmitted: true, payload: null });
  await expect(dlo.letters.retry("omitted")).rejects.toMatchObject({ code: "PAYLOAD_OMITTED" });
  expect(await dlo.letters.retry("omitted", { fromFailure: true, waitFor: "30 seconds" })).toMatchObject({
    ...{ status: "parked", deaths: 2 },
  });
});

test("without the codec what is plain is said", async () => {
  shop.when("charge", "blind", declined);
  await shop.failed("order", "blind", [{ id: "blind", amount: 7 }]);
  const { readRunEnd } = await import("../../activities/read-run-end.ts");
  const { runId } = await shop.client.workflow.getHandle("blind").describe();
  const end = await readRunEnd(world.dlo.temporal, [], { workflowId: "blind", runId });
  expect(end).toMatchObject({
    ...{ status: "failed", failedOf: { what: "activity", type: "charge", attempts: 3 } },
    error: { type: "CardDeclined", message: "Encoded failure" },
  });
});
