import { sql } from "drizzle-orm";
import type { Filter } from "../model/filter.ts";
import type { Db } from "./database.ts";
import { countedFacets } from "./counted-facets.ts";
import type { ListOptions } from "./list-letters.ts";
import { planReading, type ReadingPlan, type Walk, walking } from "./reading-plan.ts";
import { refuseUnreadable } from "./refuse-unreadable.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";
import { allHold, where } from "./where.ts";

export type CountOptions = Pick<ListOptions, "now" | "bounds">;

export type LetterCount = {
  readonly count: number;
  /** False: there are at least so many. Counting stopped, as it would have had to read too many letters. */
  readonly exact: boolean;
};

/**
 * How many letters fit a filter. Exact for any combination of facets (job, queue, status, category, reason, cause, error type,
 * kind, namespace, retried), which are counted as letters change, and wherever few enough letters have to be looked at.
 *
 * @throws {OfficeError} `USAGE` for a filter that cannot be meant
 */
export async function countLetters(db: Db, filter: Filter = {}, options: CountOptions = {}): Promise<LetterCount> {
  const { now = new Date(), bounds } = options;
  return await translatingErrors(db, async () => {
    const counted =
      (await countFacets(db, filter)) ??
      (await countPlan(db, await planReading(db, { filter, now, order: "newest", ...(bounds && { bounds }) })));
    if (counted.count === 0 && counted.exact) await refuseUnreadable(db, filter);
    return counted;
  });
}

async function countFacets(db: Db, filter: Filter): Promise<LetterCount | undefined> {
  const counted = countedFacets(filter, []);
  if (counted === undefined) return undefined;
  const [row] = await db.execute<{ letters: string }>(sql`select coalesce(sum(n), 0) as letters from ${counted}`);
  return { count: Number(row?.letters ?? 0), exact: true };
}

async function countPlan(db: Db, plan: ReadingPlan): Promise<LetterCount> {
  switch (plan.kind) {
    case "nothing":
      return { count: 0, exact: true };
    case "direct": {
      const [row] = await db.execute<{ letters: string }>(sql`
        select count(*) as letters from (select from ${deadLetters} ${where(plan.where)} limit ${plan.entries + 1}) as counted`);
      const letters = Number(row?.letters ?? 0);
      return { count: Math.min(letters, plan.entries), exact: letters <= plan.entries };
    }
    case "few":
      return { count: (await countWalked(db, plan)).letters, exact: true };
    case "walk": {
      const { letters, looked } = await walking(db, async (tx) => await countWalked(tx, plan));
      return { count: letters, exact: looked < plan.entries };
    }
    case "glance":
      return await countPlan(db, await plan.otherwise());
  }
}

async function countWalked(db: Db, plan: Walk): Promise<{ letters: number; looked: number }> {
  const [row] = await db.execute<{ letters: string; looked: string }>(
    sql`select count(*) filter (where ${allHold(plan.where)}) as letters, count(*) as looked from (${plan.inner}) as walked`,
  );
  return { letters: Number(row?.letters ?? 0), looked: Number(row?.looked ?? 0) };
}
