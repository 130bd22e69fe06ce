import { WorkflowFailedError } from "@temporalio/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { CapturedRecord } from "../../client/index.ts";
import { letterWorkflowId } from "../../model/ids.ts";
import { defineJob, type JobContext } from "../../model/index.ts";
import { openWorld, until, type World } from "../setup/world.ts";

let world: World;
/** What the job's runs were given. */
const given: { input: unknown; ctx: Pick<JobContext, "headers" | "idempotencyKey" | "workflowId" | "retry"> }[] = [];
const failing = new Set<string>();

export const bookOrder = defineJob({
  name: "book-order",
  input: z.any(),
  key: (order: { order?: string }) => order.order,
  activity: { retry: { maximumAttempts: 1 } },
  deadLetter: { queue: "orders", retention: "3 days", tags: ["shop"] },
});
const plainJob = defineJob({ name: "book-plain", input: z.any(), deadLetter: false });

beforeAll(async () => {
  world = await openWorld();
  await world.office({ capture: { jobs: ["book-*", "no-such-job", "nobodys-job"], maximumBytes: 100_000 } });
  await world.worker({
    jobs: [bookOrder, plainJob].map((job) =>
      job.handle((input: unknown, { headers, idempotencyKey, workflowId, retry }) => {
        given.push({ input, ctx: { headers, idempotencyKey, workflowId, retry } });
        if (failing.has(workflowId)) throw new Error("still closed");
        return "booked";
      }),
    ),
  });
});
afterAll(async () => await world?.close());

let offsets = 0;
const record = (more: Partial<CapturedRecord> = {}): CapturedRecord => ({
  job: bookOrder,
  payload: { order: "A-1", amount: 3 },
  source: { system: "kafka", topic: "orders", partition: 3, offset: String(offsets++) },
  error: new RangeError("the shop is closed"),
  ...more,
});

test("a captured record is a letter, and its retry runs the job with payload, headers and key", async () => {
  const captured = await world.dlo.letters.capture(
    record({
      source: { partition: 3, system: "kafka", offset: "4711", topic: "orders" },
      headers: {
        tenant: "a",
        trace: Buffer.from("ü"),
        raw: new Uint8Array([255, 0]),
        twice: ["x", 1],
        none: undefined,
      },
      failedAt: 1_700_000_000_000,
      attempts: 4,
      tags: ["eu"],
      batch: "nightly",
      by: "consumer-7",
    }),
  );
  const id = "kafka:offset=4711,partition=3,topic=orders";
  expect(captured).toEqual({ letterId: expect.any(String) as string, isNew: true, status: "parked", workflowId: id });
  expect(await world.dlo.letters.get(captured.letterId)).toMatchObject({
    ...{ workflowId: id, kind: "record", job: "book-order", workflowType: "book-order", taskQueue: "jobs" },
    ...{
      queue: "orders",
      status: "parked",
      reason: "failed",
      errorType: "RangeError",
      errorMessage: "the shop is closed",
    },
    ...{ attempts: 4, deaths: 1, key: "A-1", batch: "nightly", idempotencyKey: id, startedBy: "consumer-7" },
    ...{
      payload: { order: "A-1", amount: 3 },
      source: { system: "kafka", topic: "orders", partition: 3, offset: "4711" },
    },
    ...{ headers: { tenant: "a", trace: "ü", raw: "/wA=", twice: "x, 1" }, tags: ["shop", "eu"] },
    failedAt: new Date(1_700_000_000_000),
  });
  const { events } = await world.dlo.letters.story(captured.letterId);
  expect(events.map(({ type }) => type).toSorted()).toEqual(["captured", "parked"]);
  expect(events.find(({ type }) => type === "captured")).toMatchObject({
    by: "consumer-7",
    data: { source: { offset: "4711" } },
  });
  // To hand a record over is not to look at its letter.
  const firstLooks = () => world.sql`select looked_how from dlo.first_looks where letter_id = ${captured.letterId}`;
  expect(await firstLooks()).toEqual([]);
  expect(await world.dlo.letters.retry(captured.letterId, { waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
    retries: 1,
  });
  expect(await firstLooks()).toEqual([{ looked_how: "retry_asked" }]);
  expect(given.filter(({ ctx }) => ctx.workflowId === id)).toEqual([
    {
      input: { order: "A-1", amount: 3 },
      ctx: {
        headers: { tenant: "a", trace: "ü", raw: "/wA=", twice: "x, 1" },
        idempotencyKey: id,
        workflowId: id,
        retry: 1,
      },
    },
  ]);
  // After its close the record has had its letter.
  expect(
    await world.dlo.letters.capture(
      record({ source: { system: "kafka", topic: "orders", partition: 3, offset: 4711 } }),
    ),
  ).toEqual({
    ...{ letterId: captured.letterId, isNew: false, status: "recovered", workflowId: id },
  });
  const again = await world.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).describe();
  expect(again.status.name).toBe("COMPLETED");
  expect(again.typedSearchAttributes.getAll().find(({ key }) => key.name === "DloStatus")?.value).toBe("recovered");
});

test("bytes are bytes when the job runs, and what a record lacks has its defaults", async () => {
  const before = Date.now();
  const { letterId, workflowId } = await world.dlo.letters.capture(
    record({
      payload: new Uint8Array([0, 255, 7]),
      error: "timeout",
      key: 7,
      category: "dependency",
      queue: "by-hand",
    }),
  );
  const letter = await world.dlo.letters.get(letterId);
  expect(letter).toMatchObject({
    ...{
      payload: { base64: "AP8H" },
      errorType: "NonError",
      errorMessage: "timeout",
      category: "dependency",
      key: "7",
    },
    ...{ queue: "by-hand", attempts: 1, startedBy: "tester", tags: ["shop"], batch: null, headers: {}, closedAt: null },
  });
  expect(letter.failedAt.getTime()).toBeGreaterThanOrEqual(before);
  await world.dlo.letters.retry(letterId, { waitFor: "30 seconds" });
  const [run] = given.filter(({ ctx }) => ctx.workflowId === workflowId);
  expect(Buffer.from(run!.input as Uint8Array)).toEqual(Buffer.from([0, 255, 7]));
});

test("its letter takes commands as any other: it dies again, is amended, and is found by its source", async () => {
  const { letterId, workflowId } = await world.dlo.letters.capture(record({ key: "A-9" }));
  failing.add(workflowId);
  expect(await world.dlo.letters.retry(letterId, { waitFor: "30 seconds" })).toMatchObject({
    ...{ status: "parked", deaths: 2, errorMessage: "still closed", kind: "record", retries: 1 },
  });
  // It is the same record still.
  expect(
    await world.dlo.letters.capture(record({ source: (await world.dlo.letters.get(letterId)).source as never })),
  ).toEqual({
    ...{ letterId, isNew: false, status: "parked", workflowId },
  });
  failing.delete(workflowId);
  await world.dlo.letters.amend(letterId, { input: { order: "A-10" }, unchecked: true });
  expect(await world.dlo.letters.retry(letterId, { waitFor: "30 seconds" })).toMatchObject({ status: "recovered" });
  const { source } = await world.dlo.letters.get(letterId);
  const offset = (source as { offset: string }).offset;
  const found = await world.dlo.letters.list(`kind:record source.topic=orders source.offset="${offset}"`);
  expect(found.letters.map(({ id }) => id)).toEqual([letterId]);
});

test("Web UI says what it is and where it came from, before and after", async () => {
  const { workflowId } = await world.dlo.letters.capture(record({ by: "consumer-7" }));
  const handle = world.dlo.temporal.workflow.getHandle(letterWorkflowId(workflowId));
  const { raw, typedSearchAttributes } = await handle.describe();
  const { payloadConverter } = world.dlo.temporal.options.loadedDataConverter;
  const [summary, details] = [raw.executionConfig?.userMetadata?.summary, raw.executionConfig?.userMetadata?.details];
  expect(payloadConverter.fromPayload(summary!)).toBe("book-order · captured · RangeError: the shop is closed");
  expect(payloadConverter.fromPayload(details!)).toMatch(
    /^\*\*book-order\*\* captured from `kafka offset=\d+ partition=3 topic=orders` by consumer-7/,
  );
  const { currentDetails } = await handle.query<{ currentDetails: string }>("__temporal_workflow_metadata");
  expect(currentDetails).toMatch(/\*\*Captured from\*\* `kafka offset=\d+ partition=3 topic=orders`/);
  expect(Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]))).toMatchObject({
    ...{
      DloJob: "book-order",
      DloQueue: "orders",
      DloStatus: "parked",
      DloCategory: "code",
      DloErrorType: "RangeError",
    },
    DloKey: "A-1",
  });
});

test("one record captured by ten at once is one letter, new for one of them", async () => {
  const same = record();
  const all = await Promise.all(Array.from({ length: 10 }, async () => await world.dlo.letters.capture(same)));
  expect(new Set(all.map(({ letterId }) => letterId)).size).toBe(1);
  expect(all.filter(({ isNew }) => isNew)).toHaveLength(1);
  const [row] = await world.sql`
    select count(*)::int letters, sum(deaths)::int deaths from dlo.dead_letters where workflow_id = ${all[0]!.workflowId}`;
  expect(row).toEqual({ letters: 1, deaths: 1 });
  // And so it is once more after its close, ten at once.
  await world.dlo.letters.discard(all[0]!.letterId);
  const later = await Promise.all(Array.from({ length: 10 }, async () => await world.dlo.letters.capture(same)));
  for (const one of later) expect(one).toMatchObject({ letterId: all[0]!.letterId, isNew: false, status: "discarded" });
});

test("a letter whose workflow somebody terminated is begun again by its record", async () => {
  const same = record();
  const { letterId, workflowId } = await world.dlo.letters.capture(same);
  await world.dlo.temporal.workflow.getHandle(letterWorkflowId(workflowId)).terminate("by mistake");
  expect(await world.dlo.letters.capture(same)).toMatchObject({ letterId, isNew: false, status: "parked" });
  expect(await world.dlo.letters.retry(letterId, { waitFor: "30 seconds" })).toMatchObject({
    status: "recovered",
    deaths: 1,
  });
});

test("offsets in any order, and some twice, are one letter each", async () => {
  const shuffled = [5, 1, 4, 1, 3, 0, 2, 5].map((offset) =>
    record({ source: { system: "kafka", topic: "shuffled", offset } }),
  );
  const seen: number[] = [];
  const report = await world.dlo.letters.captureAll(shuffled, { lanes: 3, onRecord: ({ n }) => seen.push(n) });
  expect(report).toEqual({ captured: 6, here: 2, waiting: 0, refused: 0, checked: 0, missing: [] });
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  const [row] = await world.sql`
    select count(*)::int letters, sum(deaths)::int deaths from dlo.dead_letters where source->>'topic' = 'shuffled'`;
  expect(row).toEqual({ letters: 6, deaths: 6 });
});

test("what breaks a rule is refused with the reason, leaves nothing, and the rest of the batch goes on", async () => {
  const source = (offset: number) => ({ system: "kafka", topic: "mixed", offset });
  const batch = [
    record({ source: source(0) }),
    record({ source: source(1), job: "no-such-job" }),
    record({ source: source(2), job: "send-mail" }),
    record({ source: source(3), payload: "x".repeat(150_000) }),
    record({ source: source(4), payload: "x".repeat(2_000_000) }),
    record({ source: source(5), job: "deadLetter" }),
    record({ source: { system: "temporal", workflow: "dead-letter/order-1" } }),
    record({ source: {} }),
    { ...record({ source: source(8) }), paylaod: 1 } as CapturedRecord,
    record({ source: source(9), job: plainJob }),
  ];
  const outcomes: string[] = [];
  const report = await world.dlo.letters.captureAll(batch, {
    onRecord: ({ outcome, code, why }) => outcomes.push([outcome, code, why].filter(Boolean).join(" ")),
  });
  expect(report).toMatchObject({ captured: 2, refused: 8, here: 0, waiting: 0 });
  expect(report.missing.map(({ n }) => n)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  expect(outcomes).toEqual([
    "captured",
    expect.stringMatching(/^refused JOB_UNKNOWN There is no job "no-such-job".*book-order, book-plain/),
    expect.stringMatching(/^refused CAPTURE_REFUSED this office takes no records for job "send-mail".*book-\*/),
    expect.stringMatching(/^refused INPUT_TOO_LARGE .* has 150\d\d\d bytes, and at most 100000 /),
    expect.stringMatching(/^refused INPUT_TOO_LARGE .* at most 1900000 /),
    expect.stringMatching(/^refused CAPTURE_REFUSED "deadLetter" is no job/),
    expect.stringMatching(/^refused CAPTURE_REFUSED .*a letter of a letter would have no end/),
    expect.stringMatching(/^refused INPUT_INVALID source has no coordinate/),
    expect.stringMatching(/^refused INPUT_INVALID Unknown field of a record "paylaod"\. Did you mean "payload"\?/),
    "captured",
  ]);
  const rows =
    await world.sql`select source->>'offset' as offset from dlo.dead_letters where source->>'topic' = 'mixed'`;
  expect(rows.map(({ offset }) => offset as string).toSorted()).toEqual(["0", "9"]);
});

test("a refused record's workflow says why, and one that was mended is captured under the same source", async () => {
  const refused = record({ job: "no-such-job" });
  const error = await world.dlo.letters.capture(refused).then(
    () => undefined,
    (why: { code: string; details: { workflowId: string } }) => why,
  );
  expect(error).toMatchObject({ code: "JOB_UNKNOWN" });
  const handle = world.dlo.temporal.workflow.getHandle(letterWorkflowId(error!.details.workflowId));
  await until(async () => (await handle.describe()).status.name === "FAILED");
  const ended = await handle.result().catch((failure: unknown) => failure);
  expect(ended).toBeInstanceOf(WorkflowFailedError);
  expect((ended as WorkflowFailedError).cause).toMatchObject({ type: "JOB_UNKNOWN" });
  const attributes = (await handle.describe()).typedSearchAttributes.getAll();
  expect(attributes.filter(({ key }) => key.name.startsWith("Dlo"))).toEqual([]);
  expect(await world.dlo.letters.capture({ ...refused, job: bookOrder })).toMatchObject({ isNew: true });
});

test("a job that no worker can describe is taken all the same, and its story says so", async () => {
  const { letterId } = await world.dlo.letters.capture(record({ job: "nobodys-job", taskQueue: "nobody-polls-here" }));
  expect(await world.dlo.letters.get(letterId)).toMatchObject({
    queue: "default",
    taskQueue: "nobody-polls-here",
    tags: [],
  });
  const { events } = await world.dlo.letters.story(letterId);
  expect(events.find(({ type }) => type === "captured")).toMatchObject({ data: { unchecked: true } });
});

test("a job without dead letters of its own keeps its record's letter through a failed retry", async () => {
  const { letterId, workflowId } = await world.dlo.letters.capture(record({ job: plainJob }));
  failing.add(workflowId);
  const retried = world.dlo.letters.retry(letterId, {
    waitFor: "30 seconds",
    run: { activity: { retry: { maximumAttempts: 1 } } },
  });
  expect(await retried).toMatchObject({
    status: "parked",
    deaths: 2,
    errorMessage: expect.stringContaining("still closed") as string,
  });
});

test("a record does not take the letter of a job that was started under its id", async () => {
  const same = record();
  const { topic, partition, offset } = same.source;
  const id = `kafka:offset=${offset},partition=${partition},topic=${topic}`;
  failing.add(id);
  await (await world.dlo.start(bookOrder, { order: "own" }, { id })).result().catch(() => undefined);
  await expect(world.dlo.letters.capture(same)).rejects.toMatchObject({ code: "CAPTURE_REFUSED" });
  expect(await world.dlo.letters.get(id)).toMatchObject({ kind: "job", deaths: 1 });
  await world.dlo.temporal.workflow.getHandle(letterWorkflowId(id)).terminate("by mistake");
  await expect(world.dlo.letters.capture(same)).rejects.toMatchObject({ code: "CAPTURE_REFUSED" });
  expect(await world.dlo.letters.get(id)).toMatchObject({ kind: "job", deaths: 1 });
});

test("a letter that continues as new still answers for its record", async () => {
  const same = record();
  const { letterId, workflowId } = await world.dlo.letters.capture(same);
  const handle = world.dlo.temporal.workflow.getHandle(letterWorkflowId(workflowId));
  const { runId } = await handle.describe();
  for (let n = 0; n < 60; n++) await world.dlo.letters.note(letterId, { text: `note ${n}` });
  await until(async () => (await handle.describe()).runId !== runId);
  expect(await world.dlo.letters.capture(same)).toMatchObject({ letterId, isNew: false, status: "parked" });
});

test("a captured record whose row is gone has it back, with its payload", async () => {
  const { letterId, workflowId } = await world.dlo.letters.capture(record({ headers: { tenant: "b" }, attempts: 2 }));
  failing.add(workflowId);
  await world.dlo.letters.retry(letterId, { by: "ann" });
  await until(async () => (await world.dlo.letters.get(letterId)).deaths === 2);
  await until(async () => (await world.dlo.letters.get(letterId)).status === "parked");
  const before = await world.dlo.letters.get(letterId);
  await world.sql`delete from dlo.dead_letters where id = ${letterId}`;
  const { items } = await world.dlo.reconcile();
  expect(items.filter((item) => item.letterId === letterId)).toMatchObject([{ finding: "no_row", mended: true }]);
  const {
    retriedAt: _,
    retryRunId: __,
    ownPolicy: ___,
    tags: ____,
    retentionMs: _____,
    keepForMs: ______,
    ...same
  } = before;
  expect(await world.dlo.letters.get(letterId)).toMatchObject(same);
  failing.delete(workflowId);
  await world.dlo.letters.retry(letterId, { by: "ann" });
  await until(async () => (await world.dlo.letters.get(letterId)).status === "recovered");
  expect(given.at(-1)).toMatchObject({ input: { order: "A-1", amount: 3 }, ctx: { headers: { tenant: "b" } } });
});
