import { ActivityFailure, CancellationScope, proxyActivities } from "@temporalio/workflow";
import type { Death } from "../model/death.ts";
import { compactError } from "../model/error-record.ts";
import { shortenLedger } from "../model/ledger.ts";
import type { RunMemo } from "../model/run-memo.ts";
import type { TimeoutActivities, TimeoutVerdict } from "../model/timeout-question.ts";

// Together less than a minute: where the worker vanished, the letter must not wait for it.
const worker = proxyActivities<TimeoutActivities>({
  scheduleToCloseTimeout: "45 seconds",
  // The policy and the `record` hook have ten seconds each.
  startToCloseTimeout: "22 seconds",
  retry: { initialInterval: "1 second", maximumAttempts: 2 },
});

/** It travels beside the input, and Temporal takes 2 MiB for both. */
const ledgerBytes = 64 * 1024;

/** Asks the job's own worker about a death of which no attempt could tell. Where nobody answers, the verdict is empty. */
export async function decideTimeout(job: string, input: unknown, memo: RunMemo, death: Death): Promise<TimeoutVerdict> {
  const { error, category, ledger, key } = death;
  try {
    return await CancellationScope.nonCancellable(() =>
      worker.decideTimeout(input, {
        job,
        memo,
        error: compactError(error),
        ...(category === undefined ? {} : { category }),
        ledger: shortenLedger(ledger, ledgerBytes),
        ...(key === undefined ? {} : { key }),
      }),
    );
  } catch (failure) {
    if (failure instanceof ActivityFailure) return {};
    throw failure;
  }
}

/** The death as the verdict has it. Its reason stays: the job was at its end anyway. */
export function withVerdict(death: Death, { category, queue, extra }: TimeoutVerdict): Death {
  return {
    ...death,
    ...(category === undefined ? {} : { category }),
    ...(queue === undefined ? {} : { queue }),
    ...(extra === undefined ? {} : { extra }),
  };
}
