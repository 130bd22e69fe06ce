import { strict as assert } from "node:assert";
import type { Client } from "@temporalio/client";
import { defaultPayloadConverter } from "@temporalio/common";
import type proto from "@temporalio/proto";
import { utf8Bytes } from "../model/clean.ts";
import type { QueueOptions } from "../model/config.ts";
import { redact } from "../model/redact.ts";
import type { RunInput } from "../schema/run-input.ts";
import { keepWorkflowStart } from "./kept-start.ts";
import { mayShow, storedPayload, type Storing } from "./run-input.ts";
import { type Payload, shownInput } from "./stored-payloads.ts";

/** A run of a workflow or activity that this project did not write, encoded as Temporal has it. */
export type ForeignRun = {
  readonly kind: "workflow" | "activity";
  readonly type: string;
  readonly taskQueue: string;
  /** Null: its history is gone. */
  readonly input: readonly Payload[] | null;
  /** All else that it was started with: `kept-start.ts`. */
  readonly kept: Buffer;
  readonly memo: Fields;
  readonly searchAttributes: Fields;
  /** Which attempt of its own retry policy it is. */
  readonly attempt: number;
  readonly startedAt: Date | undefined;
  /** Identity of whoever started it. */
  readonly startedBy?: string;
  /** The first run of its chain, where that is another one: it continued as new, or was retried by its own policy. */
  readonly firstRunId?: string;
};

type Fields = { readonly [name: string]: Payload };

/**
 * Reads what a workflow's run was started with, from its first event.
 *
 * @throws a gRPC error `NOT_FOUND` where its history is gone: `isGone`
 */
export async function readForeignRun(client: Client, workflowId: string, runId: string): Promise<ForeignRun> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const event = history?.events?.[0];
  const started = event?.workflowExecutionStartedEventAttributes;
  assert(event && started?.workflowType?.name && started.taskQueue?.name, `run ${runId} has no first event`);
  const { workflowType, taskQueue, memo, searchAttributes, header, retryPolicy, cronSchedule, priority } = started;
  const { workflowExecutionTimeout, workflowRunTimeout, workflowTaskTimeout, versioningOverride } = started;
  return {
    kind: "workflow",
    type: workflowType?.name ?? "",
    taskQueue: taskQueue?.name ?? "",
    input: started.input?.payloads ?? [],
    kept: keepWorkflowStart({
      ...{ workflowType, taskQueue: { name: taskQueue?.name ?? "" }, memo, searchAttributes, header, retryPolicy },
      ...{ cronSchedule, priority, workflowExecutionTimeout, workflowRunTimeout, workflowTaskTimeout },
      ...{ versioningOverride, userMetadata: event.userMetadata },
    }),
    memo: memo?.fields ?? {},
    searchAttributes: searchAttributes?.indexedFields ?? {},
    attempt: started.attempt || 1,
    startedAt: dateOf(event.eventTime),
    ...(started.identity ? { startedBy: started.identity } : {}),
    ...(started.firstExecutionRunId && started.firstExecutionRunId !== runId
      ? { firstRunId: started.firstExecutionRunId }
      : {}),
  };
}

/** What Visibility still says of a run whose history is gone. */
export function forgottenRun(info: proto.temporal.api.workflow.v1.IWorkflowExecutionInfo): ForeignRun {
  const { type, taskQueue = "", memo, searchAttributes } = info;
  return {
    kind: "workflow",
    type: type?.name ?? "",
    taskQueue: taskQueue ?? "",
    input: null,
    kept: keepWorkflowStart({ workflowType: type, taskQueue: { name: taskQueue }, memo }),
    memo: memo?.fields ?? {},
    searchAttributes: searchAttributes?.indexedFields ?? {},
    attempt: 1,
    startedAt: dateOf(info.startTime),
  };
}

/** What such a run was started with, as the tables keep it under a queue's policy. */
export async function foreignInput(
  run: ForeignRun,
  jobId: string,
  queue: QueueOptions | undefined,
  storing: Storing,
): Promise<RunInput> {
  return {
    ...(run.input === null ? { payload: null, payloadData: null } : await storedPayload(run.input, queue, storing)),
    memoData: run.kept,
    headers: {},
    idempotencyKey: jobId,
  };
}

/** Where it comes from, for people: its memo and search attributes, as far as they may be read. */
export async function foreignSource(
  run: ForeignRun,
  queue: QueueOptions | undefined,
  storing: Storing,
): Promise<Readonly<Record<string, unknown>>> {
  const memo = mayShow(queue, storing) ? await shownFields(run.memo, (part) => shownInput([part], storing.codecs)) : {};
  // Never encrypted: Temporal has them to search by.
  const searchAttributes = await shownFields(run.searchAttributes, async (part) =>
    defaultPayloadConverter.fromPayload(part),
  );
  const shown = redact({ memo, searchAttributes }, storing.redact) as { memo: object; searchAttributes: object };
  return {
    ...(Object.keys(shown.memo).length === 0 ? {} : { memo: small(shown.memo) }),
    ...(Object.keys(shown.searchAttributes).length === 0 ? {} : { searchAttributes: small(shown.searchAttributes) }),
    ...(run.firstRunId === undefined ? {} : { firstRunId: run.firstRunId }),
    ...(run.input === null ? { historyGone: true } : {}),
  };
}

async function shownFields(fields: Fields, read: (part: Payload) => Promise<unknown>): Promise<object> {
  const pairs = await Promise.all(
    Object.entries(fields).map(async ([name, part]) => {
      try {
        return [name, await read(part)] as const;
      } catch {
        return [name, undefined] as const;
      }
    }),
  );
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

const largestShownBytes = 65_536;

function small(fields: object): unknown {
  const bytes = utf8Bytes(JSON.stringify(fields));
  return bytes <= largestShownBytes ? fields : { cut: true, bytes };
}

export function dateOf(time: proto.google.protobuf.ITimestamp | null | undefined): Date | undefined {
  return time ? new Date(Number(time.seconds ?? 0) * 1000 + Math.floor((time.nanos ?? 0) / 1e6)) : undefined;
}
