import type { SQL } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { Db } from "./database.ts";

/** How long something took, over many letters. */
export type Spread = {
  /** Half took no longer. Null where there is none. */
  readonly medianMs: number | null;
  /** Nineteen of twenty took no longer. */
  readonly p95Ms: number | null;
  /** Of so many letters. */
  readonly letters: number;
  /** False where there were more than are read: these are the newest. */
  readonly exact: boolean;
};

/** How many letters a spread reads at most: the 95th percentile of so many lies between the true 94th and 96th. */
export const spreadLetters = 2000;

/** @param took a select of at most `spreadLetters + 1` rows, newest first, with the one column `ms`, null for those that do not count */
export async function spreadOf(db: Db, took: SQL): Promise<Spread> {
  const [found] = await db.execute<{ median: number | null; p95: number | null; n: number; read: number }>(sql`
    select percentile_cont(0.5) within group (order by ms) as median,
      percentile_cont(0.95) within group (order by ms) as p95, count(ms)::int as n, count(*)::int as read
    from (${took}) as took`);
  const { median = null, p95 = null, n = 0, read = 0 } = found ?? {};
  return { medianMs: median, p95Ms: p95, letters: n, exact: read <= spreadLetters };
}
