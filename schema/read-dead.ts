import { eq } from "drizzle-orm";
import type { DeadRecord } from "../model/own-code.ts";
import { isOpen } from "../model/status.ts";
import type { Db } from "./database.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

const { id, status, workflowId, workflowType, runId, queue, reason, category, failure } = deadLetters;
const { deaths, retries, attempts, failedAt, key, idempotencyKey, payloadData, memoData } = deadLetters;

/** What the row of an open letter tells its job's own code. */
export type ReadDead = {
  readonly dead: DeadRecord;
  readonly payloadData: Uint8Array | null;
  readonly memoData: Uint8Array | null;
};

/** Undefined where the letter is closed, or gone: nothing is to be run for it any more. */
export async function readDead(db: Db, letterId: string): Promise<ReadDead | undefined> {
  const [row] = await translatingErrors(db, async () =>
    db
      .select({
        ...{ status, workflowId, workflowType, runId, queue, reason, category, failure },
        ...{ deaths, retries, attempts, failedAt, key, idempotencyKey, payloadData, memoData },
      })
      .from(deadLetters)
      .where(eq(id, letterId)),
  );
  if (row === undefined || !isOpen(row.status)) return undefined;
  return {
    dead: {
      ...{ letterId, job: row.workflowType, workflowId: row.workflowId, runId: row.runId, queue: row.queue },
      ...{ reason: row.reason, deaths: row.deaths, retries: row.retries, attempts: row.attempts },
      diedAtMs: row.failedAt.getTime(),
      error: { ...row.failure, category: row.category },
      idempotencyKey: row.idempotencyKey,
      ...(row.key === null ? {} : { key: row.key }),
    },
    payloadData: row.payloadData,
    memoData: row.memoData,
  };
}
