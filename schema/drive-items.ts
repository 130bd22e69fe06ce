import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { ItemCode, ItemState } from "../model/redrive.ts";
import type { Status } from "../model/status.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import type { Kind } from "./kinds.ts";
import { translatingErrors } from "./translate-error.ts";
import { now } from "./now.ts";
import { integers } from "./sql-lists.ts";

/** An item whose letter is to be asked, with what the letter is now; null where it is gone. */
export type DueItem = {
  readonly n: number;
  readonly letterId: string;
  readonly workflowId: string;
  /** Deaths of the letter when the redrive began. */
  readonly deathsThen: number;
  readonly deaths: number | null;
  readonly status: Status | null;
  readonly queue: string | null;
  /** Of a letter that is there. */
  readonly kind: Kind | null;
  /** Where a change of inputs is asked for. */
  readonly payloadData: Uint8Array | null;
  readonly begunAtMs: number;
};

/** What came of an item by the asking alone; `done` where its letter is closed, and could still take what was asked. */
export type AskedEnd =
  | { readonly state: Extract<ItemState, "refused" | "skipped">; readonly code: ItemCode; readonly why: string }
  | { readonly state: Extract<ItemState, "done"> };

export type ItemEnd = AskedEnd & { readonly n: number };

/**
 * Takes the next items, in their order, and marks them as running; offices that overlap share them out. Index:
 * `redrive_items_by_state`.
 */
export async function claimItems(db: Db, redriveId: string, items: number, withInput: boolean): Promise<DueItem[]> {
  return await translatingErrors(db, async () => {
    const found = await db.execute<RawItem>(sql`
      with due as (
        select n from dlo.redrive_items where redrive_id = ${redriveId} and state = 'waiting'
        order by n limit ${items} for update skip locked
      ),
      item as (
        update dlo.redrive_items i set state = 'running', begun_at = ${now}
        where i.redrive_id = ${redriveId} and i.n = any(array(select n from due))
        returning i.n, i.letter_id, i.workflow_id, i.deaths, i.begun_at
      ),
      redrive as (update dlo.redrives set last_begun_at = ${now} where id = ${redriveId} and exists (select from due))
      ${lettersOf(withInput)}`);
    return found.map(dueItem);
  });
}

/** Items that were taken, but of which nobody knows whether their letters were asked: whoever took them is gone. */
export async function unaskedItems(db: Db, redriveId: string, withInput: boolean): Promise<DueItem[]> {
  return await translatingErrors(db, async () => {
    const found = await db.execute<RawItem>(sql`
      with item as (
        select n, letter_id, workflow_id, deaths, begun_at from dlo.redrive_items
        where redrive_id = ${redriveId} and state = 'running' and not asked
      )
      ${lettersOf(withInput)}`);
    return found.map(dueItem);
  });
}

export async function markAsked(db: Db, redriveId: string, items: readonly number[]): Promise<void> {
  if (items.length === 0) return;
  await translatingErrors(db, async () =>
    db.execute(sql`
      update dlo.redrive_items set asked = true
      where redrive_id = ${redriveId} and n = any(${integers(items)}) and state = 'running' and not asked`),
  );
}

/** Gives back items that were taken, and whose letters were not asked. */
export async function releaseItems(db: Db, redriveId: string, items: readonly number[]): Promise<void> {
  if (items.length === 0) return;
  await translatingErrors(db, async () =>
    db.execute(sql`
      update dlo.redrive_items set state = 'waiting', begun_at = null
      where redrive_id = ${redriveId} and n = any(${integers(items)}) and state = 'running' and not asked`),
  );
}

/** Gives items their end, unless they have got another one meanwhile. */
export async function endItems(db: Db, redriveId: string, ends: readonly ItemEnd[]): Promise<void> {
  if (ends.length === 0) return;
  const rows = JSON.stringify(ends.map((end) => cleanRow({ ...end })));
  await translatingErrors(db, async () =>
    db.execute(sql`
      update dlo.redrive_items i
      set state = e.state, code = e.code, why = e.why, ended_at = ${now}
      from jsonb_to_recordset(${rows}::jsonb) as e (n int, state text, code text, why text)
      where i.redrive_id = ${redriveId} and i.n = e.n and i.state = 'running'`),
  );
}

/** Whether an item still waits for its outcome, and what its letter's row says. */
export async function lookAgain(
  db: Db,
  redriveId: string,
  n: number,
): Promise<{ readonly waits: boolean; readonly status: Status | null }> {
  return await translatingErrors(db, async () => {
    const [found] = await db.execute<{ waits: boolean; status: Status | null }>(sql`
      select i.state = 'running' as waits, l.status from dlo.redrive_items i left join dlo.dead_letters l on l.id = i.letter_id
      where i.redrive_id = ${redriveId} and i.n = ${n}`);
    return found ?? { waits: false, status: null };
  });
}

/**
 * Counts outcomes that have come since the last time, lets the next letter of a key go where the one before ended well, and
 * leaves out the rest of a key where it did not; in one statement. Indexes: `redrive_items_to_count`, `redrive_items_by_key`.
 */
export async function countOutcomes(db: Db, redriveId: string): Promise<void> {
  const goesOn = sql`(e.state in ('recovered', 'done') or e.code is not distinct from 'closed')`;
  await translatingErrors(db, async () =>
    db.execute(sql`
      with ended as (
        update dlo.redrive_items set counted = true
        where redrive_id = ${redriveId} and not counted and state not in ('behind', 'waiting', 'running')
        returning state, code, key, key_n, new_cause_id = cause_id as same
      ),
      redrive as (
        update dlo.redrives r set recovered = r.recovered + s.recovered, died_again = r.died_again + s.died_again,
          same_cause = r.same_cause + s.same_cause, done = r.done + s.done, refused = r.refused + s.refused,
          skipped = r.skipped + s.skipped
        from (${sumsOf(sql`ended`)}) as s where r.id = ${redriveId}
      ),
      stopped as (
        select key, min(key_n) as key_n from ended e
        where key_n is not null and not ${goesOn} and code is distinct from 'key_stopped' and code is distinct from 'cancelled' group by key
      ),
      left_out as (
        update dlo.redrive_items i set state = 'skipped', code = 'key_stopped', why = 'an earlier letter of its key did not recover', ended_at = ${now}
        from stopped s where i.redrive_id = ${redriveId} and i.key = s.key and i.key_n > s.key_n and i.state in ('behind', 'waiting')
      )
      update dlo.redrive_items i set state = 'waiting' from ended e
      where e.key_n is not null and ${goesOn} and i.redrive_id = ${redriveId} and i.key = e.key and i.key_n = e.key_n + 1
        and i.state = 'behind' and not exists (select from stopped s where s.key = i.key and s.key_n < i.key_n)`),
  );
}

/** Outcomes by kind, of a relation of items that have ended, with `same`. */
export function sumsOf(ended: SQL): SQL {
  const count = (state: ItemState) => sql`count(*) filter (where state = ${sql.raw(`'${state}'`)})::int`;
  return sql`
    select count(*)::int as ended, ${count("recovered")} as recovered, ${count("died_again")} as died_again,
      count(*) filter (where state = 'died_again' and same)::int as same_cause, ${count("done")} as done,
      ${count("refused")} as refused, ${count("skipped")} as skipped
    from ${ended} as ended`;
}

/** Leaves out what waits for an earlier letter of its key, where that has had no outcome, and nothing else is to be asked. */
export async function skipBehind(db: Db, redriveId: string): Promise<void> {
  await translatingErrors(db, async () =>
    db.execute(sql`
      update dlo.redrive_items set state = 'skipped', code = 'key_stopped', why = 'an earlier letter of its key has had no outcome', ended_at = ${now}
      where redrive_id = ${redriveId} and state = 'behind'
        and not exists (select from dlo.redrive_items where redrive_id = ${redriveId} and state = 'waiting')`),
  );
}

/** Gives items that were never tried their end, so many at a time. Returns how many there were. */
export async function skipUntried(db: Db, redriveId: string, items: number): Promise<number> {
  return await translatingErrors(db, async () => {
    const skipped = await db.execute(sql`
      update dlo.redrive_items set state = 'skipped', code = 'cancelled', why = 'the redrive was cancelled before its turn', ended_at = ${now}
      where redrive_id = ${redriveId} and state in ('behind', 'waiting') and n in (
        select n from dlo.redrive_items where redrive_id = ${redriveId} and state in ('behind', 'waiting') limit ${items})
      returning n`);
    return skipped.length;
  });
}

type RawItem = {
  n: number;
  letter_id: string;
  workflow_id: string;
  deaths_then: number;
  deaths: number | null;
  status: Status | null;
  queue: string | null;
  kind: Kind | null;
  payload_data: Uint8Array | null;
  begun_ms: number;
};

function lettersOf(withInput: boolean): SQL {
  return sql`
    select item.n, item.letter_id, item.workflow_id, item.deaths as deaths_then, extract(epoch from item.begun_at)::float8 * 1000 as begun_ms, l.deaths, l.status, l.queue, l.kind,
      ${withInput ? sql`l.payload_data` : sql`null::bytea`} as payload_data
    from item left join lateral (
      -- By its key, one by one: where the planner takes a tenth of all for due it would read all letters.
      select deaths, status, queue, kind, payload_data from dlo.dead_letters where id = item.letter_id offset 0
    ) l on true
    order by item.n`;
}

function dueItem({
  n,
  letter_id,
  workflow_id,
  deaths_then,
  deaths,
  status,
  queue,
  kind,
  payload_data,
  begun_ms,
}: RawItem): DueItem {
  const ids = { letterId: letter_id, workflowId: workflow_id };
  return {
    n,
    ...ids,
    deathsThen: deaths_then,
    deaths,
    status,
    queue,
    kind,
    payloadData: payload_data,
    begunAtMs: begun_ms,
  };
}
