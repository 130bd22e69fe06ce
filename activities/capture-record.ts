import { strict as assert } from "node:assert";
import { activityInfo, ApplicationFailure } from "@temporalio/activity";
import type { Client } from "@temporalio/client";
import { v5 as uuidv5 } from "uuid";
import type { Capture } from "../model/capture.ts";
import { type CapturePolicy, mayCapture } from "../model/capture-policy.ts";
import { defaultDeadLetterPolicy, type DeadLetterPolicy } from "../model/contract.ts";
import type { Death } from "../model/death.ts";
import { jobWorkflowIdOf } from "../model/ids.ts";
import { letterAttributes } from "../model/letter-start.ts";
import type { CaptureAsk, CaptureRefusal, CaptureVerdict, JobDescription } from "../model/letter-activities.ts";
import { maximumInputBytes } from "../model/maximum-input.ts";
import { inputTooLarge, jobUnknown } from "../model/office-error.ts";
import type { SearchAttribute } from "../model/search-attributes.ts";
import { findCaptured } from "../schema/find-captured.ts";
import { letterOfRow } from "../schema/letter-of-row.ts";
import { type ParkedLetter, parkDeath } from "../schema/park-death.ts";
import type { LetterHead } from "../schema/rows.ts";
import { filedUnder } from "./filed-under.ts";
import type { JobDescriptions } from "./job-descriptions.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { readRun, type StartedRun } from "./read-run.ts";
import { runDeath } from "./run-death.ts";
import { runInput } from "./run-input.ts";
import type { Payload } from "./stored-payloads.ts";
import { translated } from "./translated.ts";

/** What the office needs of a capture, and what jobs are. */
export type CaptureNeeds = OfficeNeeds & { readonly descriptions: JobDescriptions };

/**
 * Makes a letter of the record with which the calling workflow was begun. Safe to repeat: the record's source is its workflow id, its
 * death's run id is made of that, and a death is written once.
 */
export async function captureRecord(
  needs: CaptureNeeds,
  { version, capture, described }: CaptureAsk,
): Promise<CaptureVerdict> {
  if (version !== 1)
    throw ApplicationFailure.retryable(
      `This office is older than what sent a record: it knows version 1, not ${String(version)}. Upgrade it`,
      "SCHEMA_TOO_NEW",
    );
  const { db, client, descriptions, capture: policy } = needs;
  const { letterWorkflowId, letterRunId, workflowId } = callingLetter();
  const { namespace } = client.options;
  const record = recordDeathOf(namespace, workflowId);
  const found = await translated(() => findCaptured(db, record, letterRunId));
  if (found?.as === "captured") return letterVerdict(found.letter, found.isNew, needs);
  if (found !== undefined)
    return refused("CAPTURE_REFUSED", `workflow id ${workflowId} is that of an open letter of ${found.letter.job}`);
  const { job, taskQueue } = capture;
  if (!mayCapture(job, policy))
    return refused(
      "CAPTURE_REFUSED",
      `this office takes no records for job "${job}": its config says capture.jobs: ${policy.jobs?.join(", ")}`,
    );
  if (described !== undefined) descriptions.set(job, taskQueue, described);
  const known = described === undefined ? descriptions.get(job, taskQueue) : described;
  if (known === undefined) return { outcome: "ask" };
  if (known?.known === false) return refused("JOB_UNKNOWN", jobUnknown(job, known.knows).message);
  const run = await recordRun(client, letterWorkflowId, letterRunId, capture);
  const tooLarge = tooLargeFor(run, policy);
  if (tooLarge !== undefined)
    return refused("INPUT_TOO_LARGE", inputTooLarge(job, tooLarge.bytes, tooLarge.maximumBytes).message);
  const parked = await parkCaptured(needs, { ...record, requestId: letterRunId }, { capture, known, run });
  return letterVerdict(parked.letter, parked.isNew, needs);
}

/** The death that a record's failure is. The same each time: it is written once. */
export function recordDeathOf(namespace: string, workflowId: string) {
  return { namespace, workflowId, runId: uuidv5(workflowId, firstRuns) };
}

/** Writes a captured record as a letter. Safe to repeat. */
export async function parkCaptured(
  needs: OfficeNeeds,
  {
    requestId,
    letterId,
    ...record
  }: {
    readonly namespace: string;
    readonly workflowId: string;
    readonly runId: string;
    readonly requestId: string;
    /** Of the letter whose row is lost. @default a new one */
    readonly letterId?: string;
  },
  {
    capture,
    known,
    run,
  }: { readonly capture: Capture; readonly known: JobDescription | null; readonly run: StartedRun },
): Promise<ParkedLetter> {
  const { job, taskQueue, source, by } = capture;
  const policy = policyOf(known);
  const filed = filedUnder(needs, policy, capture.queue);
  return await translated(async () =>
    parkDeath(needs.db, {
      ...runDeath(
        { ...record, job, queue: filed.queue, startedAt: undefined },
        deathOf(capture, known),
        needs.fingerprint,
      ),
      ...(await runInput(run, record.workflowId, needs.queues[filed.queue], needs)),
      ...(letterId === undefined ? {} : { letterId }),
      kind: "record",
      job,
      workflowType: job,
      taskQueue,
      startedBy: by,
      source,
      ...filed,
      tags: [...new Set([...policy.tags, ...capture.tags])],
      event: {
        type: "captured",
        atMs: Date.now(),
        by,
        requestId,
        // Nobody could say whether there is such a job.
        data: { source, ...(known === null && { unchecked: true }) },
      },
    }),
  );
}

/** What a job without dead letters of its own has, and one that nobody could describe. */
function policyOf(known: JobDescription | null): DeadLetterPolicy {
  if (known === null || !known.known || known.deadLetter === false) return defaultDeadLetterPolicy;
  return known.deadLetter;
}

function deathOf({ reason, error, category, attempts, failedAtMs }: Capture, known: JobDescription | null): Death {
  return {
    version: 1,
    reason,
    error,
    ...(category === undefined ? {} : { category }),
    // Nothing is known of them one by one.
    ledger: { total: attempts, interrupted: 0, entries: [] },
    ...(known?.known === true && known.ownCode !== undefined ? { ownCode: known.ownCode } : {}),
    diedAtMs: failedAtMs,
  };
}

/** The run that never was: what the job would have been started with. Encoded as the client did it. */
export async function recordRun(
  client: Client,
  letterWorkflowId: string,
  letterRunId: string,
  capture: Capture,
): Promise<StartedRun> {
  const started = await readRun(client, letterWorkflowId, letterRunId);
  const [, payload, memo] = started.input;
  assert(payload, `letter ${letterWorkflowId} was begun with a record without payload`);
  return { ...started, workflowType: capture.job, taskQueue: capture.taskQueue, input: [payload], memo };
}

function tooLargeFor({ input, memo }: StartedRun, { maximumBytes = maximumInputBytes }: CapturePolicy) {
  const bytes = sizeOf([...input, ...(memo === undefined ? [] : [memo])]);
  return bytes > maximumBytes ? { bytes, maximumBytes } : undefined;
}

function sizeOf(payloads: readonly Payload[]): number {
  return payloads.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
}

function letterVerdict(row: LetterHead, isNew: boolean, { searchAttributes }: CaptureNeeds): CaptureVerdict {
  const letter = letterOfRow(row);
  const attributes = letterAttributes(letter, row.key)
    .filter((pair) => searchAttributes.includes(pair.key.name as SearchAttribute))
    .map((pair) => [pair.key.name, pair.value] as const);
  return { outcome: "letter", letter, isNew, attributes: Object.fromEntries(attributes) };
}

function refused(code: CaptureRefusal, why: string): CaptureVerdict {
  return { outcome: "refused", code, why };
}

/** The namespace of the run ids that stand for a record's failure. */
const firstRuns = "5d0f8f0c-5b0a-5c43-9f0e-0a3e6c1d7b52";

function callingLetter() {
  const { workflowExecution } = activityInfo();
  const workflowId = workflowExecution && jobWorkflowIdOf(workflowExecution.workflowId);
  assert(workflowExecution && workflowId !== undefined, "captureRecord is called by a letter's workflow");
  return { letterWorkflowId: workflowExecution.workflowId, letterRunId: workflowExecution.runId, workflowId };
}
