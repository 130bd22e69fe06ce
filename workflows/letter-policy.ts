import { type LetterState, waitsToRetry } from "../model/letter-state.ts";
import { expiryUnder } from "../model/policy-change.ts";
import type { QueuePolicy } from "../model/queue-policy.ts";

/** What of a policy a letter knows only where its queue says it. */
export function withoutPolicy({ handOnTo: _, warnBeforeMs: __, autoRetry: ___, ...own }: LetterState): LetterState {
  return own;
}

/** A policy as far as a letter knows it. */
export function policyState({ retentionMs, onExpire, maximumRetries, ...policy }: QueuePolicy): Partial<LetterState> {
  return {
    ...{ retentionMs, onExpire, maximumRetries },
    ...(policy.handOnTo !== null && { handOnTo: policy.handOnTo }),
    ...(policy.warnBeforeMs !== null && { warnBeforeMs: policy.warnBeforeMs }),
    ...(policy.autoRetry !== null && { autoRetry: policy.autoRetry }),
  };
}

/** What a policy makes of a letter that has died under another one. Whether it is retried by itself is to be decided anew. */
export function underPolicy(letter: LetterState, policy: QueuePolicy, nowMs: number): Partial<LetterState> {
  const { retentionMs, expiresAtMs, lastDeath } = letter;
  // Without a clock are one that waits for its retry, and one whose own code runs or has failed: a person is to see that.
  const hasClock =
    !waitsToRetry(letter) && letter.code?.name !== "onExpire" && (expiresAtMs !== null || retentionMs === "indefinite");
  const was = { retentionMs, expiresAtMs, diedAtMs: lastDeath.atMs };
  return {
    ...policyState(policy),
    consideredDeaths: 0,
    expiresAtMs: hasClock ? expiryUnder(policy.retentionMs, was, nowMs) : null,
  };
}
