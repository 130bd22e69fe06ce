import type { SQL } from "drizzle-orm";
import { aliasedTable, and, sql } from "drizzle-orm";
import type { Category } from "../model/category.ts";
import { categories, needsPerson } from "../model/category.ts";
import type { Conditions, Filter, OneOrMore } from "../model/filter.ts";
import { cleaned } from "./facet-filter.ts";
import { listOf } from "../model/list-of.ts";
import { filterConditions } from "./filter-conditions.ts";
import { letterColumns } from "./rows.ts";
import { deadLetters } from "./tables.ts";
import type { TimeDimension } from "./time-dimension.ts";

/** From its begin to before its end. Counts are kept by quarters of an hour, so both lie between two of them. */
export type Window = { readonly fromMs: number; readonly toMs: number };

/** What deaths can be counted by. */
export type DeathDimension = Exclude<TimeDimension, "attempt_error"> | "error";

/** Deaths that fit a filter, as a table expression with the columns `value` (of the dimension), `at` and `n`. */
export type CountedDeaths = {
  readonly from: SQL;
  /** From the counts, whatever the number of deaths; they keep those of letters that were pruned. Otherwise from the rows. */
  readonly fromCounts: boolean;
};

/**
 * Deaths in a window that fit a filter. A death fits by its own error, cause, category, reason, build and time, and by all else
 * of its letter.
 *
 * From the counts where the filter asks for at most one dimension and that is the one asked for, or none was. Indexes:
 * `time_counts_once`, `time_counts_by_time`; otherwise `deaths_by_time`.
 *
 * @throws {OfficeError} `USAGE` for a filter that cannot be meant
 */
export function countedDeaths(filter: Filter, window: Window, dimension: DeathDimension, now: Date): CountedDeaths {
  const narrowed = narrowing(filter);
  if (narrowed === undefined || dimension === "error")
    return { from: fromRows(filter, window, dimension, now), fromCounts: false };
  const counted = narrowed.dimension ?? dimension;
  // By queue of one job, say: the counts have one dimension at a time.
  if (dimension !== "all" && dimension !== counted)
    return { from: fromRows(filter, window, dimension, now), fromCounts: false };
  return { from: fromCounts(narrowed, window, counted, dimension), fromCounts: true };
}

/** The rows of deaths that fit, named `dead`; beside a letter's columns they have `died_at`, `death_n` and `death_attempts`. */
export function deathRows(filter: Filter, { fromMs, toMs }: Window, now: Date): SQL {
  const columns = Object.values(letterColumns).map(({ name }) => {
    const own = ofDeath[name];
    return own === undefined
      ? sql`l.${sql.identifier(name)}`
      : sql`d.${sql.identifier(own)} as ${sql.identifier(name)}`;
  });
  const conditions = filterConditions(filter, now, dead);
  return sql`(
    select * from (
      select ${sql.join(columns, sql`, `)}, d.died_at, d.n as death_n, d.attempts as death_attempts
      from dlo.deaths d join dlo.dead_letters l on l.id = d.letter_id
      where d.died_at >= ${moment(fromMs)} and d.died_at < ${moment(toMs)}
    ) as dead
    ${conditions.length === 0 ? sql`` : sql`where ${and(...conditions)}`}
  ) as dead`;
}

const dead = aliasedTable(deadLetters, "dead");

/** For raw SQL: drizzle binds no bare `Date`. */
export function moment(ms: number): SQL {
  return sql`${new Date(ms).toISOString()}::timestamptz`;
}

/** The filter's one dimension, if it asks for no more than namespaces and that. */
export type Narrowing = {
  readonly dimension?: Exclude<TimeDimension, "all" | "attempt_error">;
  readonly values?: readonly string[];
  readonly namespaces?: readonly string[];
};

/** Undefined where the filter asks for more than the counts can tell. */
export function narrowing(filter: Filter): Narrowing | undefined {
  const asked = Object.entries(filter).filter(([, value]) => value !== undefined) as [keyof Filter, unknown][];
  let narrowed: Narrowing = {};
  for (const [key, value] of asked) {
    if (key === "namespace") {
      narrowed = { ...narrowed, namespaces: cleaned(key, listOf(value as OneOrMore<string>)) };
      continue;
    }
    const found = dimensionOf(key as keyof Conditions, value);
    if (found === undefined || narrowed.dimension !== undefined) return undefined;
    narrowed = { ...narrowed, ...found };
  }
  return narrowed;
}

function dimensionOf(key: keyof Conditions, value: unknown): Pick<Narrowing, "dimension" | "values"> | undefined {
  switch (key) {
    case "job":
    case "queue": {
      const names = cleaned(key, listOf(value as OneOrMore<string>));
      return names.some((name) => name.includes("*")) ? undefined : { dimension: key, values: names };
    }
    case "category":
    case "reason":
      return { dimension: key, values: listOf(value as OneOrMore<string>) };
    case "needsPerson":
      return { dimension: "category", values: categories.filter((one: Category) => needsPerson(one) === value) };
    case "cause": {
      const ids = listOf(value as OneOrMore<string>).map((id) => uuidOf(id));
      return ids.every((id) => wholeId.test(id)) ? { dimension: key, values: ids } : undefined;
    }
    default:
      return undefined;
  }
}

/** As Postgres writes it; a short id stays short. */
function uuidOf(id: string): string {
  return id
    .replaceAll("-", "")
    .toLowerCase()
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const wholeId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @param narrowedTo the dimension whose rows are read; that of the filter, where it has one */
function fromCounts(
  { values, namespaces }: Narrowing,
  { fromMs, toMs }: Window,
  narrowedTo: Exclude<TimeDimension, "attempt_error">,
  dimension: Exclude<DeathDimension, "error">,
): SQL {
  const here = [
    sql`bucket >= ${moment(fromMs)} and bucket < ${moment(toMs)}`,
    ...(namespaces === undefined ? [] : [sql`namespace in ${namespaces}`]),
  ];
  const folded = [
    ...here,
    sql`dimension = ${narrowedTo}`,
    ...(values === undefined ? (narrowedTo === "all" ? [sql`value = ''`] : []) : [within(sql`value`, values)]),
  ];
  const deltas = [...here, ...(values === undefined ? [] : [within(deltaColumns[narrowedTo], values)])];
  const value = (column: SQL) => (dimension === "all" ? sql`''` : column);
  return sql`(
    select ${value(sql`value`)} as value, bucket as at, n from dlo.time_counts where ${and(...folded)}
    union all
    select ${value(deltaColumns[narrowedTo])}, bucket, n from dlo.death_deltas where ${and(...deltas)}
  ) as died`;
}

const deltaColumns: Readonly<Record<Exclude<TimeDimension, "attempt_error">, SQL>> = {
  all: sql`''`,
  queue: sql`queue`,
  job: sql`job`,
  cause: sql`cause_id::text`,
  category: sql`category`,
  reason: sql`reason`,
};

function within(column: SQL, values: readonly string[]): SQL {
  return values.length === 0 ? sql`false` : sql`${column} in ${values}`;
}

function fromRows(filter: Filter, window: Window, dimension: DeathDimension, now: Date): SQL {
  return sql`(select ${valueColumns[dimension]} as value, died_at as at, 1 as n from ${deathRows(filter, window, now)}) as died`;
}

const valueColumns: Readonly<Record<DeathDimension, SQL>> = {
  ...deltaColumns,
  error: sql`error_type`,
};

/** What a death has of its own, by the letter's column that tells the same of the last one. */
const ofDeath: Readonly<Record<string, string>> = {
  run_id: "run_id",
  reason: "reason",
  category: "category",
  cause_id: "cause_id",
  error_type: "error_type",
  error_message: "error_message",
  build_id: "build_id",
  worker_identity: "worker_identity",
  failed_at: "died_at",
};
