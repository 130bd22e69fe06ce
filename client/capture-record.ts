import {
  Client,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from "@temporalio/client";
import { ApplicationFailure, defaultPayloadConverter } from "@temporalio/common";
import { type CaptureAnswer, type CaptureStart, captureUpdateName } from "../model/capture.ts";
import type { CapturedRecord, ReadRecord } from "../model/captured-record.ts";
import { readCapturedRecord } from "../model/captured-record.ts";
import { encodeAll } from "../model/codecs.ts";
import { type Duration, formatDuration, parseDuration } from "../model/duration.ts";
import { defaultOffice, letterType, letterWorkflowId } from "../model/ids.ts";
import { maximumInputBytes } from "../model/maximum-input.ts";
import { errorCodeOf, inputTooLarge, officeErrorOf, recordInvalid, usage } from "../model/office-error.ts";
import { recordId } from "../model/record-id.ts";
import { sourceText } from "../model/record-source.ts";
import type { Status } from "../model/status.ts";
import { unknownWord } from "../model/suggest.ts";
import { summaryLine } from "../model/summary-line.ts";

export type CaptureOptions = {
  /** The office that is to keep it. @default the one that the job's contract names, else "dead-letter-office" */
  readonly office?: string;
  /**
   * How long to wait until the office has made the letter.
   *
   * Bounds the wait alone: the record is safe in Temporal by then, and becomes a letter when the office is back.
   *
   * @default "20 seconds"; to find out that nobody can describe the job takes the half of that
   * @throws {OfficeError} `WAIT_TIMEOUT`
   */
  readonly waitFor?: Duration;
};

/** What a capture has come to. */
export type Captured = {
  readonly letterId: string;
  /** False: the record had its letter already, open or closed. */
  readonly isNew: boolean;
  readonly status: Status;
  /** What its source makes: its letter is found by it, and its retry runs under it. */
  readonly workflowId: string;
};

/** A record that was checked, and its arguments for Temporal. */
export type PreparedRecord = {
  readonly workflowId: string;
  readonly office: string;
  readonly args: readonly [CaptureStart, ...unknown[]];
};

/** Makes a letter of a record, by Temporal alone: its letter's own workflow is given the record, and the office writes the row. */
export async function captureRecord(
  temporal: Client,
  record: CapturedRecord,
  options: CaptureOptions = {},
): Promise<Captured> {
  const { office, waitMs } = readOptions(options);
  return await bringRecord(temporal, await prepareRecord(temporal, record, office), waitMs);
}

/** @throws {OfficeError} `USAGE` */
export function readOptions(options: CaptureOptions, known: readonly string[] = optionKeys) {
  for (const key of Object.keys(options))
    if (!known.includes(key)) throw usage(unknownWord("capture option", key, known));
  const { office, waitFor = "20 seconds" } = options;
  try {
    return { office, waitMs: parseDuration(waitFor, "waitFor") };
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

export const optionKeys: readonly string[] = ["office", "waitFor"];

/**
 * Checks what can be checked without the office.
 *
 * @throws {OfficeError} `INPUT_INVALID`, `INPUT_TOO_LARGE`, `CAPTURE_REFUSED`
 */
export async function prepareRecord(temporal: Client, given: unknown, office?: string): Promise<PreparedRecord> {
  const read = readCapturedRecord(given, { by: temporal.options.identity, nowMs: Date.now() });
  await refuseLarge(temporal, read);
  const { capture, payload, memo } = read;
  return {
    workflowId: recordId(capture.source),
    office: office ?? read.office ?? defaultOffice,
    args: [{ version: 1, capture }, payload, ...(Object.keys(memo).length === 0 ? [] : [memo])],
  };
}

/**
 * Gives the record to its letter's workflow and waits for the answer.
 *
 * @throws {OfficeError} what the office refuses it for; `WAIT_TIMEOUT` where Temporal has the record and no office has answered
 */
export async function bringRecord(temporal: Client, record: PreparedRecord, waitMs: number): Promise<Captured> {
  const { connection } = temporal;
  const until = Date.now() + waitMs;
  const plain = plainClient(temporal);
  const { workflowId, office, args } = record;
  const start = {
    workflowId: letterWorkflowId(workflowId),
    taskQueue: office,
    args: [...args],
    workflowIdConflictPolicy: "USE_EXISTING",
    workflowIdReusePolicy: "ALLOW_DUPLICATE",
    ...legible(args[0]),
  } as const;
  for (let tries = 1; ; tries++) {
    try {
      const startWorkflowOperation = new WithStartWorkflowOperation(letterType, start);
      const answer = await connection.withDeadline(
        until,
        async () =>
          await plain.workflow.executeUpdateWithStart<CaptureStarted, CaptureAnswer, []>(captureUpdateName, {
            startWorkflowOperation,
          }),
      );
      return { ...answer, workflowId };
    } catch (error) {
      // The letter was just closing, or continuing as new: the next call finds the one after it.
      if (isBetweenRuns(error) && tries < mostTries && Date.now() < until) continue;
      if (!isDeadline(error)) throw translate(error, workflowId);
      // Without an office the start alone has come to be, and not always is that told: a plain start is an answer.
      await connection.withDeadline(Date.now() + sureMs, async () => await plain.workflow.start(letterType, start));
      throw waiting(workflowId, office, waitMs, error);
    }
  }
}

type CaptureStarted = (...args: any[]) => Promise<unknown>;

const mostTries = 5;
/** How long Temporal may take to say that it has a record. */
const sureMs = 10_000;

/** What Temporal Web UI shows of it before an office answers. */
function legible({ capture }: CaptureStart) {
  const { job, error, source } = capture;
  const line = (text: string) => text.replace(/\s+/g, " ").replaceAll("`", "'");
  return {
    staticSummary: summaryLine(`${job} · captured · ${error.type}: ${line(error.message)}`),
    staticDetails: [
      `**${job}** captured from \`${line(sourceText(source))}\` by ${line(capture.by)}`,
      "",
      `- **Error** \`${line(`${error.type}: ${error.message}`).slice(0, 300)}\``,
    ].join("\n"),
  };
}

/** Its arguments are JSON and bytes, whatever converter the caller's client has; the office and the job's worker read them so. */
function plainClient({ connection, options }: Client): Client {
  const { namespace, identity, loadedDataConverter, interceptors } = options;
  const { payloadCodecs } = loadedDataConverter;
  return new Client({ connection, namespace, identity, interceptors, dataConverter: { payloadCodecs } });
}

/** As they will be in a run of the job: the handler is given both, and Temporal weighs them together. */
async function refuseLarge({ options }: Client, { capture, payload, memo }: ReadRecord): Promise<void> {
  const { payloadCodecs } = options.loadedDataConverter;
  const payloads = [payload, memo].map((value) => toPayload(value));
  const bytes = sizeOf(payloads);
  // No codec makes it so much smaller, and it is not worth encrypting twice.
  if (bytes < maximumInputBytes / 10) return;
  const encoded = sizeOf(await encodeAll(payloads, payloadCodecs));
  if (encoded > maximumInputBytes) throw inputTooLarge(capture.job, encoded, maximumInputBytes);
}

function toPayload(value: unknown) {
  try {
    return defaultPayloadConverter.toPayload(value);
  } catch (error) {
    throw recordInvalid(`payload must be JSON or bytes: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function sizeOf(payloads: readonly { readonly data?: Uint8Array | null }[]): number {
  return payloads.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
}

function translate(error: unknown, workflowId: string): unknown {
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure)) return error;
  const code = errorCodeOf({ code: error.cause.type });
  return code === undefined ? error : officeErrorOf(code, error.cause.message, { workflowId }, { cause: error });
}

function waiting(workflowId: string, office: string, waitMs: number, cause: unknown): Error {
  return officeErrorOf(
    "WAIT_TIMEOUT",
    `Temporal has the record ${workflowId}, and office "${office}" has not made a letter of it within ${formatDuration(waitMs)}. ` +
      "It does so when it is back, unless it refuses the record then: capture it again to hear what came of it. Is one running? (dlo office, or dlo dev)",
    { workflowId, office },
    { cause },
  );
}

function isDeadline(error: unknown): boolean {
  return error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || /DEADLINE_EXCEEDED/i.test(messagesOf(error));
}

function isBetweenRuns(error: unknown): boolean {
  return (
    error instanceof WorkflowNotFoundError ||
    /unexpected workflow task failure|Workflow Task in failed state|workflow execution already completed|ABORTED|workflow is closing/i.test(
      messagesOf(error),
    )
  );
}

function messagesOf(error: unknown): string {
  return error instanceof Error ? `${error.message} ${messagesOf(error.cause)}` : "";
}
