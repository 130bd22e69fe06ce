import type { LastDeath, LetterState } from "../model/letter-state.ts";
import type { RecordSource } from "../model/record-source.ts";
import type { LetterHead } from "./rows.ts";

/** A letter's workflow as its row has it: what it begins with, or begins anew with after somebody terminated it. */
export function letterOfRow(row: LetterHead): LetterState {
  return {
    version: 1,
    letterId: row.id,
    jobWorkflowId: row.workflowId,
    job: row.workflowType,
    taskQueue: row.taskQueue,
    queue: row.queue,
    status: row.status,
    revision: row.revision,
    deaths: row.deaths,
    retries: row.retries,
    expiryRetries: row.expiryRetries,
    retentionMs: row.retentionMs ?? "indefinite",
    onExpire: row.onExpire,
    maximumRetries: row.maximumRetries,
    ...(row.handOnTo === null ? {} : { handOnTo: row.handOnTo }),
    ...(row.warnBeforeMs === null ? {} : { warnBeforeMs: row.warnBeforeMs }),
    ...(row.autoRetry === null ? {} : { autoRetry: row.autoRetry }),
    ...(row.kind === "workflow" || row.kind === "activity" ? { kind: row.kind } : {}),
    ...(row.kind === "record" && row.source !== null ? { source: row.source as RecordSource } : {}),
    ...(row.retryRunId === null ? {} : { retryRunId: row.retryRunId }),
    firstDiedAtMs: row.firstFailedAt.getTime(),
    ...(row.ownCode.length === 0 ? {} : { ownCode: row.ownCode }),
    ...(row.failedCode === null ? {} : { code: { name: row.failedCode, failed: "its story says why" } }),
    expiresAtMs: row.expiresAt?.getTime() ?? null,
    retryAtMs: row.retryAt?.getTime() ?? null,
    ...(row.retryWhen === null ? {} : { pendingRetry: { when: row.retryWhen } }),
    lastDeath: lastDeathOf(row),
    kept: [],
    requestIds: [],
  };
}

/** The latest death, as far as a letter shows it. */
export function lastDeathOf(
  row: Pick<LetterHead, "runId" | "failedAt" | "reason" | "category" | "errorType" | "errorMessage">,
): LastDeath {
  return {
    runId: row.runId,
    atMs: row.failedAt.getTime(),
    reason: row.reason,
    category: row.category,
    errorType: row.errorType,
    errorMessage: row.errorMessage.slice(0, 500),
  };
}
