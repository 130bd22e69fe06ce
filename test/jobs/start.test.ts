import { WorkflowFailedError } from "@temporalio/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineJob } from "../../model/index.ts";
import { openWorld, type World } from "../setup/world.ts";
import { dieOf, eventTypes, gate, inquest } from "./coroner.ts";

let world: World;
const mended = new Set<string>();
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const order = z.object({ order: z.string(), amount: z.number().positive() });
const pay = defineJob({
  name: "pay",
  input: order,
  key: (input) => `order ${input.order}`,
  activity: { retry: { maximumAttempts: 1 } },
});
const echo = defineJob({ name: "echo", input: z.unknown() });
const waits = defineJob({ name: "waits", input: z.object({}) });
const plain = defineJob({
  name: "plain",
  input: z.object({}),
  deadLetter: false,
  activity: { retry: { maximumAttempts: 1 } },
});
const bulky = defineJob({
  name: "bulky",
  input: z.object({ text: z.string() }),
  activity: { retry: { maximumAttempts: 1 } },
});
const released = gate();

beforeAll(async () => {
  world = await openWorld();
  await world.office();
  await world.worker({
    jobs: [
      pay.handle(({ order }, ctx) => {
        const { headers, idempotencyKey, retry, deaths, workflowId } = ctx;
        if (mended.has(order)) return { headers, idempotencyKey, retry, deaths };
        throw Object.assign(new Error("bank is closed"), { headers, seen: { idempotencyKey, workflowId } });
      }),
      echo.handle((input) => ({ input })),
      waits.handle(async () => await released.opened),
      plain.handle(() => {
        throw new RangeError("simply failed");
      }),
      bulky.handle(({ text }, { retry }) => {
        if (retry > 0) return text.length;
        throw new Error("too much to carry");
      }),
    ],
  });
});
afterAll(async () => {
  released.open();
  await world?.close();
});

test("an input that breaks the schema is refused with all its violations, and nothing is started", async () => {
  const bad = { order: 7, amount: -1 } as never;
  const refused = await world.dlo.start(pay, bad, { id: "bad" }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "INPUT_INVALID" });
  expect((refused as { details: { violations: string[] } }).details.violations).toEqual([
    expect.stringMatching(/^order: /),
    expect.stringMatching(/^amount: /),
  ]);
  expect(await isThere("bad")).toBe(false);
});

test("an input too large for Temporal is refused at the start", async () => {
  const input = { text: "x".repeat(1_950_000) };
  await expect(world.dlo.start(bulky, input, { id: "too-large" })).rejects.toMatchObject({ code: "INPUT_TOO_LARGE" });
  expect(await isThere("too-large")).toBe(false);
  // Headers reach the handler beside the input, and weigh with it.
  const headers = { note: "y".repeat(200_000) };
  const both = world.dlo.start(bulky, { text: "x".repeat(1_800_000) }, { headers });
  await expect(both).rejects.toMatchObject({ code: "INPUT_TOO_LARGE" });
});

test("the largest input that is taken also dies, is parked, and is retried", async () => {
  const { letter } = await dieOf(world, bulky, { text: "x".repeat(1_899_000) });
  const recovered = await world.dlo.letters.retry(letter.id, { waitFor: "30 seconds" });
  expect(recovered.status).toBe("recovered");
  expect(await world.dlo.temporal.workflow.getHandle(letter.workflowId).result()).toBe(1_899_000);
});

test("an id whose run is under way, or has succeeded, is refused; one that failed starts again", async () => {
  await world.dlo.start(waits, {}, { id: "busy" });
  await expect(world.dlo.start(waits, {}, { id: "busy" })).rejects.toMatchObject({ code: "ALREADY_STARTED" });
  await world.dlo.run(echo, 1, { id: "done" });
  await expect(world.dlo.start(echo, 1, { id: "done" })).rejects.toMatchObject({ code: "ALREADY_STARTED" });
  await expect(world.dlo.run(plain, {}, { id: "failed" })).rejects.toThrow("Workflow execution failed");
  await expect(world.dlo.run(plain, {}, { id: "failed" })).rejects.toMatchObject({ name: "WorkflowFailedError" });
});

test.for([
  [{ idempotencykey: "x" }, 'Did you mean "idempotencyKey"?'],
  [{ id: "" }, "id must be a text"],
  [{ id: "x".repeat(981) }, "at most 980"],
  [{ id: "dead-letter/pay-7" }, "dead letters have such ids"],
  [{ headers: { retries: 3 } }, "headers must be an object of texts"],
  [{ startDelay: "soon" }, "Expected startDelay to be a duration"],
] as const)("a start option that makes no sense is refused: %#", async ([options, why]) => {
  const refused = world.dlo.start(pay, { order: "1", amount: 1 }, options as never);
  await expect(refused).rejects.toMatchObject({ code: "USAGE", message: expect.stringContaining(why) });
});

test("headers, idempotency key, key and batch reach the handler and the record, and stay over a retry (promise 18)", async () => {
  const headers = { traceparent, tenant: "acme" };
  const { letter } = await dieOf(
    world,
    pay,
    { order: "7", amount: 1 },
    { headers, idempotencyKey: "once-7", batch: "night" },
  );
  expect(letter).toMatchObject({
    headers,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    idempotencyKey: "once-7",
    key: "order 7",
    batch: "night",
    payload: { order: "7", amount: 1 },
    failure: { properties: { seen: { idempotencyKey: "once-7" } } },
  });
  mended.add("7");
  await world.dlo.letters.retry(letter.id, { waitFor: "30 seconds" });
  const result = await world.dlo.temporal.workflow.getHandle(letter.workflowId).result();
  expect(result).toEqual({ headers, idempotencyKey: "once-7", retry: 1, deaths: 1 });
});

test("the idempotency key is the job's id by default, and the key is the contract's or the caller's", async () => {
  const { letter } = await dieOf(world, pay, { order: "8", amount: 1 }, { id: "pay-8", key: "my own" });
  expect(letter).toMatchObject({
    idempotencyKey: "pay-8",
    key: "my own",
    failure: { properties: { seen: { idempotencyKey: "pay-8" } } },
  });
  await expect
    .poll(async () => await idsOf(`WorkflowType = 'pay' AND DloJob = 'pay' AND DloKey = 'my own'`))
    .toEqual(["pay-8"]);
});

test("result fails at the death, or waits through it until the letter is closed", async () => {
  const run = await world.dlo.start(pay, { order: "9", amount: 1 });
  const waited = run.result({ until: "closed" });
  const { letter } = await inquest(world, run.workflowId);
  await expect(run.result()).rejects.toMatchObject({
    code: "JOB_DIED",
    details: { letterId: letter.id, workflowId: run.workflowId },
  });
  mended.add("9");
  await world.dlo.letters.retry(letter.id);
  expect(await waited).toMatchObject({ retry: 1 });
});

test("result until closed fails where the letter was closed without a success", async () => {
  const run = await world.dlo.start(pay, { order: "10", amount: 1 });
  const waited = run.result({ until: "closed" });
  waited.catch(() => undefined);
  const { letter } = await inquest(world, run.workflowId);
  await world.dlo.letters.discard(letter.id, { by: "ann", reason: "a test order" });
  await expect(waited).rejects.toMatchObject({ code: "LETTER_CLOSED", details: { status: "discarded" } });
});

test("a job without dead letters simply fails, of its own error", async () => {
  const failed = (await world.dlo
    .run(plain, {}, { id: "no-letters" })
    .catch((error: unknown) => error)) as WorkflowFailedError;
  expect(failed).toBeInstanceOf(WorkflowFailedError);
  expect(failed.cause?.cause).toMatchObject({ type: "RangeError", message: "simply failed" });
  await expect(world.dlo.letters.get("no-letters")).rejects.toMatchObject({ code: "LETTER_NOT_FOUND" });
});

test.for([
  ["a plain one", {}],
  ["one with headers and a batch", { headers: { tenant: "acme" }, batch: "b" }],
] as const)("a job that succeeds has the eleven events of a bare workflow: %s", async ([, options]) => {
  const run = await world.dlo.start(echo, 1, options);
  await run.result();
  expect(await eventTypes(world, run.workflowId)).toHaveLength(11);
});

async function idsOf(query: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { workflowId } of world.dlo.temporal.workflow.list({ query })) ids.push(workflowId);
  return ids;
}

async function isThere(workflowId: string): Promise<boolean> {
  return await world.dlo.temporal.workflow
    .getHandle(workflowId)
    .describe()
    .then(
      () => true,
      () => false,
    );
}
