import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { categories, needsPerson } from "../model/category.ts";
import type { LetterOrder } from "../model/filter.ts";
import { reopenable } from "../model/status.ts";
import { openItemStates, type RedriveSpec } from "../model/redrive.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { filterConditions, isOpenOnly } from "./filter-conditions.ts";
import { momentAt } from "./moments.ts";
import { redrives } from "./tables.ts";
import { sqlStateOf, translatingErrors } from "./translate-error.ts";
import { allHold } from "./where.ts";
import { now } from "./now.ts";
import { uuids, words } from "./sql-lists.ts";

/**
 * Writes a redrive and its letters as they are now, each with what is known of it already; all in one transaction. A repeat
 * changes nothing: the first snapshot stays, and what dies later is not in it.
 *
 * Two redrives never share a letter: the later one waits for the other's snapshot, and lists what it did not get as refused.
 *
 * @param written the spec as everybody may read it, and what it hides
 */
export async function snapshotRedrive(
  db: Db,
  spec: RedriveSpec,
  namespace: string,
  written: { readonly spec: RedriveSpec; readonly sealed: Buffer | null } = { spec, sealed: null },
): Promise<void> {
  await translatingErrors(db, async () => {
    await insertRedrive(db, written, namespace);
    for (let tries = 1; ; tries++) {
      try {
        await db.transaction(async (tx) => await write(tx, spec, namespace));
        break;
      } catch (error) {
        // Letters are locked in the order of their ids, and a deadlock is not expected. Should it come, it passes.
        if (sqlStateOf(error) !== "40P01" || tries === 3) throw error;
      }
    }
    // Without statistics of its items each claim and each count would read all of them.
    await db.execute(sql`analyze dlo.redrive_items`);
  });
}

/** By itself, so that it is seen while the snapshot is made. */
async function insertRedrive(
  db: Db,
  { spec, sealed }: { readonly spec: RedriveSpec; readonly sealed: Buffer | null },
  namespace: string,
): Promise<void> {
  const { by, reason } = cleanRow({ by: spec.by, reason: spec.reason ?? null });
  const { limits } = spec;
  await db
    .insert(redrives)
    .values({
      ...{
        id: spec.id,
        namespace,
        command: spec.command.name,
        spec: cleanRow({ spec }).spec,
        sealed,
        status: "preparing",
        by,
        reason,
      },
      askedAt: momentAt(spec.askedAtMs),
      ...{ rate: limits.rate, maxInFlight: limits.maxInFlight, jitterMs: limits.jitterMs },
      ...{ stopOnFailure: limits.stopOnFailure, stopOnSameCause: limits.stopOnSameCause },
    })
    .onConflictDoNothing();
}

async function write(tx: Db, spec: RedriveSpec, namespace: string): Promise<void> {
  const [redrive] = await tx.execute<{ done: boolean }>(
    sql`select snapshot_at is not null as done from dlo.redrives where id = ${spec.id} for update`,
  );
  if (redrive?.done !== false) return;
  const { by, reason } = cleanRow({ by: spec.by, reason: spec.reason ?? null });
  const members = membersOf(spec, namespace);
  await tx.execute(closeLeftOver(members));
  // Whatever was got is looked up in a hash, for which a million would not fit into the default: without one it took longer than anybody waits.
  await tx.execute(sql`set local work_mem = '64MB'`);
  await tx.execute(insertItems(spec, members));
  const data = JSON.stringify(cleanRow({ data: { command: spec.command.name } }).data);
  await tx.execute(sql`
    with counted as (select count(*)::int as items from dlo.redrive_items where redrive_id = ${spec.id}),
    redrive as (
      update dlo.redrives r set snapshot_at = ${now}, items = counted.items,
        status = case r.status when 'preparing' then 'running' else r.status end
      from counted where r.id = ${spec.id} returning r.id, r.items
    )
    insert into dlo.events (redrive_id, namespace, type, by, reason, data)
    select id, ${namespace}, 'redrive_started', ${by}, ${reason}, ${data}::jsonb || jsonb_build_object('letters', items) from redrive`);
}

/** The letters that a redrive is about, as conditions on `dead_letters`. */
export function membersOf({ members, askedAtMs, command }: RedriveSpec, namespace: string): SQL {
  const here = sql`dead_letters.namespace = ${namespace}`;
  if ("ids" in members) return allHold([here, sql`dead_letters.id = any(${uuids(members.ids)})`]);
  if ("redrive" in members)
    return allHold([
      here,
      sql`dead_letters.id in (
        select letter_id from dlo.redrive_items
        where redrive_id = ${members.redrive} and state in ${words(members.states)})`,
    ]);
  const { filter } = members;
  const saysStatus = filter.status !== undefined || filter.not?.status !== undefined;
  // Asked of others, nothing would be done but to list them.
  const fitting = command.name === "reopen" ? { status: reopenable } : { status: "open" as const };
  const asked = saysStatus || isOpenOnly(filter) || command.name === "note" ? filter : { ...filter, ...fitting };
  return allHold(filterConditions({ ...asked, namespace }, new Date(askedAtMs)));
}

/** Items of redrives that have ended, and whose letters nobody retries any more: their outcome will not come. */
function closeLeftOver(members: SQL): SQL {
  return sql`
    update dlo.redrive_items i
    set state = 'skipped', code = 'no_outcome', why = 'its redrive ended before its outcome came', ended_at = ${now}
    from dlo.redrives r
    where r.id = i.redrive_id and i.state = 'running'
      -- Right after a cancel a letter may just be being asked.
      and (r.status = 'completed' or r.ended_at < ${now} - interval '10 seconds')
      and i.letter_id in (select id from dlo.dead_letters where status <> 'retrying' and ${members})`;
}

function insertItems(spec: RedriveSpec, members: SQL): SQL {
  const { id, command, first, order } = spec;
  const keyed = command.name === "retry";
  const columns = sql`redrive_id, n, letter_id, workflow_id, job, cause_id, deaths, key, key_n, state, code, why, ended_at`;
  const common = sql`${id}::uuid, n::int, id, workflow_id, job, cause_id, deaths, key, key_n::int`;
  return sql`
    with found as materialized (${classified(spec, members)}),
    chosen as materialized (
      select *, row_number() over (order by ${orderOf(order)}) as n,
        ${keyed ? sql`case when key is not null and closed_at is null then row_number() over (partition by key, closed_at is null order by first_failed_at, id) end` : sql`null::bigint`} as key_n
      from (
        select * from found ${first === null ? sql`` : sql`where code is null order by ${orderOf(order)} limit ${first}`}
      ) as taken
    ),
    inserted as (
      insert into dlo.redrive_items (${columns})
      select ${common}, case when code is not null then 'skipped' when key_n > 1 then 'behind' else 'waiting' end, code, why,
        case when code is not null then ${now} end
      from chosen order by id
      on conflict (letter_id) where state in ('behind', 'waiting', 'running') do nothing
      returning n
    )
    insert into dlo.redrive_items (${columns})
    select ${common}, 'refused', 'in_other_redrive', 'it is in ' || coalesce('redrive ' || other.redrive_id, 'another redrive'), ${now}
    from chosen
    left join (select letter_id, redrive_id from dlo.redrive_items where state in ${words(openItemStates)}) as other on other.letter_id = id
    where n not in (select n from inserted)`;
}

/** The letters with what is known of each: `code` and `why` it is left out, or null. */
export function classified({ command, force, maximumRetries, amend }: RedriveSpec, which: SQL): SQL {
  const retries = command.name === "retry";
  const closes = command.name === "expire" || command.name === "discard";
  const inputGiven = "input" in command && command.input !== undefined;
  const personal = categories.filter(needsPerson);
  const whens = [
    ...(command.name === "reopen"
      ? [sql`when closed_at is null then 'open'`, sql`when status not in ${words(reopenable)} then 'succeeded'`]
      : // A closed letter still takes notes.
        command.name === "note"
        ? []
        : [sql`when closed_at is not null then 'closed'`]),
    ...(retries || closes ? [sql`when status = 'retrying' then 'retrying'`] : []),
    ...((retries && !inputGiven) || amend !== null ? [sql`when payload_data is null then 'no_payload'`] : []),
    ...(retries && !force ? [sql`when category in ${words(personal)} then 'needs_person'`] : []),
    ...(retries && maximumRetries !== null ? [sql`when retries >= ${maximumRetries} then 'retried_enough'`] : []),
  ];
  return sql`
    select *, case code
      when 'closed' then 'it is closed: ' || status
      when 'open' then 'it is open already'
      when 'succeeded' then 'its job has succeeded: it is ' || status
      when 'retrying' then 'a retry of it is running'
      when 'no_payload' then 'it was stored without its payload'
      when 'needs_person' then 'its error is of the category ' || category || ', which needs a person'
      when 'retried_enough' then 'it was retried ' || retries || ' times already'
    end as why
    from (
      select id, workflow_id, job, task_queue, queue, cause_id, error_type, error_message, deaths, retries, key, status, category, closed_at,
        first_failed_at, expires_at, ${whens.length === 0 ? sql`null::text` : sql`case ${sql.join(whens, sql` `)} end`} as code
      from dlo.dead_letters where ${which}
    ) as looked`;
}

/** By the first death, which does not move when a letter dies again. */
export function orderOf(order: LetterOrder): SQL {
  switch (order) {
    case "oldest":
      return sql`first_failed_at, id`;
    case "newest":
      return sql`first_failed_at desc, id desc`;
    case "expiring":
      return sql`expires_at nulls last, id`;
    case "deaths":
      return sql`deaths desc, first_failed_at, id`;
  }
}
