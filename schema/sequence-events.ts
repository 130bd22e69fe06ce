import { sql } from "drizzle-orm";
import type { Db } from "./database.ts";
import { translatingErrors } from "./translate-error.ts";
import { type NumberedDeath, wakeCauses } from "./wake-causes.ts";

export type Sequenced = {
  /** How many events got a position. */
  readonly numbered: number;
  /** The position of the last of them. */
  readonly last?: number;
};

/** What `LISTEN` must name to hear of new positions. The message is the last one. */
export const eventsChannel = "dlo_events";

/**
 * Gives the events that have committed since the last call the next positions, without gaps, and announces the last one.
 *
 * Writers insert without a position, so none waits for another: whatever commits late is simply numbered later, and nobody who
 * follows by position can miss it. Deaths of causes that somebody resolved or ignored may bring these back. One office numbers at a time; where another is at it, this returns at once.
 *
 * @param rows at most so many: what a burst has more comes with the next call
 */
export async function sequenceEvents(db: Db, rows = 2_000): Promise<Sequenced> {
  return await translatingErrors(db, async () => {
    // Before a transaction is spent on it: most looks find nothing. Index: `events_without_position`.
    const [waiting] = await db.execute(sql`select 1 from dlo.events where position is null limit 1`);
    if (waiting === undefined) return { numbered: 0 };
    // Each statement must see what was committed before the lock was taken, whatever the database's default.
    return await db.transaction(async (tx) => await numberBatch(tx, rows), { isolationLevel: "read committed" });
  });
}

async function numberBatch(tx: Db, rows: number): Promise<Sequenced> {
  const [lock] = await tx.execute<{ taken: boolean }>(
    sql`select pg_try_advisory_xact_lock(hashtextextended('dead-letter-office/sequence', 0)) as taken`,
  );
  if (lock?.taken !== true) return { numbered: 0 };
  const [batch] = await tx.execute<{ numbered: number; last: string; deaths: RawDeath[] }>(numberAndNotify(rows));
  if (batch === undefined || batch.numbered === 0) return { numbered: 0 };
  const deaths = batch.deaths.map(({ diedAt, ...death }) => ({ ...death, diedAt: new Date(diedAt) }));
  if (deaths.length > 0) await wakeCauses(tx, deaths);
  return { numbered: batch.numbered, last: Number(batch.last) };
}

type RawDeath = Omit<NumberedDeath, "diedAt"> & { readonly diedAt: string };

/**
 * The notice leaves with the commit. Indexes: `events_without_position`, and for the deaths `deaths_once`.
 *
 * Events are not joined to their own batch: in a burst after a quiet time statistics expect next to none of them, and the planner
 * would compare each with each (10 s for 2,000 of 20,000). `width_bucket` says by bisection which one of the batch an id is.
 */
function numberAndNotify(rows: number) {
  return sql`
    with batch as (
      select array_agg(id order by id) as ids, max(id) as last
      from (select id from dlo.events where position is null order by id limit ${rows}) as waiting
    ),
    numbered as (
      update dlo.events as e
      set position = (select last_position from dlo.office) + width_bucket(e.id, (select ids from batch))
      where e.position is null and e.id <= (select last from batch)
      returning e.position, e.type, e.letter_id, e.cause_id, e.namespace, e.workflow_id, e.run_id
    ),
    moved as (
      update dlo.office set last_position = last_position + (select count(*) from numbered)
      where exists (select from numbered) returning last_position
    ),
    settled as (
      select n.position, n.letter_id, n.cause_id, n.namespace, d.died_at, d.build_id
      from numbered n join dlo.causes c on c.id = n.cause_id and c.state <> 'open'
      cross join lateral (
        select died_at, build_id from dlo.deaths
        where workflow_id = n.workflow_id and namespace = n.namespace and run_id = n.run_id limit 1
      ) as d
      where n.type in ('parked', 'died_again')
    )
    select (select count(*)::int from numbered) as numbered, moved.last_position as last,
      pg_notify(${eventsChannel}, moved.last_position::text),
      (select coalesce(jsonb_agg(jsonb_build_object('causeId', cause_id, 'letterId', letter_id, 'namespace', namespace,
        'diedAt', died_at, 'buildId', build_id) order by position), '[]') from settled) as deaths
    from moved`;
}
