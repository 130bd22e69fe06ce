import { and, eq, isNull, sql } from "drizzle-orm";
import { type Prune, type PruneRule, ruleText } from "../model/prune.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { outOfKeep } from "./prune-letters.ts";
import { deadLetters, prunes } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";
import { now } from "./now.ts";

/** What is told of a prune: who, when, by which rule, how many. */
export type PruneRow = typeof prunes.$inferSelect;

/** Writes a prune's row, before it deletes anything. A repeat changes nothing. */
export async function beginPrune(db: Db, prune: Prune, namespace: string): Promise<void> {
  const { id, by, reason } = prune;
  await translatingErrors(db, async () =>
    db
      .insert(prunes)
      .values({ id, namespace, beganAt: now, ...cleanRow({ by, reason, rule: ruleText(prune) }) })
      .onConflictDoNothing(),
  );
}

/** Writes that it has ended. A repeat changes nothing. */
export async function endPrune(db: Db, id: string): Promise<void> {
  await translatingErrors(db, async () =>
    db
      .update(prunes)
      .set({ endedAt: now })
      .where(and(eq(prunes.id, id), isNull(prunes.endedAt))),
  );
}

export async function findPrune(db: Db, id: string): Promise<PruneRow | undefined> {
  return await translatingErrors(db, async () => {
    const [found] = await db.select().from(prunes).where(eq(prunes.id, id));
    return found;
  });
}

/** How many letters a rule would have had to take, and that are still there. */
export async function countLeft(db: Db, rule: PruneRule, namespace: string): Promise<number> {
  return await translatingErrors(db, async () => {
    const [row] = await db
      .select({ letters: sql<number>`count(*)::int` })
      .from(deadLetters)
      .where(and(...outOfKeep(rule, namespace)));
    return row?.letters ?? 0;
  });
}
