import { and, asc, desc, eq, gt, inArray, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { getTableColumns, lt, or } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { RedriveEventType } from "../model/event.ts";
import { redriveNotFound } from "../model/office-error.ts";
import type { ItemState, RedriveCounts, RedriveLimits, RedriveStatus, RedriveStop } from "../model/redrive.ts";
import { endedRedriveStatuses } from "../model/redrive.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { sumsOf } from "./drive-items.ts";
import { causes, redriveItems, redrives } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";
import { now } from "./now.ts";
import { uuids } from "./sql-lists.ts";

/** Readers may not select what is sealed, and nobody is shown it. */
const { sealed: _sealed, ...shown } = getTableColumns(redrives);

type Row = Omit<typeof redrives.$inferSelect, "sealed">;

/** A redrive as it is now. */
export type Redrive = Pick<
  Row,
  | "id"
  | "namespace"
  | "command"
  | "spec"
  | "status"
  | "by"
  | "reason"
  | "askedAt"
  | "snapshotAt"
  | "lastBegunAt"
  | "endedAt"
> & {
  readonly limits: RedriveLimits;
  readonly counts: RedriveCounts;
  readonly stop: RedriveStop | null;
  /** Why its probe holds it; null while it does not. */
  readonly heldBy: string | null;
};

/** What a rule has to look at: outcomes since somebody last said "go on all the same". */
export type DrivenRedrive = Redrive & {
  readonly judged: Pick<RedriveCounts, "recovered" | "diedAgain" | "sameCause">;
  /** Outcomes that have come since they were last added up. */
  readonly uncounted: number;
};

/**
 * @param id whole
 * @throws {OfficeError} `REDRIVE_NOT_FOUND`
 */
export async function getRedrive(db: Db, id: string): Promise<DrivenRedrive> {
  const [found] = await read(db, eq(redrives.id, id), 1);
  if (found === undefined) throw redriveNotFound(id);
  return found;
}

/** Newest first. Index: `redrives_newest`. */
export async function listRedrives(
  db: Db,
  { namespace, limit, after }: { namespace: string; limit: number; after?: { askedAt: Date; id: string } },
): Promise<Redrive[]> {
  const place =
    after === undefined
      ? undefined
      : or(lt(redrives.askedAt, after.askedAt), and(eq(redrives.askedAt, after.askedAt), lt(redrives.id, after.id)));
  return await read(db, and(eq(redrives.namespace, namespace), place), limit);
}

/** What a redrive's spec does not show; null where it shows all. */
export async function sealedOf(db: Db, id: string): Promise<Uint8Array | null> {
  return await translatingErrors(db, async () => {
    const [found] = await db.select({ sealed: redrives.sealed }).from(redrives).where(eq(redrives.id, id));
    return found?.sealed ?? null;
  });
}

export type UnfinishedRedrive = Pick<Row, "id" | "spec">;

/** Redrives that have not ended, or have not given all of their letters an end. Index: `redrive_items_by_state`. */
export async function unfinishedRedrives(db: Db, namespace: string): Promise<UnfinishedRedrive[]> {
  const isUntried = sql`exists (select from dlo.redrive_items where redrive_id = ${redrives.id} and state in ('behind', 'waiting'))`;
  return await translatingErrors(db, async () =>
    db
      .select({ id: redrives.id, spec: redrives.spec })
      .from(redrives)
      .where(and(eq(redrives.namespace, namespace), or(sql`${redrives.endedAt} is null`, isUntried))),
  );
}

export type RedriveItem = Omit<typeof redriveItems.$inferSelect, "asked" | "counted" | "keyN"> & {
  /** Whether it died of the cause that it had before; null where it did not die again. */
  readonly sameCause: boolean | null;
  readonly cause: string;
  readonly newCause: string | null;
};

/** Items in their order. Indexes: `redrive_items_in_order`, `redrive_items_by_state`. */
export async function listItems(
  db: Db,
  redriveId: string,
  { states, after, limit }: { states?: readonly ItemState[]; after: number; limit: number },
): Promise<RedriveItem[]> {
  const { asked: _, counted: __, keyN: ___, ...columns } = getTableColumns(redriveItems);
  const [before, since] = [alias(causes, "before"), alias(causes, "since")];
  return await translatingErrors(db, async () => {
    const found = await db
      .select({
        ...columns,
        cause: before.title,
        newCause: since.title,
        sameCause: sql<boolean | null>`${redriveItems.newCauseId} = ${redriveItems.causeId}`,
      })
      .from(redriveItems)
      .innerJoin(before, eq(before.id, redriveItems.causeId))
      .leftJoin(since, eq(since.id, redriveItems.newCauseId))
      .where(
        and(
          eq(redriveItems.redriveId, redriveId),
          gt(redriveItems.n, after),
          states === undefined ? undefined : inArray(redriveItems.state, [...states]),
        ),
      )
      .orderBy(asc(redriveItems.n))
      .limit(limit);
    return found;
  });
}

/** Letters that died again, newest first: they are what stopped it. */
export async function diedAgain(db: Db, redriveId: string, limit: number): Promise<string[]> {
  return await translatingErrors(db, async () => {
    const found = await db
      .select({ letterId: redriveItems.letterId })
      .from(redriveItems)
      .where(and(eq(redriveItems.redriveId, redriveId), eq(redriveItems.state, "died_again")))
      .orderBy(desc(redriveItems.endedAt))
      .limit(limit);
    return found.map(({ letterId }) => letterId);
  });
}

export type RedriveTurn = {
  readonly from: readonly RedriveStatus[];
  readonly to?: RedriveStatus;
  readonly limits?: Partial<RedriveLimits>;
  readonly stop?: RedriveStop;
  readonly event: RedriveEventType;
  readonly by: string;
  readonly reason?: string;
  readonly requestId?: string;
  readonly data?: Readonly<Record<string, unknown>>;
};

/**
 * Brings a redrive from one state to another, with the event that tells of it, in one statement; nothing where it is in
 * another state, or was turned by this request id before, which is "turned" as well. A turn to `running` forgives what has died
 * until now.
 */
export async function turnRedrive(db: Db, id: string, turn: RedriveTurn): Promise<"turned" | "not"> {
  const { from, to, limits = {}, stop, event } = turn;
  const said = cleanRow({
    by: turn.by,
    reason: turn.reason ?? null,
    requestId: turn.requestId ?? null,
    data: turn.data ?? {},
  });
  const ends = to !== undefined && (endedRedriveStatuses as readonly RedriveStatus[]).includes(to);
  const sets: SQL[] = [
    ...(to === undefined ? [] : [sql`status = ${to}`]),
    ...(ends ? [sql`ended_at = ${now}`] : []),
    ...(to === "running"
      ? [
          sql`forgiven_recovered = recovered, forgiven_died = died_again, forgiven_same_cause = same_cause, stop_rule = null, stop_why = null, stop_letters = null`,
        ]
      : []),
    ...(stop === undefined
      ? []
      : [sql`stop_rule = ${stop.rule}, stop_why = ${stop.why}, stop_letters = ${uuids(stop.letters)}`]),
    ...(limits.rate === undefined ? [] : [sql`rate = ${limits.rate}`]),
    ...(limits.maxInFlight === undefined ? [] : [sql`max_in_flight = ${limits.maxInFlight}`]),
    ...(limits.jitterMs === undefined ? [] : [sql`jitter_ms = ${limits.jitterMs}`]),
    ...(limits.stopOnFailure === undefined ? [] : [sql`stop_on_failure = ${limits.stopOnFailure}`]),
    ...(limits.stopOnSameCause === undefined ? [] : [sql`stop_on_same_cause = ${limits.stopOnSameCause}`]),
  ];
  return await translatingErrors(db, async () => {
    const turned = await db.execute(sql`
      with redrive as (
        update dlo.redrives set ${sql.join(sets, sql`, `)}
        where id = ${id} and ${inArray(redrives.status, [...from])} and not exists (
          select from dlo.events where redrive_id = ${id} and request_id = ${said.requestId})
        returning id, namespace
      )
      insert into dlo.events (redrive_id, namespace, type, by, reason, request_id, data)
      select id, namespace, ${event}, ${said.by}, ${said.reason}, ${said.requestId}, ${JSON.stringify(said.data)}::jsonb from redrive
      returning id`);
    if (turned.length > 0) return "turned";
    const [heard] = await db.execute(
      sql`select from dlo.events where redrive_id = ${id} and request_id = ${said.requestId} limit 1`,
    );
    return heard === undefined ? "not" : "turned";
  });
}

/** Says why its probe holds a redrive, or that it does no longer. */
export async function holdRedrive(db: Db, id: string, heldBy: string | null): Promise<void> {
  await translatingErrors(db, async () =>
    db.execute(
      sql`update dlo.redrives set held_by = ${heldBy} where id = ${id} and held_by is distinct from ${heldBy}`,
    ),
  );
}

/** The counts are those that were added up, and what has come since. */
async function read(db: Db, condition: SQL | undefined, limit: number): Promise<DrivenRedrive[]> {
  const open = sql`dlo.redrive_items where redrive_id = ${redrives.id} and not counted and state not in ('behind', 'waiting', 'running')`;
  const sums = sumsOf(sql`(select state, new_cause_id = cause_id as same from ${open})`);
  return await translatingErrors(db, async () => {
    const found = await db
      .select({
        row: shown,
        running: sql<number>`(select count(*)::int from dlo.redrive_items where redrive_id = ${redrives.id} and state = 'running')`,
        since: sql<Since>`(select row_to_json(sums) from (${sums}) as sums)`,
      })
      .from(redrives)
      .where(condition)
      .orderBy(sql`asked_at desc, id desc`)
      .limit(limit);
    return found.map(({ row, running, since }) => asRedrive(row, running, since));
  });
}

type Since = {
  readonly [Key in "ended" | "recovered" | "died_again" | "same_cause" | "done" | "refused" | "skipped"]: number;
};

function asRedrive(row: Row, running: number, since: Since): DrivenRedrive {
  const { id, namespace, command, spec, status, by, reason, askedAt, snapshotAt, lastBegunAt, endedAt } = row;
  const { rate, maxInFlight, jitterMs, stopOnFailure, stopOnSameCause } = row;
  const ended = {
    recovered: row.recovered + since.recovered,
    diedAgain: row.diedAgain + since.died_again,
    done: row.done + since.done,
    refused: row.refused + since.refused,
    skipped: row.skipped + since.skipped,
  };
  const sameCause = row.sameCause + since.same_cause;
  const hasOutcome = Object.values(ended).reduce((sum, n) => sum + n, 0);
  return {
    ...{ id, namespace, command, spec, status, by, reason, askedAt, snapshotAt, lastBegunAt, endedAt },
    limits: { rate, maxInFlight, jitterMs, stopOnFailure, stopOnSameCause },
    counts: { items: row.items, waiting: row.items - hasOutcome - running, running, ...ended, sameCause },
    heldBy: row.status === "running" ? row.heldBy : null,
    stop: row.stopRule === null ? null : { rule: row.stopRule, why: row.stopWhy ?? "", letters: row.stopLetters ?? [] },
    uncounted: since.ended,
    judged: {
      recovered: ended.recovered - row.forgivenRecovered,
      diedAgain: ended.diedAgain - row.forgivenDied,
      sameCause: sameCause - row.forgivenSameCause,
    },
  };
}
