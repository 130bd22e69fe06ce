import { and, desc, eq, isNotNull, isNull, ne, sql } from "drizzle-orm";
import type { Adoption, SkippedCounts } from "../model/adopt.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { momentAt } from "./moments.ts";
import { now } from "./now.ts";
import { adoptions } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** What is told of an adoption: who, when, which query, how many. */
export type AdoptionRow = typeof adoptions.$inferSelect;

/** Writes an adoption's row, before anything is adopted. A repeat changes nothing. */
export async function beginAdoption(db: Db, adoption: Adoption, namespace: string): Promise<void> {
  const { id, watch, query, what, by, reason } = adoption;
  await translatingErrors(db, async () =>
    db
      .insert(adoptions)
      .values({ id, namespace, what, beganAt: now, ...cleanRow({ watch, query, by, reason }) })
      .onConflictDoNothing(),
  );
}

/** How far the earlier runs of a watch have looked; undefined where there was none. Index: `adoptions_of_watch`. */
export async function watchedUntil(db: Db, watch: string, namespace: string): Promise<Date | undefined> {
  return await translatingErrors(db, async () => {
    const [found] = await db
      .select({ until: adoptions.sweptUntil })
      .from(adoptions)
      .where(and(eq(adoptions.namespace, namespace), eq(adoptions.watch, watch), isNotNull(adoptions.sweptUntil)))
      .orderBy(sql`${adoptions.sweptUntil} desc`)
      .limit(1);
    return found?.until ?? undefined;
  });
}

/** A span of time that was looked at, and what came of it. */
export type Swept = { readonly untilMs: number; readonly adopted: number; readonly skipped: SkippedCounts };

/** Writes how far it has come, with its counts: once for each span, however often it is repeated. */
export async function sweptTo(db: Db, id: string, { untilMs, adopted, skipped }: Swept): Promise<void> {
  const until = momentAt(untilMs);
  // The sum of two objects of numbers.
  const sum = sql<SkippedCounts>`(
    select coalesce(jsonb_object_agg(key, total), '{}')
    from (
      select key, sum(value::int)::int as total
      from (
        select * from jsonb_each_text(${adoptions.skipped})
        union all
        select * from jsonb_each_text(${JSON.stringify(skipped)}::jsonb)
      ) as both_of(key, value)
      group by key
    ) as sums)`;
  await translatingErrors(db, async () =>
    db
      .update(adoptions)
      .set({ sweptUntil: until, adopted: sql`${adoptions.adopted} + ${adopted}`, skipped: sum })
      .where(
        and(
          eq(adoptions.id, id),
          sql`(${adoptions.sweptUntil} is null or ${adoptions.sweptUntil} < ${until.toISOString()}::timestamptz)`,
        ),
      ),
  );
}

export async function findAdoption(db: Db, id: string): Promise<AdoptionRow | undefined> {
  return await translatingErrors(db, async () => {
    const [found] = await db.select().from(adoptions).where(eq(adoptions.id, id));
    return found;
  });
}

/**
 * Writes that it has ended. A run of a watch that has adopted nothing leaves no row of its own: it only brings the one before
 * forward, so a quiet watch does not fill the table. A repeat changes nothing.
 */
export async function endAdoption(db: Db, id: string): Promise<void> {
  await translatingErrors(db, async () => {
    const row = await findAdoption(db, id);
    if (row === undefined) return;
    const before = row.watch === null || row.adopted > 0 ? undefined : await rowBefore(db, row, row.watch);
    if (before === undefined) {
      await db
        .update(adoptions)
        .set({ endedAt: now })
        .where(and(eq(adoptions.id, id), isNull(adoptions.endedAt)));
      return;
    }
    await db.transaction(async (tx) => {
      await tx
        .update(adoptions)
        .set({
          sweptUntil: sql`greatest(${adoptions.sweptUntil}, ${row.sweptUntil?.toISOString() ?? null}::timestamptz)`,
        })
        .where(eq(adoptions.id, before));
      await tx.delete(adoptions).where(eq(adoptions.id, id));
    });
  });
}

async function rowBefore(db: Db, { id, namespace }: AdoptionRow, watch: string): Promise<string | undefined> {
  const [found] = await db
    .select({ id: adoptions.id })
    .from(adoptions)
    .where(
      and(
        ...[eq(adoptions.namespace, namespace), eq(adoptions.watch, watch), ne(adoptions.id, id)],
        ...[isNotNull(adoptions.endedAt), isNotNull(adoptions.sweptUntil)],
      ),
    )
    .orderBy(desc(adoptions.beganAt))
    .limit(1);
  return found?.id;
}
