import { ApplicationFailure } from "@temporalio/activity";
import type { Codec, QueueOptions } from "../model/config.ts";
import type { Amendment } from "../model/letter-activities.ts";
import { redact } from "../model/redact.ts";
import { traceIdOf } from "../model/run-memo.ts";
import type { NewPayload, RunInput } from "../schema/run-input.ts";
import type { StartedRun } from "./read-run.ts";
import type { Arguments } from "./arguments-of.ts";
import {
  asBytes,
  encodeValue,
  type Payload,
  readMemo,
  serializePayload,
  serializePayloads,
  shownInput,
} from "./stored-payloads.ts";

export type Storing = {
  readonly codecs: readonly Codec[];
  readonly redact: readonly string[];
  readonly queues: Readonly<Record<string, QueueOptions>>;
};

/** What a run was started with, as the tables keep it under a queue's policy. */
export async function runInput(
  run: StartedRun,
  workflowId: string,
  queue: QueueOptions | undefined,
  storing: Storing,
): Promise<RunInput> {
  const memo = await readMemo(run.memo, storing.codecs);
  const traceId = traceIdOf(memo.headers);
  return {
    ...(await storedPayload(run.input, queue, storing)),
    memoData: run.memo === undefined ? null : serializePayload(run.memo),
    headers: mayShow(queue, storing) ? (redact(memo.headers ?? {}, storing.redact) as Record<string, string>) : {},
    ...(memo.key === undefined ? {} : { key: memo.key }),
    idempotencyKey: memo.idempotencyKey ?? workflowId,
    ...(memo.batch === undefined ? {} : { batch: memo.batch }),
    ...(traceId === undefined ? {} : { traceId }),
  };
}

/**
 * A new input for a letter: `stored` is what its row keeps, `encoded` what its next run gets.
 *
 * @param like the arguments that it takes. @default one value
 */
export async function storedAmendment(
  amendment: Amendment | undefined,
  storing: Storing,
  like: Arguments = [],
): Promise<{ stored: { amendment?: NewPayload }; encoded?: Uint8Array }> {
  if (amendment === undefined) return { stored: {} };
  const payloads = await encodeArguments(amendment.input, like, storing.codecs);
  const stored = await storedPayload(payloads, storing.queues[amendment.queue], storing);
  return { stored: { amendment: stored }, encoded: serializePayloads(payloads) };
}

async function encodeArguments(input: unknown, like: Arguments, codecs: readonly Codec[]): Promise<Payload[]> {
  const several = like.length;
  const encoded = async (value: unknown, i: number) =>
    await encodeValue(like[i]?.isBytes === true ? asBytes(value) : value, codecs);
  if (several <= 1) return await encoded(input, 0);
  if (!Array.isArray(input) || input.length !== several)
    throw ApplicationFailure.nonRetryable(
      `It takes ${several} arguments, so a new input is a list of ${several} values`,
      "INPUT_INVALID",
    );
  return (await Promise.all(input.map(encoded))).flat();
}

export async function storedPayload(
  payloads: readonly Payload[],
  queue: QueueOptions | undefined,
  storing: Storing,
): Promise<NewPayload> {
  if (queue?.payload === "omit") return { payload: null, payloadData: null };
  const shown = mayShow(queue, storing) ? redact(await shownInput(payloads, storing.codecs), storing.redact) : null;
  return { payload: shown ?? null, payloadData: serializePayloads(payloads) };
}

/** With a codec, only what the queue says may be readable in the table is. */
export function mayShow(queue: QueueOptions | undefined, { codecs }: Storing): boolean {
  return codecs.length === 0 || queue?.store === "decoded";
}
