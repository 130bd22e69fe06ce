import { and, asc, count, desc, max, min } from "drizzle-orm";
import type { PruneRule } from "../model/prune.ts";
import type { Status } from "../model/status.ts";
import type { Db } from "./database.ts";
import { isFree, outOfKeep } from "./prune-letters.ts";
import { deadLetters } from "./tables.ts";
import { withinTime } from "./within-time.ts";

/** What a prune would delete. */
export type PrunePreview = {
  readonly letters: number;
  /** When the first and the last of them were closed; null where there are none. */
  readonly oldestClosedAt: Date | null;
  readonly newestClosedAt: Date | null;
  /** By job and status, the most letters first. */
  readonly groups: readonly { readonly job: string; readonly status: Status; readonly letters: number }[];
  /** Those that were closed first, at most 20. */
  readonly samples: readonly PrunedLetter[];
  /** What ages were counted back from: a prune with the same `asOf` deletes no letter that came of age later. */
  readonly asOf: Date;
};

export type PrunedLetter = {
  readonly id: string;
  readonly workflowId: string;
  readonly job: string;
  readonly status: Status;
  readonly closedAt: Date | null;
  /** Null: kept for ever, but for a prune that says an age. */
  readonly keepUntil: Date | null;
};

const samples = 20;
/** Closed letters are read one by one: about a second for a million of them. */
const maximumMs = 120_000;

/**
 * Counts what a prune would delete, as of one moment; nothing is changed. Index: `dead_letters_closed`.
 *
 * @throws {OfficeError} `QUERY_TIMEOUT`
 */
export async function previewPrune(db: Db, rule: PruneRule, namespace: string): Promise<PrunePreview> {
  const { id, workflowId, job, status, closedAt, keepUntil } = deadLetters;
  const which = and(...outOfKeep(rule, namespace), ...isFree());
  return await withinTime(db, maximumMs, async (tx) => {
    const groups = await tx
      .select({ job, status, letters: count(), oldest: min(closedAt), newest: max(closedAt) })
      .from(deadLetters)
      .where(which)
      .groupBy(job, status)
      .orderBy(desc(count()), asc(job), asc(status));
    const first = await tx
      .select({ id, workflowId, job, status, closedAt, keepUntil })
      .from(deadLetters)
      .where(which)
      .orderBy(asc(closedAt), asc(id))
      .limit(samples);
    return {
      letters: groups.reduce((sum, { letters }) => sum + letters, 0),
      oldestClosedAt: extreme(
        groups.map(({ oldest }) => oldest),
        Math.min,
      ),
      newestClosedAt: extreme(
        groups.map(({ newest }) => newest),
        Math.max,
      ),
      groups: groups.map(({ job: name, status: state, letters }) => ({ job: name, status: state, letters })),
      samples: first,
      asOf: new Date(rule.asOfMs),
    };
  });
}

function extreme(times: readonly (Date | null)[], of: (...times: number[]) => number): Date | null {
  const known = times.flatMap((time) => (time === null ? [] : [time.getTime()]));
  return known.length === 0 ? null : new Date(of(...known));
}
