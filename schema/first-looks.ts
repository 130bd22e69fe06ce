import { sql } from "drizzle-orm";
import type { Filter } from "../model/filter.ts";
import type { Db } from "./database.ts";
import { moment, type Window } from "./death-counts.ts";
import { firstDeaths } from "./first-deaths.ts";
import { type Spread, spreadLetters, spreadOf } from "./spread.ts";

/**
 * How long letters that first died in the window waited until somebody looked: until the first signed command or note, or
 * the first change of their cause while they were open. Those that nobody has looked at don't count.
 *
 * Indexes: `deaths_by_time`, `events_signed`, `events_of_cause`.
 */
export async function firstLooks(db: Db, filter: Filter, { fromMs, toMs }: Window, now: Date): Promise<Spread> {
  return await spreadOf(
    db,
    sql`
    with born as (
      select died.letter_id, died.died_at from ${firstDeaths(filter, now)} as died
      where died_at >= ${moment(fromMs)} and died_at < ${moment(toMs)}
      order by died_at desc limit ${spreadLetters + 1}
    ),
    of_causes as materialized (
      select cause_id, at from dlo.events
      where letter_id is null and by is not null and by <> 'office' and at >= ${moment(fromMs)}
    ),
    -- Letter by letter: joined, the planner reads all events that were ever signed, and all letters of those causes.
    looked as (
      select born.letter_id, born.died_at, l.cause_id, coalesce(l.closed_at, 'infinity') as closed_at, (
        select min(at) from dlo.events where letter_id = born.letter_id and by is not null and by <> 'office' and type not in ('imported', 'captured')
      ) as at
      from born cross join lateral (
        select cause_id, closed_at from dlo.dead_letters where id = born.letter_id offset 0
      ) as l
    ),
    at_cause as (
      select letter_id, min(e.at) as at
      from looked join of_causes e on e.cause_id = looked.cause_id and e.at between looked.died_at and looked.closed_at
      group by 1
    )
    select (extract(epoch from least(looked.at, at_cause.at) - died_at) * 1000)::float8 as ms
    from looked left join at_cause using (letter_id)`,
  );
}
