import { defaultPayloadConverter } from "@temporalio/common";
import proto from "@temporalio/proto";
import { decodeAll, encodeAll } from "../model/codecs.ts";
import type { Codec } from "../model/config.ts";
import { asRunMemo, type RunMemo } from "../model/run-memo.ts";
import type { SeedPayload } from "../model/run-seed.ts";

export type Payload = proto.temporal.api.common.v1.IPayload;

const { Payload: PayloadProto, Payloads: PayloadsProto } = proto.temporal.api.common.v1;

/** A run's input as its row keeps it: the serialized `Payloads` of history, metadata included. */
export function serializePayloads(payloads: readonly Payload[]): Buffer {
  return Buffer.from(PayloadsProto.encode({ payloads: [...payloads] }).finish());
}

export function serializePayload(payload: Payload): Buffer {
  return Buffer.from(PayloadProto.encode(payload).finish());
}

/** A value as history would hold it: converted, then through the codec. */
export async function encodeValue(value: unknown, codecs: readonly Codec[]): Promise<Payload[]> {
  return await encodeAll<Payload>([defaultPayloadConverter.toPayload(value)], codecs);
}

/** The value that was encoded. */
export async function decodeValue(payloads: readonly Payload[], codecs: readonly Codec[]): Promise<unknown> {
  const [value] = (await decodeAll(payloads, codecs)).map((one) => defaultPayloadConverter.fromPayload(one));
  return value;
}

/** What a row shows of a run's input: the value itself, a list where there are several arguments, undefined where it is not readable. */
export async function shownInput(payloads: readonly Payload[], codecs: readonly Codec[]): Promise<unknown> {
  try {
    const values = (await decodeAll(payloads, codecs)).map((payload) =>
      shown(defaultPayloadConverter.fromPayload(payload)),
    );
    return values.length > 1 ? values : values[0];
  } catch {
    return undefined;
  }
}

/** A run's memo, read from its payload. */
export async function readMemo(payload: Payload | null | undefined, codecs: readonly Codec[]): Promise<RunMemo> {
  if (!payload) return {};
  return asRunMemo(await shownInput([payload], codecs));
}

/** Payloads as a row keeps them. */
export function payloadsOf(data: Uint8Array): Payload[] {
  return PayloadsProto.decode(data).payloads;
}

/** Stored payloads, ready to start a run with: without encryption, which the worker puts on again. */
export async function seedPayloads(data: Uint8Array, codecs: readonly Codec[]): Promise<SeedPayload[]> {
  return (await decodeAll(payloadsOf(data), codecs)).map((payload) => ({
    metadata: Object.fromEntries(
      Object.entries(payload.metadata ?? {}).map(([key, bytes]) => [key, Buffer.from(bytes).toString("latin1")]),
    ),
    data: payload.data ?? new Uint8Array(),
  }));
}

export async function storedMemo(data: Uint8Array | null, codecs: readonly Codec[]): Promise<RunMemo> {
  return data === null ? {} : await readMemo(PayloadProto.decode(data), codecs);
}

/** Whether what shows of it is the text of its bytes. */
export function readsAsBytes({ metadata }: Payload): boolean {
  const encoding = metadata?.["encoding"];
  return encoding !== undefined && encoding !== null && Buffer.from(encoding).toString() === "binary/plain";
}

/** Bytes again of what shows of them. */
export function asBytes(value: unknown): unknown {
  const text = typeof value === "object" && value !== null && "base64" in value ? value.base64 : undefined;
  return typeof text === "string" ? Buffer.from(text, "base64") : value;
}

/** Bytes don't show in JSON. */
export function shown(value: unknown): unknown {
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value;
}
