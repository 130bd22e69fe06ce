import { type Client, WorkflowExecutionAlreadyStartedError } from "@temporalio/client";
import { defineSearchAttributeKey, type SearchAttributePair } from "@temporalio/common";
import { v7 as uuidv7 } from "uuid";
import { checkInput } from "../model/check-input.ts";
import { encodeAll } from "../model/codecs.ts";
import type { Duration } from "../model/duration.ts";
import { parseDuration } from "../model/duration.ts";
import { alreadyStarted, inputInvalid, inputTooLarge, usage } from "../model/office-error.ts";
import { jobWorkflowIdOf } from "../model/ids.ts";
import type { Job } from "../model/job.ts";
import { keyOf } from "../model/job-key.ts";
import { maximumInputBytes } from "../model/maximum-input.ts";
import { type RunMemo, runMemoKey } from "../model/run-memo.ts";
import { searchAttributes } from "../model/search-attributes.ts";
import { unknownWord } from "../model/suggest.ts";
import { type JobRun, jobRun } from "./job-run.ts";

export type StartOptions = {
  /** The job's workflow id: the lock against a second run, and what its letter is known by. @default `<job>/<uuid v7>` */
  readonly id?: string;
  /** Reach the handler as `ctx.headers`, over all retries. `traceparent` gives the record its trace id. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Stays the same over attempts, retries and redrives. @default the id */
  readonly idempotencyKey?: string;
  /** What the job is about, where its contract has no `key`. */
  readonly key?: string;
  /** A group of runs, to find their records by. */
  readonly batch?: string;
  /** Start this much later. */
  readonly startDelay?: Duration;
};

/**
 * Starts a job after checking its input. Nothing is started where the input is not valid or too large.
 *
 * @throws {OfficeError} `INPUT_INVALID` with all violations, `INPUT_TOO_LARGE`, `ALREADY_STARTED` if a run of the id is
 *   under way or has succeeded
 */
export async function startJob<Input>(
  client: Client,
  job: Job<Input>,
  input: Input,
  options: StartOptions = {},
  hasSearchAttributes: () => Promise<boolean>,
): Promise<JobRun> {
  const startDelay = checkOptions(options);
  const checked = await checkInput(job.input, input);
  if (!checked.valid) throw inputInvalid(job.name, checked.violations);
  const key = options.key ?? keyOf(job, checked.value);
  const memo = memoOf(options, key);
  await refuseLarge(client, job.name, [input, memo]);
  const workflowId = options.id ?? `${job.name}/${uuidv7()}`;
  try {
    const handle = await client.workflow.start(job.name, {
      workflowId,
      taskQueue: job.contract.taskQueue,
      args: [input],
      workflowIdReusePolicy: "ALLOW_DUPLICATE_FAILED_ONLY",
      ...(memo === undefined ? {} : { memo: { [runMemoKey]: memo } }),
      ...((await hasSearchAttributes()) ? { typedSearchAttributes: attributesOf(job.name, key) } : {}),
      ...(startDelay === undefined ? {} : { startDelay }),
    });
    return jobRun(client, handle.workflowId, handle.firstExecutionRunId);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw alreadyStarted(workflowId);
  }
}

const startKeys = ["id", "headers", "idempotencyKey", "key", "batch", "startDelay"];

/** Temporal takes ids of 1,000 bytes, and a letter's has twelve more than its job's. */
const longestIdBytes = 980;

function checkOptions(options: StartOptions): number | undefined {
  for (const key of Object.keys(options))
    if (!startKeys.includes(key)) throw usage(unknownWord("start option", key, startKeys));
  const { id, headers, startDelay } = options;
  for (const key of ["id", "idempotencyKey", "key", "batch"] as const)
    if (options[key] !== undefined && (typeof options[key] !== "string" || options[key] === ""))
      throw usage(`Start option ${key} must be a text, got ${JSON.stringify(options[key])}`);
  if (id !== undefined && Buffer.byteLength(id) > longestIdBytes)
    throw usage(`Start option id has ${Buffer.byteLength(id)} bytes, and at most ${longestIdBytes} are possible`);
  if (id !== undefined && jobWorkflowIdOf(id) !== undefined)
    throw usage(`Start option id must not begin as "${id.slice(0, 12)}" does: dead letters have such ids`);
  if (headers !== undefined && !isTexts(headers))
    throw usage('Start option headers must be an object of texts, such as { traceparent: "00-…" }');
  if (startDelay === undefined) return undefined;
  try {
    return parseDuration(startDelay, "startDelay", { minimumMs: 0 });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function isTexts(headers: unknown): boolean {
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) return false;
  return Object.values(headers).every((value) => typeof value === "string");
}

function memoOf({ headers, idempotencyKey, batch }: StartOptions, key: string | undefined): RunMemo | undefined {
  const memo: RunMemo = {
    ...(headers === undefined ? {} : { headers }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(key === undefined ? {} : { key }),
    ...(batch === undefined ? {} : { batch }),
  };
  return Object.keys(memo).length === 0 ? undefined : { version: 1, ...memo };
}

function attributesOf(job: string, key: string | undefined): SearchAttributePair[] {
  return [
    { key: defineSearchAttributeKey(searchAttributes.job, "KEYWORD"), value: job },
    ...(key === undefined ? [] : [{ key: defineSearchAttributeKey(searchAttributes.key, "KEYWORD"), value: key }]),
  ];
}

/** The handler is given both, and Temporal weighs them together. */
async function refuseLarge(client: Client, job: string, values: readonly unknown[]): Promise<void> {
  const { payloadConverter, payloadCodecs } = client.options.loadedDataConverter;
  const payloads = values.map((value) => payloadConverter.toPayload(value));
  // Below a tenth of the limit no codec grows it past the limit, and it is not worth encrypting twice.
  if (sizeOf(payloads) < maximumInputBytes / 10) return;
  const bytes = sizeOf(await encodeAll(payloads, payloadCodecs));
  if (bytes > maximumInputBytes) throw inputTooLarge(job, bytes, maximumInputBytes);
}

function sizeOf(payloads: readonly { readonly data?: Uint8Array | null }[]): number {
  return payloads.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
}
