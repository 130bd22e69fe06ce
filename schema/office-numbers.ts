import type { SQL } from "drizzle-orm";
import { inArray, sql } from "drizzle-orm";
import type { Category } from "../model/category.ts";
import type { Reason } from "../model/reason.ts";
import type { ClosedStatus, openStatuses } from "../model/status.ts";
import { countedFacets } from "./counted-facets.ts";
import type { Db } from "./database.ts";
import { cursors, office } from "./tables.ts";
import { withinTime } from "./within-time.ts";

/** What an office's metrics tell of its tables. */
export type OfficeNumbers = {
  readonly open: readonly {
    readonly queue: string;
    readonly status: (typeof openStatuses)[number];
    readonly category: Category;
    readonly n: number;
  }[];
  readonly closed: readonly { readonly status: ClosedStatus; readonly n: number }[];
  /** All deaths that were ever recorded; each dimension adds up to the same. */
  readonly deaths: readonly (
    | { readonly dimension: "queue"; readonly value: string; readonly n: number }
    | { readonly dimension: "category"; readonly value: Category; readonly n: number }
    | { readonly dimension: "reason"; readonly value: Reason; readonly n: number }
  )[];
  readonly events: EventLag;
  /** How many events each follower of this office still has to come by. */
  readonly followers: readonly { readonly name: string; readonly behind: number }[];
};

export type EventLag = {
  /** Events that wait for their position; counted up to 10,000. */
  readonly unnumbered: number;
  /** The oldest of them. */
  readonly oldestId?: number;
};

const maximumMs = 5_000;

/**
 * Reads counts and rollups alone, and the index `events_without_position`: as long as there are combinations of facets, however
 * many letters.
 *
 * @param followers their names in `dlo.cursors`
 * @param queues those that are told by name; the rest, of which records and workers name any number, are `other` together
 * @throws {OfficeError} `QUERY_TIMEOUT`
 */
export async function officeNumbers(
  db: Db,
  {
    namespace,
    followers,
    queues,
  }: {
    readonly namespace: string;
    readonly followers: readonly string[];
    readonly queues: readonly string[];
  },
): Promise<OfficeNumbers> {
  return await withinTime(db, maximumMs, async (tx) => {
    const letters = await tx.execute<{ queue: string; status: string; category: string; n: number }>(sql`
      select ${ofQueue(sql`queue`, queues)} as queue, status, category, sum(n)::float8 as n
      from ${countedFacets({ namespace }, ["queue", "status", "category"])} group by 1, 2, 3`);
    const deaths = await tx.execute(sql`
      select dimension, value, sum(n)::float8 as n from (
        select dimension, case dimension when 'queue' then ${ofQueue(sql`value`, queues)} else value end as value, n from dlo.time_counts
        where dimension in ('queue', 'category', 'reason') and namespace = ${namespace}
        union all
        select d.dimension, d.value, n from dlo.death_deltas
        cross join lateral (values ('queue', ${ofQueue(sql`queue`, queues)}), ('category', category), ('reason', reason)) as d (dimension, value)
        where namespace = ${namespace}
      ) as counted group by 1, 2`);
    const positions = await tx
      .select({ name: cursors.name, behind: sql<number>`greatest(last_position - position, 0)::float8` })
      .from(cursors)
      .crossJoin(office)
      .where(inArray(cursors.name, [...followers]));
    const open = letters.filter(({ status, n }) => (status === "parked" || status === "retrying") && n > 0);
    const closed = new Map<string, number>();
    for (const { status, n } of letters)
      if (status !== "parked" && status !== "retrying") closed.set(status, (closed.get(status) ?? 0) + n);
    return {
      open: open as unknown as OfficeNumbers["open"],
      closed: [...closed].map(([status, n]) => ({ status, n })) as unknown as OfficeNumbers["closed"],
      deaths: deaths as unknown as OfficeNumbers["deaths"],
      events: await eventLag(tx),
      followers: positions,
    };
  });
}

function ofQueue(name: SQL, queues: readonly string[]): SQL {
  return queues.length === 0 ? sql`'other'` : sql`case when ${name} in ${queues} then ${name} else 'other' end`;
}

/** How far the numbering of events is behind: where no clerk of any office works, it grows. Index: `events_without_position`. */
async function eventLag(db: Db): Promise<EventLag> {
  const [row] = await db.execute<{ unnumbered: number; oldest: number | null }>(sql`
    select count(*)::float8 as unnumbered, min(id)::float8 as oldest
    from (select id from dlo.events where position is null order by id limit 10000) as waiting`);
  const oldest = row?.oldest ?? null;
  return { unnumbered: row?.unnumbered ?? 0, ...(oldest === null ? {} : { oldestId: oldest }) };
}
