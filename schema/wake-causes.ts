import { and, asc, eq, gt, inArray, ne, sql } from "drizzle-orm";
import { officeActor } from "../model/event.ts";
import type { ReturnReason } from "../model/cause-state.ts";
import type { Db } from "./database.ts";
import type { CauseRow } from "./rows.ts";
import { causes, deaths } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";
import { now } from "./now.ts";

/** A death that was just numbered in the event stream. */
export type NumberedDeath = {
  readonly causeId: string;
  readonly diedAt: Date;
  /** Null where the worker did not say. */
  readonly buildId: string | null;
  readonly namespace: string;
  readonly letterId: string;
};

/**
 * Brings back the causes that these deaths concern, where a rule says so: a resolved cause that kills again in a later build,
 * an ignored one whose time has passed or that killed often enough. Each return is one event `cause_returned`.
 *
 * To be called in the transaction that numbers the deaths' events: then each death is looked at exactly once, whichever
 * office does it. Nothing is written for a death that brings nothing back; causes that are open, which is nearly all of
 * them, cost one read of the batch's causes. Indexes: the primary key of `causes`, `deaths_of_cause`, `cause_builds_by_build`.
 *
 * @returns how many came back
 */
export async function wakeCauses(tx: Db, numbered: readonly NumberedDeath[]): Promise<number> {
  const ids = [...new Set(numbered.map(({ causeId }) => causeId))];
  if (ids.length === 0) return 0;
  return await translatingErrors(tx, async () => {
    const quiet = and(inArray(causes.id, ids), ne(causes.state, "open"));
    const [found] = await tx.select({ id: causes.id }).from(causes).where(quiet).limit(1);
    if (found === undefined) return 0;
    // Locked and read anew: what somebody sets at this moment counts. In the order of ids, as others lock them.
    const asleep = await tx.select().from(causes).where(quiet).orderBy(asc(causes.id)).for("no key update");
    let returned = 0;
    for (const cause of asleep) {
      const [first, ...others] = numbered
        .filter(({ causeId, diedAt }) => causeId === cause.id && (cause.stateAt === null || diedAt > cause.stateAt))
        .toSorted((one, other) => one.diedAt.getTime() - other.diedAt.getTime());
      const woken = first === undefined ? undefined : await wokenBy(tx, cause, [first, ...others]);
      if (woken === undefined) continue;
      await bringBack(tx, cause, woken.death, woken.why);
      returned++;
    }
    return returned;
  });
}

/** One at least, in the order in which they died. */
type Deaths = readonly [NumberedDeath, ...NumberedDeath[]];

type Woken = { readonly death: NumberedDeath; readonly why: ReturnReason };

/** @param after those that died after the state was set */
async function wokenBy(tx: Db, cause: CauseRow, after: Deaths): Promise<Woken | undefined> {
  if (cause.state === "resolved") {
    const death = await firstInLaterBuild(tx, cause, after);
    return death === undefined ? undefined : { death, why: "regression" };
  }
  const { ignoredUntil, ignoredDeaths, ignoredRateMs } = cause;
  const late = ignoredUntil === null ? undefined : after.find(({ diedAt }) => diedAt >= ignoredUntil);
  if (late !== undefined) return { death: late, why: "time" };
  if (ignoredDeaths === null) return undefined;
  const often =
    ignoredRateMs === null
      ? await diedSince(tx, cause, ignoredDeaths)
      : await diedWithin(tx, cause, ignoredDeaths, ignoredRateMs, after);
  return often ? { death: after.at(-1) ?? after[0], why: ignoredRateMs === null ? "deaths" : "rate" } : undefined;
}

/**
 * Builds are opaque, so a later one is the build that was said to mend it, and any that had not been seen dying of anything
 * when the cause was resolved. What comes from a worker without a build may be later, and counts as that.
 */
async function firstInLaterBuild(
  tx: Db,
  { resolvedInBuild, stateAt }: CauseRow,
  after: Deaths,
): Promise<NumberedDeath | undefined> {
  if (resolvedInBuild === null) return after[0];
  const builds = [...new Set(after.map(({ buildId }) => buildId))];
  const unsure = builds.filter((build) => build !== null && build !== "" && build !== resolvedInBuild);
  const older = new Set<string | null>(
    unsure.length === 0
      ? []
      : (
          await tx.execute<{ build: string }>(sql`
            select build_id as build from (
              select build_id, first_at from dlo.cause_builds where build_id in ${unsure}
              union all select build_id, first_at from dlo.death_deltas where build_id in ${unsure}
            ) as seen
            where first_at <= ${sql.param(stateAt, causes.stateAt)}
            group by build_id`)
        ).map(({ build }) => build),
  );
  return after.find(({ buildId }) => !older.has(buildId));
}

async function diedSince(tx: Db, { id, stateAt }: CauseRow, wanted: number): Promise<boolean> {
  const counted = tx
    .select({ id: deaths.id })
    .from(deaths)
    .where(and(eq(deaths.causeId, id), stateAt === null ? undefined : gt(deaths.diedAt, stateAt)))
    .limit(wanted);
  return (await tx.$count(counted)) >= wanted;
}

/** Whether any span of this length has so many deaths, and one of these among them: a late one may fill a gap between others. */
async function diedWithin(
  tx: Db,
  { id, stateAt }: CauseRow,
  wanted: number,
  spanMs: number,
  after: Deaths,
): Promise<boolean> {
  const spanned = new Date(after[0].diedAt.getTime() - spanMs);
  const until = new Date((after.at(-1) ?? after[0]).diedAt.getTime() + spanMs);
  const at = (moment: Date) => sql.param(moment, deaths.diedAt);
  const [found] = await tx.execute(sql`
    select from (
      select died_at, lag(died_at, ${wanted - 1}) over (order by died_at) as first_at from dlo.deaths
      where cause_id = ${id} and died_at >= ${at(spanned)} and died_at <= ${at(until)}
        ${stateAt === null ? sql`` : sql`and died_at > ${at(stateAt)}`}
    ) as died
    where died_at - first_at <= make_interval(secs => ${spanMs / 1000}) limit 1`);
  return found !== undefined;
}

/** The row and its event in one statement. The lock is ours, so the state is still the one that was looked at. */
async function bringBack(tx: Db, cause: CauseRow, death: NumberedDeath, why: ReturnReason): Promise<void> {
  const data = {
    why,
    letterId: death.letterId,
    diedAt: death.diedAt.toISOString(),
    ...(death.buildId === null || death.buildId === "" ? {} : { build: death.buildId }),
    ...(cause.resolvedInBuild === null ? {} : { resolvedInBuild: cause.resolvedInBuild }),
    ...(cause.ignoredUntil === null ? {} : { ignoredUntil: cause.ignoredUntil.toISOString() }),
    ...(cause.ignoredDeaths === null ? {} : { ignoredDeaths: cause.ignoredDeaths }),
    ...(cause.ignoredRateMs === null ? {} : { ignoredRateMs: cause.ignoredRateMs }),
    ...(cause.stateBy === null ? {} : { stateBy: cause.stateBy }),
    title: cause.title,
  };
  await tx.execute(sql`
    with woken as (
      update dlo.causes
      set state = 'open', state_at = ${now}, state_by = ${officeActor}, state_reason = null,
        resolved_in_build = null, ignored_until = null, ignored_deaths = null, ignored_rate_ms = null,
        returned_at = ${sql.param(death.diedAt, causes.returnedAt)}
      where id = ${cause.id} and state <> 'open'
      returning id
    )
    insert into dlo.events (cause_id, namespace, type, by, data)
    select id, ${death.namespace}, 'cause_returned', ${officeActor}, ${JSON.stringify(data)}::jsonb from woken`);
}
