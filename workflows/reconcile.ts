import {
  CancellationScope,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from "@temporalio/workflow";
import {
  emptyReport,
  foundInAll,
  readReconcile,
  type Reconcile,
  type ReconcileOptions,
  type ReconcileReport,
} from "../model/reconcile.ts";
import type {
  AskedContract,
  ReconcileActivities,
  ReconcilePlace,
  WantedContract,
} from "../model/reconcile-activities.ts";
import { usageFailure } from "./letter-rules.ts";
import { jobWorker } from "./office-calls.ts";
import { uuid7 } from "./uuid7.ts";

/*
 * Compares Temporal and Postgres, and mends what differs: slice by slice, each of which is one activity, however much there is
 * to look at. Its place is in the workflow, what it mended is no more to be found: a slice that is repeated repeats nothing.
 */

const mending = proxyActivities<Pick<ReconcileActivities, "beginReconcile" | "reconcileSlice" | "finishReconcile">>({
  startToCloseTimeout: "1 hour",
  heartbeatTimeout: "30 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" },
});

const sliceMs = 30_000;

/** Where a run goes on that continues another one. */
export type ReconcileGoing = {
  readonly reconcile: Reconcile;
  readonly place: ReconcilePlace;
  readonly report: ReconcileReport;
};

/** Runs one reconcile to its report. Started by the client, by the schedule, or by hand with the same options as JSON. */
export async function reconcile(
  options?: ReconcileOptions | null,
  going?: ReconcileGoing,
): Promise<ReconcileReport & { readonly id: string }> {
  const asked = going?.reconcile ?? readOrFail(options ?? {});
  let report = going?.report ?? emptyReport;
  const contracts: AskedContract[] = [];
  const finish = async () => {
    const finished = report;
    await CancellationScope.nonCancellable(() => mending.finishReconcile({ reconcile: asked, report: finished }));
    return { id: asked.id, ...finished };
  };
  try {
    for (let place = going?.place ?? (await mending.beginReconcile({ reconcile: asked })); ;) {
      show(asked, report, place);
      const slice = await mending.reconcileSlice({ reconcile: asked, place, report, contracts, sliceMs });
      report = slice.report;
      if (slice.wants !== undefined) contracts.push(...(await Promise.all(slice.wants.map(ask))));
      if (slice.place === undefined) break;
      place = slice.place;
      if (workflowInfo().continueAsNewSuggested)
        await continueAsNew<typeof reconcile>(options, { reconcile: asked, place, report });
    }
  } catch (error) {
    if (isCancellation(error)) await finish();
    throw error;
  }
  show(asked, report);
  return await finish();
}

/** Asks a job's own worker for its contract. A worker that is down, or older than the question, gives none. */
async function ask(wanted: WantedContract): Promise<AskedContract> {
  try {
    return { ...wanted, answer: await jobWorker(wanted.taskQueue).describeJob(wanted.job) };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return wanted;
  }
}

function readOrFail(options: ReconcileOptions): Reconcile {
  try {
    return readReconcile(options, { id: uuid7(), by: "unknown" });
  } catch (error) {
    throw usageFailure(error);
  }
}

function show(asked: Reconcile, report: ReconcileReport, place?: ReconcilePlace): void {
  const found = Object.entries(report.found).map(([finding, n]) => `${n} ${finding}`);
  setCurrentDetails(
    [
      asked.dryRun
        ? "Looks for what differs between Temporal and Postgres."
        : "Mends what differs between Temporal and Postgres.",
      `**Looked at:** ${report.runs} runs, ${report.letters} open letters${place === undefined ? "" : `; now at ${place.phase}`}`,
      `**Found:** ${foundInAll(report) === 0 ? "nothing" : found.join(", ")}; **mended:** ${report.mended}`,
    ].join("\n\n"),
  );
}
