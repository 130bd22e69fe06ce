import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Captured, CapturedRecord } from "../../client/index.ts";
import { capturing, type KafkaMessage } from "../../examples/kafka-capture.ts";
import { capturingBatch, type SqsItem } from "../../examples/sqs-capture.ts";
import { readCapturedRecord } from "../../model/captured-record.ts";
import { recordId } from "../../model/record-id.ts";

// The adapters on messages as kafkajs 2 and Lambda hand them over, without a broker. What they capture has to be a record.

function office(refuse: (record: CapturedRecord) => Error | undefined = () => undefined) {
  const records: CapturedRecord[] = [];
  const capture = async (record: CapturedRecord): Promise<Captured> => {
    readCapturedRecord(record, { by: "test", nowMs: Date.now() });
    const refusal = refuse(record);
    if (refusal !== undefined) throw refusal;
    records.push(record);
    return { letterId: "letter", isNew: true, status: "parked", workflowId: recordId(record.source) };
  };
  return { dlo: { letters: { capture } } as never, records };
}

const failing = async () => {
  await Promise.resolve();
  throw new RangeError("no such order");
};

describe("Kafka", () => {
  /** As kafkajs 2.2 hands it to `eachMessage`. */
  const recorded = (): KafkaMessage & { message: Record<string, unknown>; pause: () => () => void } => ({
    topic: "orders",
    partition: 3,
    message: {
      magicByte: 2,
      attributes: 0,
      timestamp: "1732786200123",
      offset: "4711",
      key: Buffer.from("A-1"),
      value: Buffer.from('{"order":"A-1","cents":1250}'),
      headers: { tenant: Buffer.from("eu"), traceparent: [Buffer.from("one"), Buffer.from("two")] },
      isControlRecord: false,
      batchContext: { firstOffset: "4700", firstTimestamp: "1732786200000", partitionLeaderEpoch: 0 },
    },
    heartbeat: async () => await Promise.resolve(),
    pause: () => () => undefined,
  });

  test("what is processed is not captured", async () => {
    const { dlo, records } = office();
    const seen: string[] = [];
    await capturing(dlo, "book-order", async ({ message }) => void seen.push(message.offset))(recorded());
    expect({ seen, records }).toEqual({ seen: ["4711"], records: [] });
  });

  test("what fails is captured with all that it has, and the offset may be committed", async () => {
    const { dlo, records } = office();
    await expect(capturing(dlo, "book-order", failing)(recorded())).resolves.toBeUndefined();
    expect(records).toMatchObject([
      {
        ...{ job: "book-order", payload: { order: "A-1", cents: 1250 }, key: "A-1", tags: ["topic:orders"] },
        source: { system: "kafka", topic: "orders", partition: 3, offset: "4711" },
        error: { message: "no such order" },
      },
    ]);
    const { memo, capture } = readCapturedRecord(records[0], { by: "test", nowMs: Date.now() });
    expect(memo).toMatchObject({ headers: { tenant: "eu", traceparent: "one, two" }, key: "A-1" });
    expect(capture.error.type).toBe("RangeError");
  });

  test("where the capture fails too it throws both, and the offset stays", async () => {
    const { dlo } = office(() => new Error("Temporal has the record, and no office has answered"));
    const error = (await capturing(
      dlo,
      "book-order",
      failing,
    )(recorded()).catch((why: unknown) => why)) as AggregateError;
    expect(error.message).toContain("Neither processed nor captured: Temporal has the record");
    expect(error.errors.map(({ message }: Error) => message)).toContain("no such order");
  });

  test("it beats while it waits for the office", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const heartbeat = vi.fn<() => Promise<void>>().mockRejectedValue(new Error("not now"));
    let answer = (_: Captured) => {};
    const capture = async () => await new Promise<Captured>((resolve) => (answer = resolve));
    const done = capturing({ letters: { capture } } as never, "book-order", failing)({ ...recorded(), heartbeat });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(heartbeat.mock.calls.length).toBeGreaterThanOrEqual(3);
    answer({ letterId: "letter", isNew: true, status: "parked", workflowId: "w" });
    await done;
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each<[string, Buffer | string | null, unknown]>([
    ["a tombstone", null, null],
    ["bytes", Buffer.from([0, 255, 7]), new Uint8Array([0, 255, 7])],
    ["a text that is no JSON", "plain", new TextEncoder().encode("plain")],
  ])("%s is a payload too", async (_, value, payload) => {
    const { dlo, records } = office();
    const given = recorded();
    await capturing(dlo, "book-order", failing)({ ...given, message: { offset: "1", value, key: null } });
    expect(records[0]!.payload).toEqual(payload);
  });
});

describe("SQS", () => {
  /** An item of a batch as AWS documents it for Lambda. */
  const item = (n: number, more: Partial<SqsItem> = {}): SqsItem & Record<string, unknown> => ({
    messageId: `059f36b4-87a3-44ab-83d2-66197571696${n}`,
    receiptHandle: "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
    body: `{"order":${n}}`,
    attributes: {
      ApproximateReceiveCount: "2",
      SentTimestamp: "1545082649183",
      SenderId: "AIDAIENQZJOLO23YVJ4VO",
      ApproximateFirstReceiveTimestamp: "1545082649185",
    } as SqsItem["attributes"],
    messageAttributes: {
      tenant: { stringValue: "eu", dataType: "String" },
      raw: { binaryValue: "w7w=", dataType: "Binary" },
    },
    md5OfBody: "e4e68fb7bd0e697a0ae8f1bb342846b3",
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:orders",
    awsRegion: "eu-west-1",
    ...more,
  });
  const process = async ({ body }: SqsItem) => {
    await Promise.resolve();
    if (!body.includes("1")) throw new RangeError(`no such order: ${body}`);
  };

  test("item by item: only what was neither processed nor captured comes again", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    onTestFinished(() => log.mockRestore());
    const { dlo, records } = office(({ payload }) =>
      JSON.stringify(payload) === '{"order":3}' ? new Error("unknown job") : undefined,
    );
    const answer = await capturingBatch(dlo, "book-order", process)({ Records: [1, 2, 3, 4].map((n) => item(n)) });
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: item(3).messageId }] });
    expect(records.map(({ payload }) => payload)).toEqual([{ order: 2 }, { order: 4 }]);
    expect(records[0]).toMatchObject({
      source: { system: "sqs", queue: "arn:aws:sqs:eu-west-1:123456789012:orders", message: item(2).messageId },
      attempts: 2,
    });
    expect(readCapturedRecord(records[0], { by: "test", nowMs: 1 }).memo.headers).toEqual({ tenant: "eu", raw: "ü" });
    expect(log).toHaveBeenCalledOnce();
  });

  test("in a FIFO queue what comes again holds back what is behind it in its group", async () => {
    const { dlo, records } = office();
    const seen: string[] = [];
    const handler = capturingBatch(
      dlo,
      "book-order",
      async (one) => {
        seen.push(one.body);
        await process(one);
      },
      { afterReceives: 5 },
    );
    const of = (n: number, group: string, queue: string) =>
      item(n, {
        attributes: { ApproximateReceiveCount: "1", MessageGroupId: group },
        body: n === 2 ? "fails" : `1 or ${n}`,
        eventSourceARN: `arn:aws:sqs:eu-west-1:123456789012:${queue}`,
      });
    const batch = (queue: string) => ({
      Records: [of(1, "a", queue), of(2, "a", queue), of(3, "b", queue), of(4, "a", queue)],
    });
    expect(await handler(batch("orders.fifo"))).toEqual({
      batchItemFailures: [{ itemIdentifier: item(2).messageId }, { itemIdentifier: item(4).messageId }],
    });
    expect(seen).toEqual(["1 or 1", "fails", "1 or 3"]);
    // Where there is no order, nothing waits.
    expect(await handler(batch("orders"))).toEqual({ batchItemFailures: [{ itemIdentifier: item(2).messageId }] });
    expect(records).toEqual([]);
  });

  test("the queue may try first", async () => {
    const { dlo, records } = office();
    const handler = capturingBatch(dlo, "book-order", process, { afterReceives: 3 });
    const often = item(2, { attributes: { ApproximateReceiveCount: "3" }, body: "plain" });
    expect(await handler({ Records: [item(2), often] })).toEqual({
      batchItemFailures: [{ itemIdentifier: item(2).messageId }],
    });
    expect(records.map(({ payload, attempts }) => ({ payload, attempts }))).toEqual([
      { payload: "plain", attempts: 3 },
    ]);
  });
});
