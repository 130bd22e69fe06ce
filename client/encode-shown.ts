import { defaultPayloadConverter } from "@temporalio/common";
import proto from "@temporalio/proto";
import { encodeAll } from "../model/codecs.ts";
import type { Codec } from "../model/config.ts";
import { redacted } from "../model/redact.ts";
import { shownMemo } from "../model/shown-memo.ts";
import type { ToldLetter } from "../schema/read-letter-line.ts";

type Row = ToldLetter["row"];

/**
 * A letter with the bytes that its next run gets. What the line has none of is made of what it shows: the input, unless that is not all
 * there was, and the memo.
 */
export async function encodeShown(told: ToldLetter, codecs: readonly Codec[]): Promise<ToldLetter> {
  const { row } = told;
  const memoData = row.memoData ?? (await memoOf(row, codecs));
  if (told.encoded || row.payload === null || row.cleaned || isRedacted(row.payload))
    return { ...told, row: { ...row, memoData } };
  const payloads = await encodeAll(argumentsOf(row).map(toPayload), codecs);
  const payloadData = Buffer.from(Payloads.encode({ payloads }).finish());
  return { ...told, row: { ...row, payloadData, memoData }, deaths: withLastInput(told.deaths, payloadData) };
}

const { Payload, Payloads } = proto.temporal.api.common.v1;
const toPayload = (value: unknown) => defaultPayloadConverter.toPayload(value);

/** Headers and idempotency key are part of what a retry does: without them it could charge twice. */
async function memoOf(row: Row, codecs: readonly Codec[]): Promise<Buffer | null> {
  // There stands what else it was started with, and a line shows nothing of that.
  if (isForeign(row)) return null;
  const memo = shownMemo(row);
  if (Object.keys(memo).length === 0) return null;
  const [payload] = await encodeAll([toPayload({ version: 1, ...memo })], codecs);
  return Buffer.from(Payload.encode(payload ?? {}).finish());
}

/** A job takes one value. What is no job shows several arguments as a list, so there a list of several is that many. */
function argumentsOf(row: Row): unknown[] {
  const { payload } = row;
  const values: unknown[] = isForeign(row) && Array.isArray(payload) && payload.length > 1 ? payload : [payload];
  return values.map(asBytes);
}

/** Bytes show as `{"base64":"…"}`, and as nothing besides. */
function asBytes(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Object.keys(value).length !== 1) return value;
  const { base64 } = value as { base64?: unknown };
  if (typeof base64 !== "string") return value;
  const bytes = Buffer.from(base64, "base64");
  return bytes.toString("base64") === base64 ? new Uint8Array(bytes) : value;
}

function isForeign({ kind }: Row): boolean {
  return kind === "workflow" || kind === "activity";
}

/** The last death's run had the letter's input; each death keeps its own. */
function withLastInput(deaths: ToldLetter["deaths"], payloadData: Uint8Array): ToldLetter["deaths"] {
  return deaths.map((death, i) => (i === deaths.length - 1 ? { ...death, row: { ...death.row, payloadData } } : death));
}

function isRedacted(value: unknown): boolean {
  if (value === redacted) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(isRedacted);
}
