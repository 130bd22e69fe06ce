import type { Capture } from "./capture.ts";
import { type Category, categories } from "./category.ts";
import { isQueueName } from "./contract.ts";
import { type ErrorRecord, recordError } from "./error-record.ts";
import { defaultJobTaskQueue, reservedActivities, reservedTypes } from "./ids.ts";
import type { Job } from "./job.ts";
import { keyOf } from "./job-key.ts";
import { captureRefused, recordInvalid } from "./office-error.ts";
import { readMoment } from "./read-moment.ts";
import type { Reason } from "./reason.ts";
import type { RecordSource } from "./record-source.ts";
import type { RunMemo } from "./run-memo.ts";
import { didYouMean, unknownWord } from "./suggest.ts";

/** A record that failed outside Temporal: a Kafka message, a webhook, an item of a batch. */
export type CapturedRecord = {
  /** What a retry starts: a contract of `defineJob`, or its name. */
  readonly job: string | Job;
  /** Where the job's worker polls. @default the contract's, else "jobs" */
  readonly taskQueue?: string;
  /** The job's input: any JSON, or bytes. A record without one says `null`. */
  readonly payload?: unknown;
  /** The bytes in base64, for JSON lines; in place of `payload`. */
  readonly payloadBase64?: string;
  /** Reach the handler as `ctx.headers`. Bytes become texts: in UTF-8 where they are that, else in base64. Several values of one name are joined by a comma. */
  readonly headers?: Readonly<Record<string, HeaderValue | readonly HeaderValue[]>>;
  /** Where it came from. One coordinate is one letter, however often it is captured. */
  readonly source: RecordSource;
  /** What was thrown, or the same as `{ type, message, stack?, causes? }`. */
  readonly error: unknown;
  /** @default the office's classifier decides by the error */
  readonly category?: Category;
  /** @default "failed" */
  readonly reason?: CaptureReason;
  /** What it is about. @default what the contract's `key` makes of the payload */
  readonly key?: string | number;
  /** The dead letter queue. @default the contract's */
  readonly queue?: string;
  /** Beside those of the contract. */
  readonly tags?: readonly string[];
  /** When it failed; a number is in milliseconds. @default now */
  readonly failedAt?: Date | string | number;
  /** How often it was tried. @default 1 */
  readonly attempts?: number;
  /** What the handler is to hand on to what must not be done twice. @default the id that its source makes */
  readonly idempotencyKey?: string;
  /** The caller's group of records. */
  readonly batch?: string | number;
  /** Who captures. @default the client's identity */
  readonly by?: string;
};

type HeaderValue = string | number | boolean | Uint8Array | null | undefined;

/** Why a record can have failed: what ends runs of Temporal alone is left out. */
export const captureReasons = ["exhausted", "non_retryable", "timed_out", "given_up", "failed"] as const;

export type CaptureReason = (typeof captureReasons)[number] & Reason;

/** A record as it goes to Temporal. */
export type ReadRecord = {
  readonly capture: Capture;
  readonly payload: unknown;
  readonly memo: RunMemo;
  /** The office that its job's contract names. */
  readonly office?: string;
};

/**
 * Checks a record at the door, the same for all doors.
 *
 * @param by who captures, where the record does not say
 * @throws {OfficeError} `INPUT_INVALID` with the field and what it must be; `CAPTURE_REFUSED` for what can never be a record's job or source
 */
export function readCapturedRecord(
  given: unknown,
  { by, nowMs }: { readonly by: string; readonly nowMs: number },
): ReadRecord {
  const record = asObject(given, "a record");
  for (const key of Object.keys(record))
    if (!recordKeys.includes(key)) throw recordInvalid(unknownWord("field of a record", key, recordKeys));
  const { job, contract } = readJob(record["job"]);
  const payload = readPayload(record);
  const source = readSource(record["source"]);
  const word = (key: string, check?: (text: string) => boolean) => readWord(record[key], key, check);
  const key = word("key", isShort) ?? keyByContract(record["job"], payload);
  const memo: RunMemo = {
    ...optional("headers", readHeaders(record["headers"])),
    ...optional("idempotencyKey", word("idempotencyKey")),
    ...optional("key", key),
    ...optional("batch", word("batch", isShort)),
  };
  const queue = word("queue");
  if (queue !== undefined && !isQueueName(queue))
    throw recordInvalid(`queue must be a name of 1 to 100 letters, digits, or . - _ / :, got ${shown(queue)}`);
  return {
    capture: {
      job,
      taskQueue: word("taskQueue") ?? contract?.taskQueue ?? defaultJobTaskQueue,
      source,
      error: readError(record["error"]),
      ...optional("category", readChoice(record["category"], "category", categories)),
      reason: readChoice(record["reason"], "reason", captureReasons) ?? "failed",
      attempts: readAttempts(record["attempts"]),
      failedAtMs: readTime(record["failedAt"], nowMs),
      ...optional("queue", queue),
      tags: readTags(record["tags"]),
      by: word("by") ?? by,
    },
    payload,
    memo: Object.keys(memo).length === 0 ? {} : { version: 1, ...memo },
    ...optional("office", contract?.deadLetter ? contract.deadLetter.office : undefined),
  };
}

/** The fields of a record. */
export const recordKeys = [
  ...["job", "taskQueue", "payload", "payloadBase64", "headers", "source", "error", "category", "reason"],
  ...["key", "queue", "tags", "failedAt", "attempts", "idempotencyKey", "batch", "by"],
];

function readJob(given: unknown): { job: string; contract?: Job["contract"] } {
  const contract = typeof given === "object" && given !== null ? (given as Job).contract : undefined;
  const job = typeof given === "string" ? given : contract?.name;
  if (typeof job !== "string" || !/^[A-Za-z][\w.\-/]{0,99}$/.test(job))
    throw recordInvalid(
      `job must be what a retry starts: a contract of defineJob, or its name${given === undefined ? "" : `, got ${shown(given)}`}`,
    );
  if ([...reservedTypes, ...reservedActivities].includes(job as never) || job in Object.prototype)
    throw captureRefused(`"${job}" is no job: Dead Letter Office itself has the name, or JavaScript does`);
  return { job, ...optional("contract", contract) };
}

function readPayload(record: Record<string, unknown>): unknown {
  const { payload, payloadBase64 } = record;
  if (payloadBase64 === undefined) {
    if (payload === undefined) throw recordInvalid("payload is missing. A record without one says payload: null");
    return payload;
  }
  if (payload !== undefined) throw recordInvalid("payload and payloadBase64 say the same twice: give one of them");
  if (
    typeof payloadBase64 !== "string" ||
    !/^[A-Za-z\d+/]*={0,2}$/.test(payloadBase64) ||
    payloadBase64.length % 4 !== 0
  )
    throw recordInvalid(`payloadBase64 must be bytes in base64, got ${shown(payloadBase64)}`);
  return new Uint8Array(Buffer.from(payloadBase64, "base64"));
}

function readSource(given: unknown): RecordSource {
  const help =
    'such as {"system":"kafka","topic":"orders","partition":3,"offset":"4711"}: what makes it once per record';
  if (given === undefined) throw recordInvalid(`source is missing: where the record came from, ${help}`);
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw recordInvalid(`source must be an object of coordinates, ${help}`);
  const entries = Object.entries(given);
  for (const [name, value] of entries) checkCoordinate(name, value);
  if (!entries.some(([name]) => name !== "system"))
    throw recordInvalid(
      `source has no coordinate, so all its records would be one. Give what tells them apart, ${help}`,
    );
  if (entries.length > mostCoordinates)
    throw recordInvalid(`source has ${entries.length} coordinates, and at most ${mostCoordinates} are possible`);
  return Object.fromEntries(entries) as RecordSource;
}

function checkCoordinate(name: string, value: unknown): void {
  const where = `source.${name}`;
  if (name === "" || name.length > 100 || isUnstorable(name))
    throw recordInvalid(`source has a coordinate without a proper name: ${shown(name)}`);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw recordInvalid(`${where} must be a number that JSON has, got ${value}`);
    // Two of them would be one coordinate.
    if (Number.isInteger(value) && !Number.isSafeInteger(value))
      throw recordInvalid(`${where} is larger than JavaScript counts exactly: give it as a text`);
    return;
  }
  if (typeof value !== "string") throw recordInvalid(`${where} must be a text or a number, got ${shown(value)}`);
  if (value === "" || value.length > 1000 || isUnstorable(value))
    throw recordInvalid(`${where} must be a text of 1 to 1,000 characters, got ${shown(value)}`);
  if (value.startsWith("dead-letter/"))
    throw captureRefused(
      `${where} is a dead letter's workflow: a letter of a letter would have no end. Retry that one`,
    );
}

function readHeaders(given: unknown): RunMemo["headers"] {
  if (given === undefined || given === null) return undefined;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(asObject(given, "headers"))) {
    const values = (Array.isArray(value) ? (value as unknown[]) : [value]).filter(
      (one) => one !== undefined && one !== null,
    );
    if (values.length > 0) headers[name] = values.map((one) => headerText(one, name)).join(", ");
  }
  return Object.keys(headers).length === 0 ? undefined : headers;
}

function headerText(value: unknown, name: string): string {
  if (value instanceof Uint8Array) {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
    } catch {
      return Buffer.from(value).toString("base64");
    }
  }
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw recordInvalid(`headers.${name} must be a text or bytes, got ${shown(value)}`);
}

function readError(given: unknown): ErrorRecord {
  if (given === undefined || given === null)
    throw recordInvalid('error is missing: what was thrown, or {"type":"…","message":"…"}');
  return recordError(isToldError(given) ? asThrown(given) : given);
}

type ToldError = {
  readonly type: string;
  readonly message: string;
  readonly stack?: unknown;
  readonly causes?: unknown;
};

/** An error as a log or another language tells it. */
function isToldError(given: unknown): given is ToldError {
  if (typeof given !== "object" || given === null || given instanceof Error) return false;
  const { type, message } = given as Partial<ToldError>;
  return typeof type === "string" && type !== "" && typeof message === "string";
}

/** Each cause of the list lies below the one before. */
function asThrown({ type, message, stack, causes, ...more }: ToldError): Error {
  const below = Array.isArray(causes) ? (causes as unknown[]) : [];
  const cause = below.toReversed().reduce<unknown>((lower, one) => {
    const told = isToldError(one)
      ? asThrown({ ...one, causes: [] })
      : Object.assign(new Error(String(one)), { stack: "" });
    return lower === undefined ? told : Object.assign(told, { cause: lower });
  }, undefined);
  const thrown = new Error(message, cause === undefined ? undefined : { cause });
  return Object.assign(thrown, more, { name: type, stack: typeof stack === "string" ? stack : "" });
}

function readTime(given: unknown, nowMs: number): number {
  if (given === undefined || given === null) return nowMs;
  const text = typeof given === "string" && /^\d+$/.test(given) ? Number(given) : given;
  const ms =
    text instanceof Date
      ? text.getTime()
      : typeof text === "number"
        ? text
        : typeof text === "string"
          ? readMoment(text)?.from.getTime()
          : undefined;
  if (ms === undefined || !Number.isInteger(ms) || ms <= 0)
    throw recordInvalid(
      `failedAt must be a time such as "2026-11-28T09:30:00Z", or milliseconds since 1970, got ${shown(given)}`,
    );
  if (ms < earliestMs && typeof text === "number")
    throw recordInvalid(`failedAt is in milliseconds, and ${shown(given)} looks like seconds`);
  // A clock that is ahead.
  return Math.min(ms, nowMs);
}

function readAttempts(given: unknown): number {
  if (given === undefined || given === null) return 1;
  if (typeof given !== "number" || !Number.isInteger(given) || given < 0 || given > 1_000_000)
    throw recordInvalid(`attempts must be a whole number, got ${shown(given)}`);
  return given;
}

function readTags(given: unknown): readonly string[] {
  if (given === undefined || given === null) return [];
  const isList = Array.isArray(given) && given.length <= 50;
  if (!isList || !given.every((tag) => typeof tag === "string" && tag !== "" && tag.length <= 255))
    throw recordInvalid("tags must be a list of at most 50 words");
  return [...new Set(given as string[])];
}

function readChoice<Word extends string>(given: unknown, key: string, choices: readonly Word[]): Word | undefined {
  if (given === undefined || given === null) return undefined;
  if (choices.includes(given as Word)) return given as Word;
  const meant = typeof given === "string" ? didYouMean(given, choices) : undefined;
  throw recordInvalid(
    `${key} must be one of ${choices.join(", ")}, got ${shown(given)}${meant === undefined ? "" : `. Did you mean "${meant}"?`}`,
  );
}

/** Numbers are what JSON makes of an order's number. */
function readWord(given: unknown, key: string, check: (text: string) => boolean = isMiddling): string | undefined {
  if (given === undefined || given === null) return undefined;
  const text = typeof given === "number" ? String(given) : given;
  if (typeof text !== "string" || text === "" || !check(text))
    throw recordInvalid(
      `${key} must be a text${check === isShort ? " of at most 255 characters" : ""}, got ${shown(given)}`,
    );
  return text;
}

function isShort(text: string): boolean {
  return text.length <= 255;
}

function isMiddling(text: string): boolean {
  return text.length <= 1000;
}

/** A payload that its job's `key` cannot read is what failed records are like. */
function keyByContract(job: unknown, payload: unknown): string | undefined {
  if (typeof job !== "object" || job === null) return undefined;
  try {
    return keyOf(job, payload);
  } catch {
    return undefined;
  }
}

const mostCoordinates = 20;
/** In 1973, as milliseconds; as seconds it would be in the year 5138. */
const earliestMs = 100_000_000_000;

/** NUL, or half of a surrogate pair: Postgres would keep another text, and two sources could be one. */
function isUnstorable(text: string): boolean {
  return text.includes("\0") || !text.isWellFormed();
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array))
    return value as Record<string, unknown>;
  throw recordInvalid(`${what} must be an object, got ${shown(value)}`);
}

function shown(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // Such as a bigint.
  }
  text ??= String(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [K in Key]?: Value };
}
