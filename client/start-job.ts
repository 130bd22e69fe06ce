import { type Client, WorkflowExecutionAlreadyStartedError } from "@temporalio/client";
import { defineSearchAttributeKey, type SearchAttributePair } from "@temporalio/common";
import { v7 as uuidv7 } from "uuid";
import { checkInput } from "../model/check-input.ts";
import type { Duration } from "../model/duration.ts";
import { parseDuration } from "../model/duration.ts";
import { alreadyStarted, inputInvalid, inputTooLarge, usage } from "../model/office-error.ts";
import type { Job } from "../model/job.ts";
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

/** What a run's payloads may weigh, encoded: Temporal refuses 2 MiB, and a record needs some room beside them. */
export const maximumInputBytes = 1_900_000;

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
  for (const key of Object.keys(options))
    if (!startKeys.includes(key)) throw usage(unknownWord("start option", key, startKeys));
  const checked = await checkInput(job.input, input);
  if (!checked.valid) throw inputInvalid(job.name, checked.violations);
  await refuseLarge(client, job.name, input);
  const key = options.key ?? job.key?.(checked.value);
  const workflowId = options.id ?? `${job.name}/${uuidv7()}`;
  const memo = memoOf(options, key);
  try {
    const handle = await client.workflow.start(job.name, {
      workflowId,
      taskQueue: job.contract.taskQueue,
      args: [input],
      workflowIdReusePolicy: "ALLOW_DUPLICATE_FAILED_ONLY",
      ...(memo === undefined ? {} : { memo: { [runMemoKey]: memo } }),
      ...((await hasSearchAttributes()) ? { typedSearchAttributes: attributesOf(job.name, key) } : {}),
      ...(options.startDelay === undefined ? {} : { startDelay: parseDuration(options.startDelay, "startDelay") }),
    });
    return jobRun(client, handle.workflowId, handle.firstExecutionRunId);
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw alreadyStarted(workflowId);
  }
}

const startKeys = ["id", "headers", "idempotencyKey", "key", "batch", "startDelay"];

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

async function refuseLarge(client: Client, job: string, input: unknown): Promise<void> {
  const { payloadConverter, payloadCodecs } = client.options.loadedDataConverter;
  let payloads = [payloadConverter.toPayload(input)];
  const plainBytes = payloads[0]?.data?.length ?? 0;
  // Below a tenth of the limit no codec grows it past the limit, and it is not worth encrypting twice.
  if (plainBytes < maximumInputBytes / 10) return;
  for (const codec of payloadCodecs) payloads = (await codec.encode(payloads)) as typeof payloads;
  const bytes = payloads.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
  if (bytes > maximumInputBytes) throw inputTooLarge(job, bytes, maximumInputBytes);
}
