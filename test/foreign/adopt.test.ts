import { Client, Connection, type WorkflowHandle } from "@temporalio/client";
import proto from "@temporalio/proto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dlo, environmentOf } from "../cli/dlo.ts";
import { until } from "../setup/world.ts";
import { mirrorCodec } from "./mirror-codec.ts";
import { type Depot, isFound, openDepot, parcelOwner, sdks } from "./parcels.ts";

// Workflows and workers that this project did not write, in other languages, become letters and are retried. The office is
// the usual one, and knows nothing of them.

const printing = ["PrintLabel 1", "PrintLabel 2", "PrintLabel 3"];
const scan = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) % 256);
const marks = { memo: { note: "fragile" }, typedSearchAttributes: [{ key: parcelOwner, value: "ann" }] };

describe.each(sdks)("workflows of the %s SDK", (sdk) => {
  let depot: Depot;
  beforeAll(async () => {
    depot = await openDepot(sdk);
    await depot.office();
  });
  afterAll(async () => await depot?.close());

  test("one that failed of its second activity is adopted by the command, and its retry recovers with the same input", async () => {
    const parcel = depot.parcel("ship");
    const failed = await depot.failed("ShipParcel", "ship", [parcel], marks);
    await done(depot, "adopt", "--query", "WorkflowId = 'ship'", "--yes", "--by", "ann");
    const letter = await depot.dlo.letters.get("ship");
    expect(letter).toMatchObject({
      kind: "workflow",
      status: "parked",
      job: "ShipParcel",
      taskQueue: depot.taskQueue,
      runId: (await failed.describe()).runId,
      reason: "failed",
      errorType: "PrinterOffline",
      errorMessage: expect.stringContaining("printer 7 is offline, attempt 3") as string,
      attempts: 3,
      payload: parcel,
      source: { memo: { note: "fragile" }, searchAttributes: { ParcelOwner: expect.anything() as unknown } },
      failure: {
        causes: [{ message: "connection refused" }],
        properties: { details: [{ printer: 7 }] },
      },
    });
    expect(await payloadData(depot, letter.id)).toEqual(await inputOf(failed));
    const { deaths } = await depot.dlo.letters.story(letter.id);
    expect(deaths).toMatchObject([{ failure: { extra: { failedOf: { activity: "PrintLabel", attempts: 3 } } } }]);
    // Temporal keeps the last two attempts.
    expect(deaths[0]!.attemptRows.map(({ n, errorType }) => [n, errorType])).toEqual([
      [2, "PrinterOffline"],
      [3, "PrinterOffline"],
    ]);
    expect(deaths[0]!.attemptRows[0]!.errorMessage).toContain("attempt 2");

    depot.mend(parcel);
    await done(depot, "retry", letter.id, "--wait", "--by", "ann");
    expect(await depot.dlo.letters.get(letter.id)).toMatchObject({ status: "recovered", retries: 1, deaths: 1 });
    const again = depot.dlo.temporal.workflow.getHandle("ship");
    expect(await again.result()).toBe("ship is on its way");
    expect(await inputOf(again)).toEqual(await inputOf(failed));
    const described = await again.describe();
    expect(described).toMatchObject({ type: "ShipParcel", taskQueue: depot.taskQueue, memo: { note: "fragile" } });
    expect(described.typedSearchAttributes.get(parcelOwner)).toBe("ann");
    expect(depot.steps(parcel)).toEqual(["WeighParcel 1", ...printing, "WeighParcel 1", "PrintLabel 1", "HandOver 1"]);
  });

  test("retried before it is mended it dies again, to the same letter; --from-failure then does not weigh it anew", async () => {
    const parcel = depot.parcel("back");
    await depot.failed("ShipParcel", "back", [parcel]);
    expect(await depot.dlo.adopt({ query: "WorkflowId = 'back'", by: "ann" })).toMatchObject({ adopted: 1 });
    const { id } = await depot.dlo.letters.get("back");
    expect(await depot.dlo.letters.retry(id, { by: "ann", fromFailure: true, waitFor: "45 seconds" })).toMatchObject({
      id,
      status: "parked",
      deaths: 2,
      retries: 1,
    });
    depot.mend(parcel);
    await done(depot, "retry", id, "--from-failure", "--wait");
    expect(await depot.dlo.letters.get(id)).toMatchObject({ status: "recovered", deaths: 2, retries: 2 });
    expect(await depot.dlo.temporal.workflow.getHandle("back").result()).toBe("back is on its way");
    expect(depot.steps(parcel)).toEqual(["WeighParcel 1", ...printing, ...printing, "PrintLabel 1", "HandOver 1"]);
  });

  test("one that failed by itself has its own error: type, message, details and cause", async () => {
    await depot.failed("RefuseParcel", "refuse", [depot.parcel("refuse")]);
    await depot.dlo.adopt({ query: "WorkflowId = 'refuse'" });
    expect(await depot.dlo.letters.get("refuse")).toMatchObject({
      reason: "failed",
      errorType: "AddressUnknown",
      errorMessage: expect.stringContaining("there is no such street") as string,
      failure: {
        causes: [{ message: "the register has no Elm Street" }],
        properties: { details: [{ street: "Elm Street", number: 7 }] },
      },
    });
  });

  test("several arguments, bytes among them, come back byte for byte, with memo and search attributes", async () => {
    const parcel = depot.parcel("file");
    const failed = await depot.failed("FileScan", "file", ["Bill of lading", scan, parcel], marks);
    await depot.dlo.adopt({ query: "WorkflowId = 'file'" });
    const letter = await depot.dlo.letters.get("file");
    expect(letter).toMatchObject({ errorType: "DiskFull", errorMessage: "the disk is full", attempts: 1 });
    expect(letter.payload).toMatchObject(["Bill of lading", expect.anything(), parcel]);
    expect(await payloadData(depot, letter.id)).toEqual(await inputOf(failed));
    await expectToStoreScan(depot, parcel, letter.id);
  });

  test("one that ran into its time limit says so, and its retry has the same limit", async () => {
    const parcel = depot.parcel("late");
    const late = await depot.failed("AwaitPickup", "late", [parcel], { workflowRunTimeout: "5 seconds" });
    await depot.dlo.adopt({ query: "WorkflowId = 'late'" });
    const letter = await depot.dlo.letters.get("late");
    expect(letter).toMatchObject({ reason: "timed_out", category: "timeout", status: "parked", payload: parcel });
    depot.mend(parcel);
    expect(await depot.dlo.letters.retry(letter.id, { waitFor: "45 seconds" })).toMatchObject({ status: "recovered" });
    const again = depot.dlo.temporal.workflow.getHandle("late");
    expect(await again.result()).toBe("late was picked up by somebody");
    expect((await startOf(again)).workflowRunTimeout).toEqual((await startOf(late)).workflowRunTimeout);
  });

  test("one that was terminated is lost, by whom and why is told, and it goes on from where it was", async () => {
    const parcel = depot.parcel("ended");
    const running = await depot.start("AwaitPickup", "ended", [parcel]);
    // The step's answer has come to the workflow, which waits for somebody now.
    await until(async () => {
      const { events } = await running.fetchHistory();
      return events!.filter(({ workflowTaskCompletedEventAttributes: done }) => done).length === 2;
    });
    await running.terminate("the shop is closed for the day");
    await isFound(depot, "ended");
    await depot.dlo.adopt({ query: "WorkflowId = 'ended'" });
    const letter = await depot.dlo.letters.get("ended");
    expect(letter).toMatchObject({
      reason: "lost",
      category: "lost",
      errorMessage: expect.stringContaining("the shop is closed for the day") as string,
    });
    const retried = await depot.dlo.letters.retry(letter.id, { fromFailure: true, by: "ann" });
    expect(retried).toMatchObject({ status: "retrying" });
    await depot.dlo.temporal.workflow.getHandle("ended", retried.retryRunId!).signal("picked-up", "bob");
    await until(async () => (await depot.dlo.letters.get(letter.id)).status === "recovered");
    expect(await depot.dlo.temporal.workflow.getHandle("ended").result()).toBe("ended was picked up by bob");
    expect(depot.steps(parcel)).toEqual(["AskAtDesk 1"]);
  });

  test("an activity that was started by itself is adopted, too", async () => {
    const parcel = depot.parcel("alone");
    const { activity } = depot.dlo.temporal;
    const alone = await activity.start("PrintLabel", {
      ...{ id: "alone", taskQueue: depot.taskQueue, args: [parcel] },
      startToCloseTimeout: "10 seconds",
      retry: { maximumAttempts: 2, initialInterval: "10 ms" },
    });
    await alone.result().catch(() => undefined);
    await until(async () => {
      for await (const _ of activity.list("ActivityId = 'alone' AND ExecutionStatus = 'Failed'")) return true;
      return false;
    });
    await done(depot, "adopt", "--activities", "--query", "ActivityId = 'alone'", "--yes");
    const letter = await depot.dlo.letters.get("activity/alone");
    expect(letter).toMatchObject({
      kind: "activity",
      job: "PrintLabel",
      taskQueue: depot.taskQueue,
      errorType: "PrinterOffline",
      attempts: 2,
      payload: parcel,
    });
    depot.mend(parcel);
    expect(await depot.dlo.letters.retry(letter.id, { waitFor: "45 seconds" })).toMatchObject({ status: "recovered" });
    expect(depot.steps(parcel)).toEqual(["PrintLabel 1", "PrintLabel 2", "PrintLabel 1"]);
  });

  test("adopting once more adopts nothing, and what runs or went well is left alone", async () => {
    const parcel = depot.parcel("well");
    depot.mend(parcel);
    await (await depot.start("ShipParcel", "well", [parcel])).result();
    const running = await depot.start("AwaitPickup", "runs", [depot.parcel("runs")]);
    const query = `TaskQueue = '${depot.taskQueue}'`;
    await depot.dlo.adopt({ query });
    expect(await depot.dlo.adopt({ query })).toMatchObject({ adopted: 0 });
    const { letters } = await depot.dlo.letters.list("kind:workflow");
    expect(letters.map(({ workflowId }) => workflowId)).not.toContain("well");
    expect(letters.map(({ workflowId }) => workflowId)).not.toContain("runs");
    await running.signal("picked-up", "ann");
    expect(await running.result()).toBe("runs was picked up by ann");
  });
});

describe.each(sdks)("workflows of the %s SDK with a codec that the office does not have", (sdk) => {
  let depot: Depot;
  let client: Client;
  let connection: Connection;
  beforeAll(async () => {
    depot = await openDepot(sdk, true);
    await depot.office();
    connection = await Connection.connect({ address: depot.address });
    client = new Client({
      ...{ connection, namespace: depot.namespace },
      dataConverter: { payloadCodecs: [mirrorCodec] },
    });
  });
  afterAll(async () => {
    await connection?.close();
    await depot?.close();
  });

  test("payloads pass through unread: no word of them is stored to look at, and the retry has every byte", async () => {
    const parcel = depot.parcel("sealed");
    const failed = await depot.failed("FileScan", "sealed", ["a secret title", scan, parcel], { client, ...marks });
    await depot.dlo.adopt({ query: "WorkflowId = 'sealed'" });
    const letter = await depot.dlo.letters.get("sealed");
    expect(letter).toMatchObject({ status: "parked", errorType: "DiskFull", errorMessage: "the disk is full" });
    expect(JSON.stringify(letter)).not.toContain("a secret title");
    expect(await payloadData(depot, letter.id)).toEqual(await inputOf(failed));
    await expectToStoreScan(depot, parcel, letter.id, "a secret title");
    const again = client.workflow.getHandle("sealed");
    expect(await again.result()).toBe(scan.length);
    expect((await again.describe()).memo).toEqual({ note: "fragile" });
  });

  test("one goes back to before its failure as well", async () => {
    const parcel = depot.parcel("sealed-ship");
    await depot.failed("ShipParcel", "sealed-ship", [parcel], { client });
    await depot.dlo.adopt({ query: "WorkflowId = 'sealed-ship'" });
    depot.mend(parcel);
    const { id } = await depot.dlo.letters.get("sealed-ship");
    expect(await depot.dlo.letters.retry(id, { fromFailure: true, waitFor: "45 seconds" })).toMatchObject({
      status: "recovered",
    });
    expect(depot.steps(parcel)).toEqual(["WeighParcel 1", ...printing, "PrintLabel 1", "HandOver 1"]);
  });
});

/** Retries a scan's letter, and looks at what the step was given each time. */
async function expectToStoreScan(
  depot: Depot,
  parcel: ReturnType<Depot["parcel"]>,
  letterId: string,
  title = "Bill of lading",
): Promise<void> {
  depot.mend(parcel);
  expect(await depot.dlo.letters.retry(letterId, { waitFor: "45 seconds" })).toMatchObject({ status: "recovered" });
  const received = { title, scan: Buffer.from(scan).toString("base64"), note: "fragile", owner: "ann" };
  expect(depot.journal(parcel).map((step) => step.received)).toEqual([received, received]);
}

/** Runs a command, and asks of its words only that it has not failed. */
async function done(depot: Depot, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await dlo(args, { env: environmentOf(depot) });
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
}

async function startOf(handle: WorkflowHandle) {
  const { events } = await handle.fetchHistory();
  return events![0]!.workflowExecutionStartedEventAttributes!;
}

/** The input's bytes, as Temporal has them. */
async function inputOf(handle: WorkflowHandle): Promise<Buffer> {
  const { input } = await startOf(handle);
  return Buffer.from(proto.temporal.api.common.v1.Payloads.encode(input!).finish());
}

/** The input's bytes, as the letter has them. */
async function payloadData(depot: Depot, letterId: string): Promise<Buffer> {
  const [row] = await depot.sql`select payload_data from dlo.dead_letters where id = ${letterId}`;
  return Buffer.from(row!["payload_data"] as Uint8Array);
}
