import { randomUUID } from "node:crypto";
import { v5 as uuidv5 } from "uuid";
import type { ErrorRecord } from "../../model/error-record.ts";
import type { CauseRef } from "../../model/ledger.ts";
import type { ParkedDeath } from "../../schema/park-death.ts";

const at = Date.UTC(2026, 4, 1, 12);

/** What a queue without rules does with its letters. */
export const usualPolicy: ParkedDeath["policy"] = {
  retentionMs: 30 * 86_400_000,
  keepForMs: 90 * 86_400_000,
  ...{ onExpire: "expire", handOnTo: null, maximumRetries: 3, warnBeforeMs: null, autoRetry: null },
};

/** A death of a job after two attempts, with whatever a test wants otherwise. */
export function deathOf(workflowId: string, otherwise: Partial<ParkedDeath> = {}): ParkedDeath {
  const error: ErrorRecord = {
    type: "TypeError",
    message: "title is not a string",
    stack: "TypeError: title\n  at a.ts:1",
    causes: [],
  };
  return {
    namespace: "default",
    workflowId,
    runId: randomUUID(),
    workflowType: "import-movie",
    taskQueue: "jobs",
    kind: "job",
    job: "import-movie",
    queue: "default",
    tags: ["movies"],
    policy: usualPolicy,
    expiresAtMs: at + 30 * 86_400_000,
    reason: "exhausted",
    category: "data",
    error,
    cause: causeNamed("title is not a string"),
    attempts: [
      {
        n: 1,
        state: "failed",
        startedAtMs: at - 3000,
        endedAtMs: at - 2000,
        error,
        category: "data",
        worker: "worker-1",
      },
      {
        n: 2,
        state: "failed",
        startedAtMs: at - 1000,
        endedAtMs: at,
        error,
        category: "data",
        heartbeats: 2,
        progress: { current: 3 },
      },
    ],
    attemptCount: 2,
    startedAtMs: at - 4000,
    diedAtMs: at,
    payload: { title: 1958 },
    payloadData: Buffer.from("encoded input"),
    memoData: Buffer.from("encoded memo"),
    headers: { tenant: "acme" },
    idempotencyKey: workflowId,
    ...otherwise,
  };
}

export function causeNamed(title: string): CauseRef {
  return { id: uuidv5(title, uuidv5.URL), version: 1, fingerprint: `TypeError|${title}|importMovie`, title };
}

export const diedAt = at;
