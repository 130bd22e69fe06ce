import { and, eq, isNotNull, isNull, max, sql } from "drizzle-orm";
import type { Reconcile, ReconcileReport } from "../model/reconcile.ts";
import { cleanRow } from "./clean-row.ts";
import { countedFacets } from "./counted-facets.ts";
import type { Db } from "./database.ts";
import { momentAt } from "./moments.ts";
import { now } from "./now.ts";
import { reconciles } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** What is told of a reconcile: who, when, what was found, how much of it was mended. */
export type ReconcileRow = typeof reconciles.$inferSelect;

/** Writes a reconcile's row, before it looks at anything. A repeat changes nothing. */
export async function beginReconcile(db: Db, asked: Reconcile, namespace: string): Promise<void> {
  const { id, by, reason, dryRun, thorough } = asked;
  await translatingErrors(db, async () =>
    db
      .insert(reconciles)
      .values({ id, namespace, beganAt: now, dryRun, thorough, ...cleanRow({ by, reason }) })
      .onConflictDoNothing(),
  );
}

/** Writes what it has found by now, and up to where it has looked at runs. A repeat changes nothing. */
export async function noteReconcile(
  db: Db,
  { id, dryRun }: Reconcile,
  report: Pick<ReconcileReport, "found" | "mended">,
  sweptUntilMs?: number,
): Promise<void> {
  await translatingErrors(db, async () =>
    db
      .update(reconciles)
      .set({
        found: report.found,
        mended: report.mended,
        // A dry run leaves what it has seen to the next one that mends.
        ...(sweptUntilMs === undefined || dryRun ? {} : { sweptUntil: momentAt(sweptUntilMs) }),
      })
      .where(eq(reconciles.id, id)),
  );
}

/** Writes that it has ended. A repeat changes nothing. */
export async function endReconcile(db: Db, id: string): Promise<void> {
  await translatingErrors(db, async () =>
    db
      .update(reconciles)
      .set({ endedAt: now })
      .where(and(eq(reconciles.id, id), isNull(reconciles.endedAt))),
  );
}

export async function findReconcile(db: Db, id: string): Promise<ReconcileRow | undefined> {
  return await translatingErrors(db, async () => {
    const [found] = await db.select().from(reconciles).where(eq(reconciles.id, id));
    return found;
  });
}

/** Up to where all runs of a namespace have been looked at; undefined: none ever. */
export async function lastSweptUntil(db: Db, namespace: string): Promise<Date | undefined> {
  return await translatingErrors(db, async () => {
    const [row] = await db
      .select({ until: max(reconciles.sweptUntil) })
      .from(reconciles)
      .where(and(eq(reconciles.namespace, namespace), isNotNull(reconciles.sweptUntil)));
    return row?.until ?? undefined;
  });
}

/** Jobs that have ever died here, from the counts: at most 500. */
export async function jobsThatDied(db: Db, namespace: string): Promise<string[]> {
  return await translatingErrors(db, async () => {
    const rows = await db.execute<{ job: string }>(sql`
      select distinct job from ${countedFacets({ namespace, kind: "job" }, ["job"])} order by job limit 500`);
    return rows.map(({ job }) => job);
  });
}
