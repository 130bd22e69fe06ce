// A Lambda handler for an SQS queue that captures what it could not process, item by item. The event source mapping must have
// FunctionResponseTypes: ["ReportBatchItemFailures"], or Lambda takes the whole batch for done.
//
//   const dlo = await connect();
//   export const handler = capturingBatch(dlo, bookOrder, async ({ body }) => book(JSON.parse(body)));
//
// Plain functions: tested on recorded events, without AWS.
import type { CapturedRecord, Dlo } from "dead-letter-office/client";

/** What of Lambda's `SQSRecord` is used. */
export type SqsItem = {
  readonly messageId: string;
  readonly body: string;
  readonly eventSourceARN: string;
  readonly attributes: {
    readonly ApproximateReceiveCount?: string;
    readonly SentTimestamp?: string;
    readonly MessageGroupId?: string;
  };
  readonly messageAttributes: Readonly<
    Record<string, { readonly stringValue?: string; readonly binaryValue?: string; readonly dataType: string }>
  >;
};

export type SqsBatch<Item extends SqsItem> = { readonly Records: readonly Item[] };

/** What Lambda is to bring again. */
export type SqsAnswer = { readonly batchItemFailures: { readonly itemIdentifier: string }[] };

export type SqsOptions = {
  /** From which receive on an item that fails is captured; before that the queue brings it again. @default 1 */
  readonly afterReceives?: number;
};

/**
 * Processes a batch one item after the other. What fails becomes a letter whose retry runs the job; only what was neither processed
 * nor captured is reported to Lambda, which brings it again. In a FIFO queue that holds back what is behind it in its group.
 */
export function capturingBatch<Item extends SqsItem>(
  { letters }: Pick<Dlo, "letters">,
  job: CapturedRecord["job"],
  process: (item: Item) => Promise<void>,
  { afterReceives = 1 }: SqsOptions = {},
): (batch: SqsBatch<Item>) => Promise<SqsAnswer> {
  return async ({ Records: items }) => {
    const batchItemFailures: { itemIdentifier: string }[] = [];
    const held = new Set<string>();
    for (const item of items) {
      const group = orderedGroup(item);
      if (group !== undefined && held.has(group)) {
        batchItemFailures.push({ itemIdentifier: item.messageId });
        continue;
      }
      try {
        await process(item);
      } catch (error) {
        const isTaken =
          receives(item) >= afterReceives &&
          (await letters.capture(recordOf(item, job, error)).then(
            () => true,
            (refusal: unknown) => {
              console.error(`SQS message ${item.messageId} was neither processed nor captured:`, refusal, error);
              return false;
            },
          ));
        if (isTaken) continue;
        batchItemFailures.push({ itemIdentifier: item.messageId });
        if (group !== undefined) held.add(group);
      }
    }
    return { batchItemFailures };
  };
}

function recordOf(item: SqsItem, job: CapturedRecord["job"], error: unknown): CapturedRecord {
  return {
    job,
    payload: inputOf(item.body),
    headers: Object.fromEntries(
      Object.entries(item.messageAttributes).map(([name, { stringValue, binaryValue }]) => [
        name,
        stringValue ?? (binaryValue === undefined ? undefined : Buffer.from(binaryValue, "base64")),
      ]),
    ),
    source: { system: "sqs", queue: item.eventSourceARN, message: item.messageId },
    error,
    attempts: receives(item),
  };
}

/** Ordinary queues have groups, too, to share themselves out fairly: there they are no order. */
function orderedGroup({ eventSourceARN, attributes }: SqsItem): string | undefined {
  return eventSourceARN.endsWith(".fifo") ? attributes.MessageGroupId : undefined;
}

function receives({ attributes }: SqsItem): number {
  return Number(attributes.ApproximateReceiveCount ?? 1);
}

function inputOf(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return body;
  }
}
