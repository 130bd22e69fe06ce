import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { Filter } from "../model/filter.ts";
import { listOf } from "../model/list-of.ts";
import { openStatuses } from "../model/status.ts";
import { literals } from "./column-types.ts";
import type { Db } from "./database.ts";
import { countedFacets } from "./counted-facets.ts";
import { conditionsByKey, filterConditions, isOpenOnly, type LetterTable } from "./filter-conditions.ts";
import { isWholeId } from "./resolve-prefix.ts";
import { readableColumns } from "./rows.ts";
import { deadLetters } from "./tables.ts";
import { where } from "./where.ts";

/** How many letters of a cause and a job fit a filter. */
export type CauseJob = { readonly job: string; readonly letters: number; readonly open: number };

/** How many letters of each cause fit a filter. */
export type LetterNumbers = {
  /** The filter asks for nothing. */
  readonly all: boolean;
  /** False where only the newest letters were looked at, and there are more. */
  readonly exact: boolean;
  /** A query of `cause_id`, `job`, `letters`, `open`; what has no letters may be missing. */
  readonly byJob: SQL;
  /** A new letter of each cause, which fits the filter if one of its 20 newest does. */
  samples(causeIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
};

/** Facets alone are counted from the counts, all else by reading letters, within a bound. */
export async function letterNumbers(db: Db, filter: Filter): Promise<LetterNumbers> {
  const counted = countedFacets(filter, ["cause_id", "job", "status"]);
  return counted === undefined ? await ofLetters(db, filter) : ofFacets(db, filter, counted);
}

const isOpenRow = sql`status in (${literals(openStatuses)})`;

function ofFacets(db: Db, filter: Filter, counted: SQL): LetterNumbers {
  return {
    all: Object.keys(filter).length === 0,
    exact: true,
    // Sums of `bigint` would be `numeric`.
    byJob: sql`
      select cause_id, job, sum(n::float8) as letters, coalesce(sum(n::float8) filter (where ${isOpenRow}), 0) as open
      from ${counted} group by cause_id, job`,
    samples: async (ids) => await newestOf(db, ids, filter),
  };
}

/** Looks no further than the first that fits: the newest, nearly always. */
async function newestOf(db: Db, ids: readonly string[], filter: Filter): Promise<ReadonlyMap<string, string>> {
  const fits = filterConditions(filter, undefined, newest, "oneByOne");
  const ofCause = (rows: number) => sql`
    (select ${readableColumns} from dlo.dead_letters where cause_id = c.id order by failed_at desc, id desc limit ${rows}) as newest`;
  const found = await db.execute<{ cause: string; letter: string | null }>(sql`
    select c.id as cause, coalesce(
      (select id from ${ofCause(20)} ${where(fits)} order by failed_at desc, id desc limit 1),
      (select id from ${ofCause(1)})
    ) as letter
    from dlo.causes c where c.id in ${ids}`);
  return new Map(found.flatMap(({ cause, letter }) => (letter === null ? [] : [[cause, letter] as const])));
}

type Group = CauseJob & { readonly id: string; readonly sample: string; readonly failedMs: number };

async function ofLetters(db: Db, filter: Filter): Promise<LetterNumbers> {
  const { groups, exact } = await grouped(db, filter);
  const newestFirst = groups.toSorted((one, other) => one.failedMs - other.failedMs);
  return {
    all: false,
    exact,
    byJob: sql`
      select id as cause_id, job, letters, open
      from jsonb_to_recordset(${JSON.stringify(groups)}::jsonb) as counted (id uuid, job text, letters float8, open float8)`,
    samples: async () => new Map(newestFirst.map(({ id, sample }) => [id, sample])),
  };
}

/** So many letters are read in less than 50 ms. */
const mostLetters = 20_000;

/**
 * Groups the letters that fit. Open ones are few, and an index finds their text, so all of them are asked; of the others,
 * the newest of a walk along one index are looked at, however few of them fit.
 */
async function grouped(db: Db, filter: Filter): Promise<{ groups: Group[]; exact: boolean }> {
  const now = new Date();
  const walk = isOpenOnly(filter) ? filterConditions(filter, now) : walkedBy(filter, now);
  const inner = sql`${deadLetters} ${where(walk)}`;
  const groupsRead = db.execute<Group>(sql`
    select cause_id as id, job, count(*)::float8 as letters, (count(*) filter (where closed_at is null))::float8 as open,
      (array_agg(id order by failed_at desc, id desc))[1] as sample, (extract(epoch from max(failed_at)) * 1000)::float8 as "failedMs"
    from (select ${readableColumns} from ${inner} order by failed_at desc, id desc limit ${mostLetters}) as newest
    ${where(filterConditions(filter, now, newest, "oneByOne"))}
    group by cause_id, job`);
  const further = db.execute(sql`select from ${inner} order by failed_at desc, id desc offset ${mostLetters} limit 1`);
  const [groups, more] = await Promise.all([groupsRead, further]);
  return { groups: [...groups], exact: more.length === 0 };
}

/** What an index leads to, newest first: a range of time, and one name. */
function walkedBy(filter: Filter, now: Date): SQL[] {
  const { cause, job, queue } = filter;
  const name = (["key", "workflowId", "cause", "job", "queue"] as const).find((key) => {
    if (filter[key] === undefined) return false;
    if (key === "cause") return listOf(cause ?? []).length === 1 && listOf(cause ?? []).every(isWholeId);
    const names = key === "job" ? job : key === "queue" ? queue : undefined;
    return names === undefined || (listOf(names).length === 1 && !listOf(names)[0]?.includes("*"));
  });
  return conditionsByKey(filter, now, deadLetters)
    .filter(({ key, negated }) => !negated && (key === "failed" || key === name))
    .map(({ condition }) => condition);
}

/** An alias has the table's columns under another name. */
const newest = alias(deadLetters, "newest") as unknown as LetterTable;
