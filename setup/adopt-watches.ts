import { type Client, ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from "@temporalio/client";
import type { AdoptOptions, AdoptWhat } from "../model/adopt.ts";
import { isWatchName } from "../model/adopt.ts";
import { adoptScheduleId, adoptType, adoptWorkflowId } from "../model/ids.ts";
import { usage } from "../model/office-error.ts";

/** A Temporal Schedule that adopts what has failed since its last run. */
export type AdoptWatch = {
  readonly name: string;
  readonly office: string;
  readonly query: string;
  readonly what: AdoptWhat;
  readonly everyMs: number;
  readonly paused: boolean;
  readonly lastRunAt: Date | null;
  readonly nextRunAt: Date | null;
};

export type MakeWatch = {
  readonly name: string;
  readonly office: string;
  readonly query: string;
  readonly what: AdoptWhat;
  readonly everyMs: number;
  readonly by: string;
  readonly reason?: string;
};

/**
 * Makes a watch. The same one again changes nothing.
 *
 * @returns whether it was made now
 * @throws {OfficeError} `USAGE` where one of the name looks for something else
 */
export async function makeWatch(client: Client, watch: MakeWatch): Promise<"made" | "there"> {
  const { name, office, query, what, everyMs, by, reason } = watch;
  if (!isWatchName(name))
    throw usage(`A watch has a name of 1 to 100 letters, digits, or . - _, not ${JSON.stringify(name)}`);
  const options: AdoptOptions = { query, what, watch: name, by, ...(reason === undefined ? {} : { reason }) };
  try {
    await client.schedule.create({
      scheduleId: adoptScheduleId(office, name),
      spec: { intervals: [{ every: everyMs }] },
      action: {
        type: "startWorkflow",
        workflowType: adoptType,
        workflowId: adoptWorkflowId(`${office}/${name}`),
        taskQueue: office,
        args: [options],
      },
      // What one run has missed the next one finds: each goes on from where the last one stopped.
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 minute" },
      state: { note: `Adopts failed ${what}. Made by ${by}.` },
    });
    return "made";
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const there = await readWatch(client, office, name);
    if (there?.query === query && there.what === what) return "there";
    throw usage(
      `There is a watch "${name}" that looks for something else: ${there?.query ?? "unknown"}. Give this one another name (--watch <name>), or end that one: dlo adopt stop ${name}`,
    );
  }
}

/** All watches of an office, by name. */
export async function listWatches(client: Client, office: string): Promise<AdoptWatch[]> {
  const prefix = adoptScheduleId(office, "");
  const names: string[] = [];
  for await (const { scheduleId } of client.schedule.list())
    if (scheduleId.startsWith(prefix)) names.push(scheduleId.slice(prefix.length));
  const watches = await Promise.all(names.toSorted().map(async (name) => await readWatch(client, office, name)));
  return watches.filter((watch) => watch !== undefined);
}

/** Ends a watch. What it has adopted stays. Returns false where there is none of that name. */
export async function stopWatch(client: Client, office: string, name: string): Promise<boolean> {
  try {
    await client.schedule.getHandle(adoptScheduleId(office, name)).delete();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

async function readWatch(client: Client, office: string, name: string): Promise<AdoptWatch | undefined> {
  try {
    const { action, spec, state, info } = await client.schedule.getHandle(adoptScheduleId(office, name)).describe();
    const [options] = (action.type === "startWorkflow" ? (action.args ?? []) : []) as [AdoptOptions?];
    const { query = "", what = "workflows" } = options ?? {};
    return {
      ...{ name, office, query, what, everyMs: Number(spec.intervals?.[0]?.every ?? 0), paused: state.paused },
      lastRunAt: info.recentActions.at(-1)?.takenAt ?? null,
      nextRunAt: info.nextActionTimes[0] ?? null,
    };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}
