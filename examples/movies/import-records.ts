import { errorCodeOf } from "dead-letter-office";
import type { Dlo } from "dead-letter-office/client";
import { importMovie } from "./import-movie.ts";
import { inLanes } from "./in-lanes.ts";
import type { Plan } from "./plan-import.ts";
import type { RawMovie } from "./records.ts";

/** How the jobs of an import have ended so far. */
export type Tally = { succeeded: number; died: number };

export type ImportOptions = {
  readonly tally: Tally;
  readonly signal: AbortSignal;
  /** Called when half of the records have been started; those after it are started when it is done. */
  readonly midway: () => Promise<void>;
};

/** Jobs under way at a time. More would only wait in the dev server, which does some fifty a second. */
const mostInFlight = 50;

/** Runs the job for every record of the plan and waits until each has succeeded or died. */
export async function importRecords(dlo: Dlo, plan: Plan, { tally, signal, midway }: ImportOptions): Promise<void> {
  const half = Math.floor(plan.toStart.length / 2);
  const jobs = [
    ...plan.toFollow.map((id) => async () => await follow(dlo, id, tally)),
    ...plan.toStart.map(({ id, record }, index) => async () => {
      if (index === half) await midway();
      await importOne(dlo, id, record, tally);
    }),
  ];
  await inLanes(jobs, inFlight(jobs.length), signal, async (job) => await job());
}

/** Few in a small import, so that the outage midway finds most of the first half done, as it does in a large one. */
function inFlight(jobs: number): number {
  return Math.min(mostInFlight, Math.max(5, Math.ceil(jobs / 6)));
}

async function importOne(dlo: Dlo, id: string, record: RawMovie, tally: Tally): Promise<void> {
  try {
    await dlo.run(importMovie, record, { id, batch: "movies.json" });
    tally.succeeded += 1;
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === "JOB_DIED") tally.died += 1;
    // It ran, or runs, without our having seen it: what became of it counts.
    else if (code === "ALREADY_STARTED") await follow(dlo, id, tally);
    else throw error;
  }
}

/** Waits for a job that runs already. */
async function follow(dlo: Dlo, id: string, tally: Tally): Promise<void> {
  const handle = dlo.temporal.workflow.getHandle(id);
  await handle.result().catch(() => undefined);
  const { status } = await handle.describe();
  if (status.name === "COMPLETED") tally.succeeded += 1;
  else tally.died += 1;
}
