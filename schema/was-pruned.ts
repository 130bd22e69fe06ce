import { and, eq, gt, gte, lte, or } from "drizzle-orm";
import type { Db } from "./database.ts";
import { momentAt } from "./moments.ts";
import { prunes } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/**
 * Whether a letter that is gone may have been pruned: some prune took letters that were closed before and after it.
 *
 * @param closedAtMs when it may have been closed
 */
export async function wasPruned(db: Db, namespace: string, closedAtMs: readonly number[]): Promise<boolean> {
  if (closedAtMs.length === 0) return false;
  const { oldestClosedAt, newestClosedAt } = prunes;
  const within = closedAtMs.map((ms) => and(lte(oldestClosedAt, momentAt(ms)), gte(newestClosedAt, momentAt(ms))));
  const [found] = await translatingErrors(db, async () =>
    db
      .select({ id: prunes.id })
      .from(prunes)
      .where(and(eq(prunes.namespace, namespace), gt(prunes.letters, 0), or(...within)))
      .limit(1),
  );
  return found !== undefined;
}
