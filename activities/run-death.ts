import { classify } from "../model/classify.ts";
import type { Death } from "../model/death.ts";
import { fingerprint } from "../model/fingerprint.ts";
import { emptyLedger, countedAttempts } from "../model/ledger.ts";
import type { RunDeath } from "../schema/run-death.ts";

/** A death as the tables take it. What the job's worker could not say is decided here, by the built-in rules. */
export function runDeath(
  run: Pick<RunDeath, "namespace" | "workflowId" | "runId">,
  death: Death,
  startedAt: Date | undefined,
): RunDeath {
  const { entries } = death.ledger;
  const last = entries.at(-1);
  const startedAtMs = startedAt?.getTime() ?? entries[0]?.startedAtMs;
  return {
    ...run,
    reason: death.reason,
    category: death.category ?? (death.reason === "lost" ? "lost" : classify(death.error)),
    error: death.error,
    cause: death.cause ?? causeOf(death),
    attempts: entries,
    attemptCount: countedAttempts(death.ledger),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    diedAtMs: death.diedAtMs,
    ...(last?.build === undefined ? {} : { buildId: last.build }),
    ...(last?.worker === undefined ? {} : { workerIdentity: last.worker }),
  };
}

/** The death of a run that could not say anything: Temporal ended it. */
export function endedDeath(ended: "terminated" | "timed_out", diedAtMs: number): Death {
  const [type, message] =
    ended === "terminated"
      ? ["Terminated", "Somebody terminated the run"]
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

function causeOf({ error }: Death): RunDeath["cause"] {
  const { causeId, version, hash, title } = fingerprint(error);
  return { id: causeId, version, fingerprint: hash, title };
}
