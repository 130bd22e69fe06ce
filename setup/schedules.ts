import { type Client, isGrpcServiceError, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from "@temporalio/client";
import { pruneScheduleId, pruneType } from "../model/ids.ts";

export type SchedulesOutcome = {
  /** Those that were made now. */
  readonly made: readonly string[];
  /** Those that were there, and stay as they are: somebody may have changed or paused them. */
  readonly there: readonly string[];
  /** Those that are missing, as they may not be made from here, or the server has none. */
  readonly missing: readonly string[];
  /** Why they are missing. */
  readonly why?: string;
  /** For somebody who may. Absent where nothing is missing. */
  readonly command?: string;
};

/**
 * Makes the Temporal Schedule that prunes each night, where it is missing. All else works without it: closed letters then stay
 * until somebody prunes.
 *
 * @param office the office that prunes; a schedule for each office's name
 */
export async function makeSchedules(client: Client, office: string): Promise<SchedulesOutcome> {
  const scheduleId = pruneScheduleId(office);
  const outcome = { made: [], there: [], missing: [] };
  try {
    await client.schedule.create({
      scheduleId,
      spec: { calendars: [{ hour: nightlyHour }] },
      action: {
        type: "startWorkflow",
        workflowType: pruneType,
        workflowId: `${pruneType}/${nightly}`,
        taskQueue: office,
        args: [nightlyOptions],
      },
      // An office that was down for a week prunes once, not seven times.
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 day" },
      state: { note: "Deletes closed letters past their keep time. Made by dlo setup." },
    });
    return { ...outcome, made: [scheduleId] };
  } catch (error) {
    if (error instanceof ScheduleAlreadyRunning) return { ...outcome, there: [scheduleId] };
    const why = refusal(error);
    if (why === undefined) throw error;
    const command = scheduleCommand(client.options.namespace, office);
    return { ...outcome, missing: [scheduleId], why, command };
  }
}

/** UTC. */
const nightlyHour = 2;
const nightly = "nightly";
const nightlyOptions = { by: "office" };

/** The command of Temporal's own CLI that makes it. */
function scheduleCommand(namespace: string, office: string): string {
  return [
    `temporal schedule create --namespace ${namespace} --schedule-id ${pruneScheduleId(office)} --cron "0 ${nightlyHour} * * *"`,
    `--overlap-policy Skip --type ${pruneType} --workflow-id ${pruneType}/${nightly} --task-queue ${office}`,
    `--input '${JSON.stringify(nightlyOptions)}'`,
  ].join(" ");
}

/** Why a schedule may not be made; undefined for what is no refusal. The client wraps the server's answer. */
function refusal(error: unknown): string | undefined {
  // The namespace has been looked at: some part of the server has not heard of it yet.
  if (error instanceof Error && error.name === "NamespaceNotFoundError") return "the namespace is too new, try again";
  const answer = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (!isGrpcServiceError(answer)) return undefined;
  return refusals.get(answer.code);
}

/** By gRPC's own numbers. */
const refusals: ReadonlyMap<number, string> = new Map([
  [7, "permission denied"],
  [12, "this server has no schedules"],
  [16, "not authenticated"],
]);
