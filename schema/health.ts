import { sql } from "drizzle-orm";
import { gradeHealth, type Health, type HealthLimits } from "../model/health.ts";
import { countedFacets } from "./counted-facets.ts";
import type { Db } from "./database.ts";
import { deadLetters } from "./tables.ts";
import { withinTime } from "./within-time.ts";

const maximumMs = 5_000;

/**
 * Grades the office by its letters. A letter counts as recent while it is parked and its last death lies in the window: one
 * that is being retried, or is closed, has been looked at, and so has one whose cause is ignored.
 *
 * Reads the letters of the window alone, from the index `dead_letters_open_newest`; its other end is the oldest one. How many
 * are open in all is from the counts.
 *
 * @param namespace of Temporal; without it all letters of the database count
 * @throws {OfficeError} `QUERY_TIMEOUT`
 */
export async function readHealth(db: Db, limits: HealthLimits, namespace?: string): Promise<Health> {
  const now = new Date();
  const since = sql.param(new Date(now.getTime() - limits.windowMs), deadLetters.failedAt);
  const here = (column: string) => (namespace === undefined ? sql`true` : sql`${sql.raw(column)} = ${namespace}`);
  const open = { status: "open" as const, ...(namespace === undefined ? {} : { namespace }) };
  const facts = await withinTime(db, maximumMs, async (tx) => {
    const [row] = await tx.execute<{ recent: number; open: number; oldest: string | null }>(sql`
      select
        (select count(*)::float8 from dlo.dead_letters l join dlo.causes c on c.id = l.cause_id
          where l.closed_at is null and l.failed_at > ${since} and l.status = 'parked' and ${here("l.namespace")}
            and (c.state <> 'ignored' or c.ignored_until <= now())) as recent,
        (select coalesce(sum(n), 0)::float8 from ${countedFacets(open, [])}) as open,
        (select failed_at from dlo.dead_letters where closed_at is null and ${here("namespace")}
          order by failed_at, id limit 1) as oldest`);
    return row;
  });
  const oldest = facts?.oldest ?? null;
  return gradeHealth(
    { deadLetters: facts?.recent ?? 0, open: facts?.open ?? 0, oldestAt: oldest === null ? null : new Date(oldest) },
    limits,
    now,
  );
}
