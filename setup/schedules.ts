import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from "@temporalio/client";
import { grpcAnswer } from "../model/grpc-answer.ts";
import {
  pruneScheduleId,
  pruneType,
  pruneWorkflowId,
  reconcileScheduleId,
  reconcileType,
  reconcileWorkflowId,
} from "../model/ids.ts";

export type SchedulesOutcome = {
  /** Those that were made now. */
  readonly made: readonly string[];
  /** Those that were there, and stay as they are: somebody may have changed or paused them. */
  readonly there: readonly string[];
  /** Those that are missing, as they may not be made from here, or the server has none. */
  readonly missing: readonly string[];
  /** Why they are missing. */
  readonly why?: string;
  /** For somebody who may, a line each. Absent where nothing is missing. */
  readonly command?: string;
};

/**
 * Makes the Temporal Schedules of an office, where they are missing: one prunes each night, one reconciles each hour. All else works
 * without them: closed letters then stay, and what differs stays so, until somebody asks.
 *
 * @param office whose schedules; one of each for each office's name
 */
export async function makeSchedules(client: Client, office: string): Promise<SchedulesOutcome> {
  const found: (Made & { readonly schedule: OfficeSchedule })[] = [];
  for (const schedule of schedulesOf(office)) found.push({ schedule, ...(await make(client, office, schedule)) });
  const idsOf = (end: Made["end"]) => found.filter((one) => one.end === end).map(({ schedule }) => schedule.id);
  const missing = found.filter(({ end }) => end === "missing");
  const command = missing.map(({ schedule }) => scheduleCommand(client.options.namespace, office, schedule)).join("\n");
  const why = missing[0]?.why;
  return {
    ...{ made: idsOf("made"), there: idsOf("there"), missing: idsOf("missing") },
    ...(why === undefined ? {} : { why, command }),
  };
}

type Made = { readonly end: "made" | "there" | "missing"; readonly why?: string };

type OfficeSchedule = {
  readonly id: string;
  readonly type: string;
  readonly workflowId: string;
  /** UTC; absent: each hour. */
  readonly hour?: number;
  readonly minute: number;
  readonly note: string;
};

function schedulesOf(office: string): OfficeSchedule[] {
  return [
    {
      ...{ id: pruneScheduleId(office), type: pruneType, workflowId: pruneWorkflowId(office), hour: 2, minute: 0 },
      note: "Deletes closed letters past their keep time. Made by dlo setup.",
    },
    {
      // Not at the full hour, at which everybody's work begins.
      ...{ id: reconcileScheduleId(office), type: reconcileType, workflowId: reconcileWorkflowId(office), minute: 17 },
      note: "Mends what differs between Temporal and Postgres. Made by dlo setup.",
    },
  ];
}

const scheduledOptions = { by: "office" };

async function make(
  client: Client,
  office: string,
  { id, type, workflowId, hour, minute, note }: OfficeSchedule,
): Promise<Made> {
  try {
    await client.schedule.create({
      scheduleId: id,
      spec: { calendars: [{ hour: hour ?? "*", minute }] },
      action: { type: "startWorkflow", workflowType: type, workflowId, taskQueue: office, args: [scheduledOptions] },
      // An office that was down for a week does it once, not seven times.
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: hour === undefined ? "1 hour" : "1 day" },
      state: { note },
    });
    return { end: "made" };
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) return { end: "there" };
    const why = refusal(error);
    if (why === undefined) throw error;
    return { end: "missing", why };
  }
}

/** The command of Temporal's own CLI that makes it. */
function scheduleCommand(
  namespace: string,
  office: string,
  { id, type, workflowId, hour, minute }: OfficeSchedule,
): string {
  return [
    `temporal schedule create --namespace ${namespace} --schedule-id ${id} --cron "${minute} ${hour ?? "*"} * * *"`,
    `--overlap-policy Skip --type ${type} --workflow-id ${workflowId} --task-queue ${office}`,
    `--input '${JSON.stringify(scheduledOptions)}'`,
  ].join(" ");
}

/** Why a schedule may not be made; undefined for what is no refusal. The client wraps the server's answer. */
function refusal(error: unknown): string | undefined {
  // The namespace has been looked at: some part of the server has not heard of it yet.
  if (error instanceof Error && error.name === "NamespaceNotFoundError") return "the namespace is too new, try again";
  const answer = grpcAnswer(error);
  return answer && refusals.get(answer.code);
}

/** By gRPC's own numbers. */
const refusals: ReadonlyMap<number, string> = new Map([
  [7, "permission denied"],
  [12, "this server has no schedules"],
  [16, "not authenticated"],
]);
