import type { Client } from "@temporalio/client";
import type proto from "@temporalio/proto";
import type { Codec } from "../model/config.ts";
import type { DeadLetterPolicy } from "../model/contract.ts";
import { type Death, deadLetteredType, diedType } from "../model/death.ts";
import type { ParkRequest } from "../model/letter-activities.ts";
import { type Payload, shownInput } from "./stored-payloads.ts";

/** What the history of a job's run still tells of its end. */
export type JobEnd = {
  /** The death as the run itself told it, whole. Absent where it could not. */
  readonly death?: Death;
  /** The dead-letter policy that it went by. */
  readonly policy?: DeadLetterPolicy;
  /** The letter that it was recorded in. */
  readonly letterId?: string;
  /** Who terminated it, and why. */
  readonly terminated?: { readonly by: string; readonly reason: string };
};

/** From the compensation to the end there are a dozen events, and more where offices crashed meanwhile. */
const lastEvents = 50;

/**
 * Reads how a job's run ended, from its last events: one call. A job that was dead lettered had asked for the compensation, with
 * all that was known; a retry's run has it in its failure.
 *
 * @returns undefined where Temporal no longer knows the run
 */
export async function readJobEnd(
  client: Client,
  codecs: readonly Codec[],
  run: { readonly workflowId: string; readonly runId: string },
): Promise<JobEnd> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: run,
    maximumPageSize: lastEvents,
  });
  let end: JobEnd = {};
  for (const event of history?.events ?? []) {
    const {
      workflowExecutionTerminatedEventAttributes: terminated,
      workflowExecutionFailedEventAttributes: failed,
      activityTaskScheduledEventAttributes: scheduled,
    } = event;
    if (terminated) end = { ...end, terminated: { by: terminated.identity ?? "", reason: terminated.reason ?? "" } };
    if (failed) end = { ...end, ...(await toldByFailure(failed.failure, codecs)) };
    if (scheduled?.activityType?.name === "parkDeadLetter" && end.death === undefined) {
      const request = (await firstOf(scheduled.input?.payloads, codecs)) as ParkRequest | undefined;
      if (request?.version === 1) end = { ...end, death: request.death, policy: request.policy };
    }
  }
  return end;
}

async function toldByFailure(
  failure: proto.temporal.api.failure.v1.IFailure | null | undefined,
  codecs: readonly Codec[],
): Promise<JobEnd> {
  const { type, details } = failure?.applicationFailureInfo ?? {};
  if (type !== deadLetteredType && type !== diedType) return {};
  const told = await firstOf(details?.payloads, codecs);
  if (typeof told !== "object" || told === null) return {};
  if (type === diedType) return (told as Death).version === 1 ? { death: told as Death } : {};
  const { letterId } = told as { letterId?: unknown };
  return typeof letterId === "string" ? { letterId } : {};
}

async function firstOf(payloads: readonly Payload[] | null | undefined, codecs: readonly Codec[]): Promise<unknown> {
  const [first] = payloads ?? [];
  return first === undefined ? undefined : await shownInput([first], codecs);
}
