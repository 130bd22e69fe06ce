import { classify } from "../model/classify.ts";
import { builtInCause, causeByRule } from "../model/cause-by-rule.ts";
import type { Death } from "../model/death.ts";
import type { FingerprintRule } from "../model/fingerprint-rule.ts";
import { emptyLedger, countedAttempts } from "../model/ledger.ts";
import type { RunDeath } from "../schema/run-death.ts";

/** A run that died, with what fingerprint rules want to know of its letter. */
export type DyingRun = Pick<RunDeath, "namespace" | "workflowId" | "runId"> & {
  readonly job: string;
  readonly queue: string;
  readonly startedAt: Date | undefined;
};

/**
 * A death as the tables take it. What the job's worker could not say is decided here, by the built-in rules; the office's own
 * rules go before the worker's fingerprint.
 */
export function runDeath(
  { job, queue, startedAt, ...run }: DyingRun,
  death: Death,
  rules: readonly FingerprintRule[],
): RunDeath {
  const { entries } = death.ledger;
  const last = entries.at(-1);
  const startedAtMs = startedAt?.getTime() ?? entries[0]?.startedAtMs;
  const { reason, error, category = reason === "lost" ? "lost" : classify(error), extra } = death;
  return {
    ...run,
    reason,
    category,
    error: extra === undefined ? error : { ...error, extra },
    cause: causeByRule(rules, { error, job, queue, category, reason }) ?? death.cause ?? builtInCause(error),
    attempts: entries,
    attemptCount: countedAttempts(death.ledger),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    diedAtMs: death.diedAtMs,
    ...(death.ownCode === undefined ? {} : { ownCode: death.ownCode }),
    ...(last?.build === undefined ? {} : { buildId: last.build }),
    ...(last?.worker === undefined ? {} : { workerIdentity: last.worker }),
  };
}

/** The death of a run that could not say anything: Temporal ended it. */
export function endedDeath(
  ended: "terminated" | "timed_out",
  diedAtMs: number,
  { by, reason }: { readonly by?: string; readonly reason?: string } = {},
): Death {
  const [type, message] =
    ended === "terminated"
      ? ["Terminated", `${by || "Somebody"} terminated the run${reason ? `: ${reason}` : ""}`.slice(0, 4096)]
      : ["WorkflowTimeout", "The run ran into its workflow timeout"];
  return {
    version: 1,
    reason: ended === "terminated" ? "lost" : "timed_out",
    category: ended === "terminated" ? "lost" : "timeout",
    error: { type, message, causes: [] },
    ledger: emptyLedger,
    diedAtMs,
  };
}
