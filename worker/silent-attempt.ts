import type { ErrorRecord } from "../model/error-record.ts";
import type { Failure, FailureHistory } from "../model/failure-policy.ts";
import { type AttemptEntry, type Ledger, lostEnd } from "../model/ledger.ts";
import type { SkippedRun } from "../model/skipped.ts";
import { decisionOn, type Policy } from "./ask-policy.ts";
import { EndedAfterSilence, WaitsAfterSilence } from "./attempt-errors.ts";
import { skipped } from "./skip-job.ts";

/**
 * The attempt before attempt `n` of the ledger, if it never answered and its policy was not asked about it yet.
 *
 * @param found the ledger as attempt `n` was given it
 * @param isHandedOn whether it comes from an earlier scheduling of the activity, which the workflow has closed
 */
export function silentBefore(found: Ledger, ledger: Ledger, n: number, isHandedOn: boolean): SilentAttempt | undefined {
  const isIt = (entry: AttemptEntry) => entry.n === n - 1;
  const entry = ledger.entries.find(isIt);
  if (entry === undefined) return undefined;
  const { state } = entry;
  if (state !== "timed_out" && state !== "lost") return undefined;
  const known = found.entries.find(isIt);
  if (known !== undefined && known.state !== "open" && !isHandedOn) return undefined;
  const { error, category } = { ...lostEnd, ...entry };
  return { state, error, category };
}

type SilentAttempt = Pick<Failure, "state" | "category"> & { readonly error: ErrorRecord };

/**
 * Asks the job's policy about an attempt that never answered, in the next one, before the handler.
 *
 * @param isOut whether Temporal has no attempt after this one, so that it cannot be handed back to wait
 * @returns what the job returns where it is skipped; undefined where the handler is to run
 * @throws {EndedAfterSilence} where the job dies now @throws {WaitsAfterSilence} where it is to wait first
 */
export async function afterSilence(
  policy: Policy,
  entry: SilentAttempt,
  history: FailureHistory,
  isOut: boolean,
): Promise<SkippedRun | undefined> {
  const failure: Failure = {
    ...withCauses(entry.error, history),
    category: entry.category,
    state: entry.state,
  };
  const decision = await decisionOn(policy, failure, history);
  switch (decision?.do) {
    case undefined:
      return undefined;
    case "skip":
      return skipped(decision, failure, history);
    case "die":
    case "file":
      throw new EndedAfterSilence(failure, decision);
    case "retry":
      if (decision.afterMs !== undefined && decision.afterMs > 0 && !isOut)
        throw new WaitsAfterSilence(decision.afterMs);
      return undefined;
  }
}

/** What the attempts before had to say is the likeliest explanation. */
function withCauses(error: ErrorRecord, { attempts }: FailureHistory): ErrorRecord {
  const before = attempts.findLast(({ state }) => state === "failed")?.error;
  return before === undefined ? error : { ...error, causes: [before, ...before.causes].slice(0, 5) };
}
