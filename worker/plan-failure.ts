import type { Category } from "../model/category.ts";
import type { Failure, FailureHistory } from "../model/failure-policy.ts";
import type { RecordExtra } from "../model/record-extra.ts";
import type { SkippedRun } from "../model/skipped.ts";
import { decisionOn, extraOf, ignored, type Policy } from "./ask-policy.ts";
import { skipped } from "./skip-job.ts";

/** What the contract, and the error itself, say of another attempt. */
export type Bounds = {
  /** The attempts are used up. */
  readonly isOut: boolean;
  /** The error says that it is not to be retried. */
  readonly isFinal: boolean;
  /** No decision can change that: the contract lists the error's type, the schema refuses the input, or the handler gave up. */
  readonly isFixed: boolean;
};

/** How an attempt that failed ends: the job goes on, dies, or completes as skipped. */
export type FailurePlan =
  | { readonly skipped: SkippedRun }
  | {
      readonly skipped?: never;
      /** To tell Temporal: where it ends the job by itself, its own reason is the truer one. */
      readonly nonRetryable: boolean;
      /** The policy ended the job before its time. */
      readonly givenUp: boolean;
      readonly category: Category;
      readonly afterMs?: number;
      readonly queue?: string;
      readonly extra?: RecordExtra;
    };

/** Asks the job's policy about a failure, and its `record` hook where the job dies of it. */
export async function planFailure(
  policy: Policy,
  failure: Failure,
  history: FailureHistory,
  { isOut, isFinal, isFixed }: Bounds,
): Promise<FailurePlan> {
  const decision = await decisionOn(policy, failure, history);
  const { category } = failure;
  switch (decision?.do) {
    case "skip": {
      const run = skipped(decision, failure, history);
      return run === undefined ? await asUsual() : { skipped: run };
    }
    case "retry":
      if (isFixed) {
        ignored("onFailure's retry", history, `${failure.type} is not to be retried`);
        return await asUsual();
      }
      return {
        nonRetryable: false,
        givenUp: false,
        category,
        // Temporal takes 0 for "as the policy says".
        ...(decision.afterMs === undefined ? {} : { afterMs: Math.max(1, decision.afterMs) }),
        ...(isOut ? await added() : {}),
      };
    case "die":
      return { ...end(), category: decision.category ?? category, ...(await added()) };
    case "file":
      return { ...end(), category, queue: decision.queue, ...(await added()) };
    case undefined:
      return await asUsual();
  }

  async function asUsual(): Promise<FailurePlan> {
    return { nonRetryable: isFinal, givenUp: false, category, ...(history.isLast ? await added() : {}) };
  }

  function end() {
    return { nonRetryable: isFinal || !isOut, givenUp: !history.isLast };
  }

  async function added(): Promise<{ extra?: RecordExtra }> {
    const extra = await extraOf(policy, failure, { ...history, isLast: true });
    return extra === undefined ? {} : { extra };
  }
}
