import type { SQL } from "drizzle-orm";
import { inArray, sql } from "drizzle-orm";
import type { CauseOrder, CauseState, ReturnReason } from "../model/cause-state.ts";
import type { Filter } from "../model/filter.ts";
import type { Db } from "./database.ts";
import { type CauseJob, type LetterNumbers, letterNumbers } from "./letter-numbers.ts";
import { refuseUnreadable } from "./refuse-unreadable.ts";
import type { CauseRow } from "./rows.ts";
import { causes } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";
import { where } from "./where.ts";

/**
 * What is to be known of a cause. Letters, open ones and jobs are counted among the letters that fit the filter; deaths,
 * times, builds and trend are the whole cause's, and stay when letters are pruned.
 */
export type Cause = CauseRow & {
  /** Why it came back: `regression` after it was resolved, the others from being ignored. Null once its state is set again. */
  readonly returned: ReturnReason | null;
  /** Letters whose last death it is. */
  readonly letters: number;
  readonly open: number;
  readonly deaths: number;
  readonly lastSeenAt: Date;
  /** Most letters first. */
  readonly jobs: readonly CauseJob[];
  /** The one that died last first; at most 20. */
  readonly builds: readonly CauseBuild[];
  /** The newest letter; null where all are pruned. */
  readonly sampleLetterId: string | null;
  /** Deaths in each of the last 24 hours, the present one last. */
  readonly trend: readonly number[];
};

export type CauseBuild = {
  /** Null: the workers did not say. */
  readonly build: string | null;
  readonly deaths: number;
  readonly firstAt: Date;
  readonly lastAt: Date;
};

export type CauseListOptions = {
  /** An ignored cause whose time has passed is open. @default "open" */
  readonly state?: CauseState | "all";
  /** @default "open" */
  readonly order?: CauseOrder;
  /** @default 50 */
  readonly rows?: number;
  readonly after?: CauseCursor;
};

/** Where a page ended: the last cause's number in the list's order, and its id. */
export type CauseCursor = { readonly value: number; readonly id: string };

export type CauseRows = {
  readonly causes: readonly Cause[];
  /** False where the filter asks for more than facets and more letters were there than are read: `letters`, `open` and `jobs` are then those of the newest. */
  readonly exact: boolean;
  readonly next?: CauseCursor;
};

/**
 * A page of causes; with a filter, of those that have a letter which fits it.
 *
 * Reads the counts and what is not folded into them yet, so it is exact at every moment, and takes as long as there are
 * combinations of facets, however many letters. What is no facet (text, payload, dates …) is counted among the newest letters.
 * Paged by key: causes that come meanwhile are neither skipped nor doubled; one whose number changes moves.
 *
 * @throws {OfficeError} `USAGE` for a filter that cannot be meant
 */
export async function listCauses(db: Db, filter: Filter = {}, options: CauseListOptions = {}): Promise<CauseRows> {
  const { state = "open", order = "open", rows = 50, after } = options;
  return await translatingErrors(db, async () => {
    const counted = await letterNumbers(db, filter);
    const key = orderKeys[order];
    const conditions = [
      ...(state === "all" ? [] : [inState[state]]),
      ...(counted.all ? [] : [sql`l.letters > 0`]),
      ...(after === undefined ? [] : [sql`(${key}, c.id) < (${after.value}, ${after.id}::uuid)`]),
    ];
    const heads = await db.execute<Head>(
      headsOf(counted.byJob, sql`${where(conditions)} order by ${key} desc, c.id desc limit ${rows + 1}`, order),
    );
    if (heads.length === 0 && counted.exact) await refuseUnreadable(db, filter);
    const page = heads.slice(0, rows);
    const last = page.at(-1);
    return {
      causes: await withDetails(db, page, counted),
      exact: counted.exact,
      ...(heads.length > rows && last !== undefined ? { next: { value: last[order], id: last.id } } : {}),
    };
  });
}

/** Those of these causes that there are, in no order, with what is to be known of them. Primary keys and `dead_letters_by_cause` find them. */
export async function causesById(db: Db, ids: readonly string[], filter: Filter = {}): Promise<Cause[]> {
  if (ids.length === 0) return [];
  return await translatingErrors(db, async () => {
    const counted = await letterNumbers(db, { ...filter, cause: ids });
    const heads = await db.execute<Head>(headsOf(counted.byJob, sql`where c.id in ${ids}`));
    return await withDetails(db, heads, counted);
  });
}

/** Numbers of one cause, by the order that they are listed in. */
type Head = Record<CauseOrder, number> & {
  readonly id: string;
  readonly letters: number;
  readonly jobs: readonly CauseJob[];
};

const ms = (moment: SQL) => sql`round(date_part('epoch', ${moment}) * 1000)`;

const orderKeys: Readonly<Record<CauseOrder, SQL>> = {
  open: sql`coalesce(l.open, 0)::float8`,
  deaths: sql`coalesce(d.n, 0)::float8`,
  "last-seen": ms(sql`coalesce(d.last_at, c.first_seen_at)`),
  "first-seen": ms(sql`c.first_seen_at`),
};

/**
 * Nobody wakes an ignored cause when its time has passed: it is read as open from then on, and returns when it kills again.
 *
 * Said by comparisons, of which the planner knows how many causes pass; by a `case` it expects two, and joins each with all.
 */
const inState: Readonly<Record<CauseState, SQL>> = {
  open: sql`(c.state = 'open' or (c.state = 'ignored' and c.ignored_until <= now()))`,
  resolved: sql`c.state = 'resolved'`,
  ignored: sql`(c.state = 'ignored' and (c.ignored_until is null or c.ignored_until > now()))`,
};

/** @param which conditions on causes `c` with their letters `l` and deaths `d`, and how many of them in which order */
function headsOf(byJob: SQL, which: SQL, order: CauseOrder = "open"): SQL {
  const numbers = Object.entries(orderKeys).map(([name, key]) => sql`${key} as ${sql.identifier(name)}`);
  return sql`
    with by_job as materialized (${byJob}),
    l as (select cause_id, sum(letters) as letters, sum(open) as open from by_job group by cause_id),
    d as (
      select cause_id, sum(n) as n, max(last_at) filter (where n > 0) as last_at
      from (select cause_id, n, last_at from dlo.cause_builds union all select cause_id, n, last_at from dlo.death_deltas) as died
      group by cause_id
    ),
    heads as (
      select c.id, coalesce(l.letters, 0)::float8 as letters, ${sql.join(numbers, sql`, `)}
      from dlo.causes c left join l on l.cause_id = c.id left join d on d.cause_id = c.id ${which}
    ),
    jobs as (
      select cause_id, json_agg(json_build_object('job', job, 'letters', by_job.letters, 'open', by_job.open) order by by_job.letters desc, job) as jobs
      from heads join by_job on cause_id = id and by_job.letters > 0 group by cause_id
    )
    select heads.*, coalesce(jobs, '[]') as jobs from heads left join jobs on cause_id = id
    order by ${sql.identifier(order)} desc, id desc`;
}

async function withDetails(db: Db, heads: readonly Head[], counted: LetterNumbers): Promise<Cause[]> {
  if (heads.length === 0) return [];
  const ids = heads.map(({ id }) => id);
  const [rows, samples, builds, trends, returns] = await Promise.all([
    db
      .select({ row: causes, state: stateNow })
      .from(causes)
      .where(inArray(causes.id, [...ids])),
    counted.samples(ids),
    buildsOf(db, ids),
    trendsOf(db, ids),
    returnsOf(db, ids),
  ]);
  return heads.flatMap((head) => {
    const found = rows.find(({ row }) => row.id === head.id);
    if (found === undefined) return [];
    const hours = trends.get(head.id) ?? {};
    const trend = Array.from({ length: trendHours }, (_, hour) => hours[hour] ?? 0);
    return [
      {
        ...found.row,
        state: found.state,
        returned: found.row.returnedAt === null ? null : (returns.find(({ id }) => id === head.id)?.why ?? null),
        letters: head.letters,
        open: head.open,
        deaths: head.deaths,
        lastSeenAt: new Date(head["last-seen"]),
        jobs: head.jobs,
        builds: (builds.get(head.id) ?? []).map(({ build, deaths, firstMs, lastMs }) => ({
          build: build === "" ? null : build,
          deaths,
          firstAt: new Date(firstMs),
          lastAt: new Date(lastMs),
        })),
        sampleLetterId: samples.get(head.id) ?? null,
        trend,
      },
    ];
  });
}

const stateNow = sql<CauseState>`case when state = 'ignored' and ignored_until <= now() then 'open' else state end`;

type BuildRow = { build: string; deaths: number; firstMs: number; lastMs: number };

/** A row a cause: a thousand rows take longer to come than to be found. */
async function buildsOf(db: Db, ids: readonly string[]): Promise<ReadonlyMap<string, readonly BuildRow[]>> {
  const found = await db.execute<{ id: string; builds: readonly BuildRow[] }>(sql`
    select cause_id as id, json_agg(json_build_object('build', build_id, 'deaths', n::float8,
      'firstMs', ${ms(sql`first_at`)}, 'lastMs', ${ms(sql`last_at`)}) order by last_at desc, build_id) as builds
    from (
      select cause_id, build_id, sum(n) as n, min(first_at) as first_at, max(last_at) as last_at,
        row_number() over (partition by cause_id order by max(last_at) desc, build_id) as place
      from (
        select cause_id, build_id, n, first_at, last_at from dlo.cause_builds where cause_id in ${ids}
        union all select cause_id, build_id, n, first_at, last_at from dlo.death_deltas where cause_id in ${ids}
      ) as died
      group by cause_id, build_id having sum(n) > 0
    ) as built
    where place <= 20 group by cause_id`);
  return new Map(found.map(({ id, builds }) => [id, builds]));
}

const trendHours = 24;

/** Hours that end with the present quarter: of whole quarters, as that is how deaths are counted. */
async function trendsOf(
  db: Db,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Readonly<Record<number, number>>>> {
  const begin = sql`dlo.quarter_hour(now()) - interval '23 hours 45 minutes'`;
  const found = await db.execute<{ id: string; hours: Readonly<Record<number, number>> }>(sql`
    select id, json_object_agg(hour, n) as hours
    from (
      select id, floor(date_part('epoch', bucket - (${begin})) / 3600)::int as hour, sum(n::float8) as n
      from (
        select value as id, bucket, n from dlo.time_counts
        where dimension = 'cause' and value in ${ids} and bucket >= ${begin}
        union all
        select cause_id::text, bucket, n from dlo.death_deltas where cause_id in ${ids} and bucket >= ${begin}
      ) as died
      group by 1, 2
    ) as by_hour
    group by id`);
  return new Map(found.map(({ id, hours }) => [id, hours]));
}

async function returnsOf(db: Db, ids: readonly string[]): Promise<{ id: string; why: ReturnReason }[]> {
  return await db.execute<{ id: string; why: ReturnReason }>(sql`
    select c.id, e.data ->> 'why' as why
    from dlo.causes c
    cross join lateral (
      select data from dlo.events
      where cause_id = c.id and letter_id is null and type = 'cause_returned' order by id desc limit 1
    ) as e
    where c.id in ${ids} and c.returned_at is not null`);
}
