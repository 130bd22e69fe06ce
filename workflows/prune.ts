import {
  CancellationScope,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from "@temporalio/workflow";
import { type Prune, type PruneOptions, readPrune, ruleSummary } from "../model/prune.ts";
import type { PruneActivities, PruneOutcome, PrunePlace } from "../model/prune-activities.ts";
import { usageFailure } from "./letter-rules.ts";
import { uuid7 } from "./uuid7.ts";

/*
 * Deletes closed letters past their keep time: slice by slice, each of which is one activity of many batches, however many
 * letters it deletes. The count is the prune's row, which each batch raises in the statement that deletes.
 *
 * Cancelled, it ends where it is; what is gone stays gone, and the row says how much that was.
 */

const deleting = proxyActivities<Pick<PruneActivities, "pruneLetters">>({
  startToCloseTimeout: "1 hour",
  // Whoever is killed is noticed so soon. The letters that it had not yet deleted are all still there.
  heartbeatTimeout: "10 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" },
});

const counting = proxyActivities<Pick<PruneActivities, "finishPrune">>({
  startToCloseTimeout: "10 minutes",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" },
});

const sliceMs = 30_000;

/** Where a run goes on that continues another one. */
export type PruneGoing = { readonly prune: Prune; readonly after: PrunePlace };

/** Runs one prune, to its count. Started by the client, by the schedule, or by hand with the same options as JSON. */
export async function prune(options?: PruneOptions | null, going?: PruneGoing): Promise<PruneOutcome> {
  const asked = going?.prune ?? readOrFail(options ?? {});
  show(asked, 0);
  try {
    for (let after = going?.after; ;) {
      const slice = await deleting.pruneLetters({ prune: asked, sliceMs, ...(after === undefined ? {} : { after }) });
      show(asked, slice.letters);
      if (slice.after === undefined) break;
      after = slice.after;
      if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof prune>(options, { prune: asked, after });
    }
  } catch (error) {
    if (isCancellation(error))
      await CancellationScope.nonCancellable(async () => await counting.finishPrune({ prune: asked }));
    throw error;
  }
  return await CancellationScope.nonCancellable(async () => await counting.finishPrune({ prune: asked }));
}

function readOrFail(options: PruneOptions): Prune {
  try {
    return readPrune(options, { id: uuid7(), by: "unknown", atMs: Date.now() });
  } catch (error) {
    throw usageFailure(error);
  }
}

function show(asked: Prune, letters: number): void {
  setCurrentDetails(`Deletes letters ${ruleSummary(asked)}.\n\n**Deleted:** ${letters}`);
}
