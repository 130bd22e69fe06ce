import { type Client, isGrpcServiceError } from "@temporalio/client";
import type proto from "@temporalio/proto";
import type { Codec } from "../model/config.ts";
import type { ErrorRecord } from "../model/error-record.ts";
import { type Failure, readFailure } from "./read-failure.ts";

/** How a run ended, as far as its history says it. */
export type RunEnd = {
  readonly status: RunEndStatus;
  readonly closedAtMs: number;
  /** The run that goes on in its place: it continued as new, or its retry policy or cron schedule began another one. */
  readonly nextRunId?: string;
  /** Why it failed, was terminated, or what it ran out of. Absent where it completed, was cancelled, or continued as new. */
  readonly error?: ErrorRecord;
  /** The activity or child that it failed of. */
  readonly failedOf?: FailedOf;
  /** Where Temporal's reset would go back to. Absent where the run had done nothing yet. */
  readonly resetPoint?: ResetPoint;
};

export type RunEndStatus = "completed" | "failed" | "cancelled" | "terminated" | "timed_out" | "continued";

export type FailedOf = {
  readonly what: "activity" | "child";
  readonly type: string;
  /** The activity's id, or the child's workflow id. */
  readonly id: string;
  /** Of an activity. */
  readonly attempts?: number;
  readonly startedAtMs?: number;
  readonly endedAtMs: number;
  readonly worker?: string;
  /** How it failed: of an activity, its last attempt. */
  readonly error?: ErrorRecord;
  /** How the attempt before the last one failed. */
  readonly earlier?: ErrorRecord;
};

export type ResetPoint = {
  /** A completed workflow task: it is done anew, and what it had led to is forgotten. */
  readonly eventId: number;
  /** What is done anew, such as `before activity charge, event 11`. */
  readonly before: string;
};

type Event = proto.temporal.api.history.v1.IHistoryEvent;
type RunRef = { readonly workflowId: string; readonly runId: string };

/**
 * Reads the end of a run from its last events, backwards, only as far as it has to: to where the activity was scheduled that it
 * failed of.
 *
 * @returns undefined where the run goes on
 * @throws a gRPC error `NOT_FOUND` where its history is gone: `isGone`
 */
export async function readRunEnd(client: Client, codecs: readonly Codec[], run: RunRef): Promise<RunEnd | undefined> {
  const events = backwards(client, run);
  const { value: last } = await events.next();
  const ended = last === undefined ? undefined : endOf(last);
  if (last === undefined || ended === undefined) return undefined;
  const { status, nextRunId, failure } = ended;
  const plain = { status, closedAtMs: timeOf(last), ...(nextRunId ? { nextRunId } : {}) };
  if (status === "completed" || status === "cancelled" || status === "continued") return plain;
  const trail = await follow(events, last, failure);
  const { failedOf, resetPoint } = await traced(client, codecs, trail);
  return {
    ...plain,
    error: failure ? await readFailure(client, codecs, failure) : endedError(last),
    ...(failedOf === undefined ? {} : { failedOf }),
    ...(resetPoint === undefined ? {} : { resetPoint }),
  };
}

/** Whether Temporal has forgotten a run, or what it is asked about it. */
export function isGone(error: unknown): boolean {
  return isGrpcServiceError(error) && error.code === notFound;
}

/** gRPC's number. */
const notFound = 5;

function endOf(
  event: Event,
): { status: RunEndStatus; nextRunId?: string | null; failure?: Failure | null } | undefined {
  if (event.workflowExecutionFailedEventAttributes) {
    const { failure, newExecutionRunId } = event.workflowExecutionFailedEventAttributes;
    return { status: "failed", failure: failure ?? {}, nextRunId: newExecutionRunId ?? null };
  }
  if (event.workflowExecutionTimedOutEventAttributes)
    return { status: "timed_out", nextRunId: event.workflowExecutionTimedOutEventAttributes.newExecutionRunId ?? null };
  if (event.workflowExecutionTerminatedEventAttributes) return { status: "terminated" };
  if (event.workflowExecutionCanceledEventAttributes) return { status: "cancelled" };
  if (event.workflowExecutionContinuedAsNewEventAttributes)
    return {
      status: "continued",
      nextRunId: event.workflowExecutionContinuedAsNewEventAttributes.newExecutionRunId ?? null,
    };
  if (event.workflowExecutionCompletedEventAttributes) return { status: "completed" };
  return undefined;
}

/** The error of a run that could not say anything itself. */
function endedError(last: Event): ErrorRecord {
  const terminated = last.workflowExecutionTerminatedEventAttributes;
  if (!terminated) return { type: "WorkflowTimeout", message: "The run ran into its workflow timeout", causes: [] };
  const who = terminated.identity ? ` by ${terminated.identity}` : "";
  const why = terminated.reason ? `: ${terminated.reason}` : "";
  return { type: "Terminated", message: `The run was terminated${who}${why}`.slice(0, 4096), causes: [] };
}

/** What was met on the way back from the end. */
type Trail = {
  /** What it failed of: an activity or a child, by its first event. */
  origin?: number;
  begun?: Event;
  started?: Event;
  ended?: Event;
  /** The last completed workflow task. */
  lastTask?: number;
};

/** Goes back to where the thing began that the run failed of; or, where there is none, to the last completed workflow task. */
async function follow(events: AsyncIterator<Event>, last: Event, failure: Failure | null | undefined): Promise<Trail> {
  const trail: Trail = {};
  const said = originOf(failure);
  if (said !== undefined) trail.origin = said;
  // A failure that names no activity was thrown in the workflow task that the end belongs to: what that task had just been told of?
  let tasks = 0;
  for (let seen = 0; seen < furthest; seen++) {
    const { value: event } = await events.next();
    if (event === undefined) break;
    if (event.workflowTaskCompletedEventAttributes) {
      tasks++;
      trail.lastTask ??= idOf(event);
    }
    const ended = failedEventOrigin(event);
    if (ended !== undefined && trail.origin === undefined && failure && tasks === 1) trail.origin = ended;
    if (ended !== undefined && ended === trail.origin) trail.ended ??= event;
    const started = startedEventOrigin(event);
    if (started !== undefined && started === trail.origin) trail.started ??= event;
    if (idOf(event) === trail.origin) {
      trail.begun = event;
      break;
    }
    const isEnough = trail.origin === undefined && tasks > (failure ? 1 : 0);
    if (isEnough) break;
  }
  const ownTask = last.workflowExecutionFailedEventAttributes?.workflowTaskCompletedEventId;
  if (ownTask && Number(ownTask) > 0) trail.lastTask = Number(ownTask);
  return trail;
}

/** Events that are read at most: further back lies what nobody waits for. */
const furthest = 10_000;

async function traced(
  client: Client,
  codecs: readonly Codec[],
  { begun, started, ended, lastTask }: Trail,
): Promise<Pick<RunEnd, "failedOf" | "resetPoint">> {
  const scheduled = begun?.activityTaskScheduledEventAttributes;
  const child = begun?.startChildWorkflowExecutionInitiatedEventAttributes;
  const task = Number(scheduled?.workflowTaskCompletedEventId ?? child?.workflowTaskCompletedEventId ?? 0);
  const name = scheduled ? `activity ${scheduled.activityType?.name}` : `child workflow ${child?.workflowType?.name}`;
  const resetPoint: ResetPoint | undefined =
    task > 0
      ? { eventId: task, before: `before ${name}, event ${idOf(begun ?? {})}` }
      : lastTask === undefined
        ? undefined
        : { eventId: lastTask, before: `before its last workflow task, event ${lastTask}` };
  const where = resetPoint === undefined ? {} : { resetPoint };
  if (scheduled) {
    const begin = started?.activityTaskStartedEventAttributes;
    return {
      ...where,
      failedOf: {
        ...{ what: "activity", type: scheduled.activityType?.name ?? "", id: scheduled.activityId ?? "" },
        ...(begin?.attempt ? { attempts: begin.attempt } : {}),
        ...(started ? { startedAtMs: timeOf(started) } : {}),
        endedAtMs: timeOf(ended ?? begun ?? {}),
        ...(begin?.identity ? { worker: begin.identity } : {}),
        ...(await errorOf(client, codecs, ended)),
        ...(begin?.lastFailure ? { earlier: await readFailure(client, codecs, begin.lastFailure) } : {}),
      },
    };
  }
  if (!child) return where;
  return {
    ...where,
    failedOf: {
      ...{ what: "child", type: child.workflowType?.name ?? "", id: child.workflowId ?? "" },
      endedAtMs: timeOf(ended ?? begun ?? {}),
      ...(await errorOf(client, codecs, ended)),
    },
  };
}

async function errorOf(client: Client, codecs: readonly Codec[], ended: Event | undefined) {
  const failure =
    ended?.activityTaskFailedEventAttributes?.failure ??
    ended?.activityTaskTimedOutEventAttributes?.failure ??
    ended?.childWorkflowExecutionFailedEventAttributes?.failure;
  return failure ? { error: await readFailure(client, codecs, failure) } : {};
}

/** The first event of the activity or child that a failure names, the innermost of this run. */
function originOf(failure: Failure | null | undefined): number | undefined {
  for (let link = failure; link; link = link.cause) {
    const origin = Number(
      link.activityFailureInfo?.scheduledEventId ?? link.childWorkflowExecutionFailureInfo?.initiatedEventId ?? 0,
    );
    // Below the first one are those of the child's own history.
    if (origin > 0) return origin;
  }
  return undefined;
}

function failedEventOrigin(event: Event): number | undefined {
  const activity = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
  if (activity) return Number(activity.scheduledEventId);
  const child =
    event.childWorkflowExecutionFailedEventAttributes ??
    event.childWorkflowExecutionTimedOutEventAttributes ??
    event.childWorkflowExecutionTerminatedEventAttributes;
  return child ? Number(child.initiatedEventId) : undefined;
}

function startedEventOrigin({ activityTaskStartedEventAttributes: started }: Event): number | undefined {
  return started ? Number(started.scheduledEventId) : undefined;
}

async function* backwards(client: Client, { workflowId, runId }: RunRef): AsyncGenerator<Event, undefined, undefined> {
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await client.workflowService.getWorkflowExecutionHistoryReverse({
      namespace: client.options.namespace,
      execution: { workflowId, runId },
      maximumPageSize: nextPageToken === undefined ? 20 : 200,
      ...(nextPageToken === undefined ? {} : { nextPageToken }),
    });
    yield* page.history?.events ?? [];
    nextPageToken = page.nextPageToken;
  } while (nextPageToken !== undefined && nextPageToken !== null && nextPageToken.length > 0);
  return undefined;
}

function idOf({ eventId }: Event): number {
  return Number(eventId ?? 0);
}

function timeOf({ eventTime }: Event): number {
  return Number(eventTime?.seconds ?? 0) * 1000 + Math.floor((eventTime?.nanos ?? 0) / 1e6);
}
