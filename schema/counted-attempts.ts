import { sql } from "drizzle-orm";
import type { Filter } from "../model/filter.ts";
import { type CountedDeaths, deathRows, moment, narrowing, type Window } from "./death-counts.ts";

/**
 * Failed attempts in a window, of all deaths that fit a filter, by the type of their error; columns as of `countedDeaths`.
 *
 * From the counts where the filter asks for namespaces alone. Otherwise from the rows: attempts are recorded when their job
 * dies, so those of later deaths are looked through, too.
 *
 * @throws {OfficeError} `USAGE` for a filter that cannot be meant
 */
export function countedAttempts(filter: Filter, window: Window, now: Date): CountedDeaths {
  const narrowed = narrowing(filter);
  const from = moment(window.fromMs);
  const to = moment(window.toMs);
  if (narrowed !== undefined && narrowed.dimension === undefined) {
    const { namespaces } = narrowed;
    const here = namespaces === undefined ? sql`true` : sql`namespace in ${namespaces}`;
    return {
      from: sql`(
        select value, bucket as at, n from dlo.time_counts
        where dimension = 'attempt_error' and bucket >= ${from} and bucket < ${to} and ${here}
        union all
        select error_type, bucket, n from dlo.attempt_deltas where bucket >= ${from} and bucket < ${to} and ${here}
      ) as failed`,
      fromCounts: true,
    };
  }
  const at = sql`coalesce(a.ended_at, a.started_at, dead.died_at)`;
  return {
    from: sql`(
      select a.error_type as value, ${at} as at, 1 as n
      from ${deathRows(filter, { fromMs: window.fromMs, toMs: farAheadMs }, now)}
      join dlo.attempts a on a.letter_id = dead.id and a.death_n = dead.death_n
      where a.error_type is not null and ${at} >= ${from} and ${at} < ${to}
    ) as failed`,
    fromCounts: false,
  };
}

const farAheadMs = Date.UTC(9999, 0);
