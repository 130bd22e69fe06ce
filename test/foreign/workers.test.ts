import { Client, Connection, type WorkflowHandle } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mirrorCodec } from "./mirror-codec.ts";
import { type Depot, openDepot, parcelOwner, sdks } from "./parcels.ts";

// The workers do what the other tests here need of them, before an office comes into it.

describe.each(sdks)("the worker of the %s SDK", (sdk) => {
  let depot: Depot;
  beforeAll(async () => (depot = await openDepot(sdk)));
  afterAll(async () => await depot?.close());

  test("fails in its second step until that is mended", async () => {
    const parcel = depot.parcel("fails");
    const failed = await depot.start("ShipParcel", "fails", [parcel]);
    expect(await causesOf(failed)).toMatchObject([
      { message: "Workflow execution failed" },
      { message: expect.stringContaining("ctivity"), activityType: "PrintLabel" },
      {
        message: expect.stringContaining("printer 7 is offline, attempt 3"),
        type: "PrinterOffline",
        details: [{ printer: 7 }],
      },
      { message: "connection refused" },
    ]);
    expect(depot.steps(parcel)).toEqual(["WeighParcel 1", "PrintLabel 1", "PrintLabel 2", "PrintLabel 3"]);
    const mended = depot.parcel("mended");
    depot.mend(mended);
    expect(await (await depot.start("ShipParcel", "mended", [mended])).result()).toBe("mended is on its way");
    expect(depot.steps(mended)).toEqual(["WeighParcel 1", "PrintLabel 1", "HandOver 1"]);
  });

  test("fails by itself, with a type, details and a cause", async () => {
    const refused = await depot.start("RefuseParcel", "refused", [depot.parcel("refused")]);
    expect(await causesOf(refused)).toMatchObject([
      { message: "Workflow execution failed" },
      {
        message: expect.stringContaining("there is no such street"),
        type: "AddressUnknown",
        details: [{ street: "Elm Street", number: 7 }],
      },
      { message: "the register has no Elm Street" },
    ]);
  });

  test("runs into its time limit, and ends well if somebody comes before", async () => {
    const late = await depot.start("AwaitPickup", "late", [depot.parcel("late")], { workflowRunTimeout: "1 second" });
    expect(await causesOf(late)).toMatchObject([{}, { message: expect.stringMatching(/timed out/i) }]);
    const inTime = await depot.start("AwaitPickup", "in-time", [depot.parcel("in-time")]);
    await inTime.signal("picked-up", "ann");
    expect(await inTime.result()).toBe("in-time was picked up by ann");
  });

  test("reads its arguments, bytes among them, its memo and its search attributes", async () => {
    await expectAllRead(depot, depot.dlo.temporal);
  });
});

describe.each(sdks)("the worker of the %s SDK with a codec of its own", (sdk) => {
  let depot: Depot;
  beforeAll(async () => (depot = await openDepot(sdk, true)));
  afterAll(async () => await depot?.close());

  test("reads what was written with it", async () => {
    const connection = await Connection.connect({ address: depot.address });
    const { namespace } = depot;
    await expectAllRead(depot, new Client({ connection, namespace, dataConverter: { payloadCodecs: [mirrorCodec] } }));
    await connection.close();
  });
});

async function expectAllRead(depot: Depot, client: Client): Promise<void> {
  const scan = Uint8Array.from({ length: 256 }, (_, i) => i);
  const parcel = depot.parcel("scan");
  depot.mend(parcel);
  const filed = await depot.start("FileScan", "scan", ["Bill of lading", scan, parcel], {
    client,
    memo: { note: "fragile" },
    typedSearchAttributes: [{ key: parcelOwner, value: "ann" }],
  });
  expect(await filed.result()).toBe(256);
  expect(depot.journal(parcel).map(({ received }) => received)).toEqual([
    { title: "Bill of lading", scan: Buffer.from(scan).toString("base64"), note: "fragile", owner: "ann" },
  ]);
}

/** What it ended with, and what that came of, down to the first. */
async function causesOf(handle: WorkflowHandle): Promise<unknown[]> {
  const chain: unknown[] = [];
  const failure: unknown = await handle.result().then(
    () => undefined,
    (error: unknown) => error,
  );
  for (let next = failure; next instanceof Error; next = next.cause) chain.push(next);
  return chain;
}
