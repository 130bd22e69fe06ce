import {
  CancellationScope,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from "@temporalio/workflow";
import { type Adoption, type AdoptOptions, readAdoption } from "../model/adopt.ts";
import {
  type AdoptActivities,
  addSeen,
  type AdoptOutcome,
  type AdoptSeen,
  nothingSeen,
} from "../model/adopt-activities.ts";
import { usageFailure } from "./letter-rules.ts";
import { uuid7 } from "./uuid7.ts";

/*
 * Makes letters of failed workflows that this project did not write: slice by slice, each of which is one activity over many
 * runs. What has its letter is known by the table of deaths, so whatever is interrupted can be done again.
 */

const adopting = proxyActivities<Pick<AdoptActivities, "adoptRuns">>({
  startToCloseTimeout: "1 hour",
  // Whoever is killed is noticed so soon. What it had not yet adopted is all still there.
  heartbeatTimeout: "10 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" },
});

const keeping = proxyActivities<Pick<AdoptActivities, "beginAdoption" | "finishAdoption">>({
  startToCloseTimeout: "1 minute",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" },
});

const sliceMs = 30_000;

/** Where a run goes on that continues another one. */
export type AdoptGoing = { readonly adoption: Adoption; readonly fromMs: number; readonly seen: AdoptSeen };

/** Runs one adoption, to its balance. Started by the client, by a watch's schedule, or by hand with the same options as JSON. */
export async function adopt(options: AdoptOptions, going?: AdoptGoing): Promise<AdoptOutcome> {
  const adoption = going?.adoption ?? readOrFail(options);
  let seen = going?.seen ?? nothingSeen;
  show(adoption, seen);
  try {
    let fromMs = going?.fromMs ?? (await keeping.beginAdoption(adoption)).fromMs;
    while (fromMs < adoption.asOfMs) {
      const slice = await adopting.adoptRuns({ adoption, fromMs, sliceMs });
      fromMs = slice.untilMs;
      seen = addSeen(seen, slice.seen);
      show(adoption, seen);
      if (workflowInfo().continueAsNewSuggested && fromMs < adoption.asOfMs)
        await continueAsNew<typeof adopt>(options, { adoption, fromMs, seen });
    }
  } catch (error) {
    if (isCancellation(error))
      await CancellationScope.nonCancellable(async () => await keeping.finishAdoption({ adoption, seen }));
    throw error;
  }
  return await CancellationScope.nonCancellable(async () => await keeping.finishAdoption({ adoption, seen }));
}

function readOrFail(options: AdoptOptions): Adoption {
  try {
    return readAdoption(options, { id: uuid7(), by: "unknown", atMs: Date.now() });
  } catch (error) {
    throw usageFailure(error);
  }
}

function show({ query, what, dryRun }: Adoption, { adopted }: AdoptSeen): void {
  const which = `failed ${what} that fit \`${query.replaceAll("`", "'")}\``;
  setCurrentDetails(
    dryRun ? `Counts ${which}.\n\n**Found:** ${adopted}` : `Makes letters of ${which}.\n\n**Adopted:** ${adopted}`,
  );
}
