import { and, sql } from "drizzle-orm";
import type { Filter } from "../model/filter.ts";
import type { Db } from "./database.ts";
import { moment, type Window } from "./death-counts.ts";
import { filterConditions } from "./filter-conditions.ts";
import { type Spread, spreadLetters, spreadOf } from "./spread.ts";
import { deadLetters } from "./tables.ts";

/** How long letters that recovered in the window had been dead, from their first death on. Index: `dead_letters_closed`. */
export async function recoveryTimes(db: Db, filter: Filter, { fromMs, toMs }: Window, now: Date): Promise<Spread> {
  const { closedAt, firstFailedAt, status } = deadLetters;
  return await spreadOf(
    db,
    sql`
    select (extract(epoch from ${closedAt} - ${firstFailedAt}) * 1000)::float8 as ms
    from ${deadLetters}
    where ${and(
      sql`${closedAt} >= ${moment(fromMs)} and ${closedAt} < ${moment(toMs)} and ${status} = 'recovered'`,
      ...filterConditions(filter, now),
    )}
    order by ${closedAt} desc limit ${spreadLetters + 1}`,
  );
}
