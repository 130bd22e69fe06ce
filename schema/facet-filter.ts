import { and, eq, inArray, like, or, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { categories, needsPerson } from "../model/category.ts";
import { checkFilter } from "../model/check-filter.ts";
import type { Conditions, Filter, OneOrMore } from "../model/filter.ts";
import { listOf } from "../model/list-of.ts";
import type { Status } from "../model/status.ts";
import { statuses, isOpen } from "../model/status.ts";
import { cleanRow } from "./clean-row.ts";
import { namePattern } from "./like-pattern.ts";
import type { letterCounts, letterDeltas } from "./tables.ts";

/** The conditions that the counts know: by these, any combination of letters is counted exactly and at once. */
export const facetKeys = [
  "namespace",
  "kind",
  "job",
  "queue",
  "status",
  "category",
  "reason",
  "needsPerson",
  "error",
  "cause",
  "retried",
] as const satisfies readonly (keyof Conditions)[];

export type FacetKey = (typeof facetKeys)[number];

/** Whether a filter is of facets alone. */
export function isOfFacets(filter: Filter): boolean {
  const { not = {}, ...asked } = filter;
  return [...Object.keys(asked), ...Object.keys(not)].every((key) => facetKeys.includes(key as FacetKey));
}

/** A filter of facets alone as conditions on the counts, `letter_counts` or `letter_deltas`. */
export function facetConditions(filter: Filter, counts: typeof letterCounts | typeof letterDeltas): SQL[] {
  const { not = {}, ...asked } = checkFilter(filter);
  const columns = facetColumns(counts, sql`${counts.retried}`);
  const entries = (conditions: Conditions) => Object.entries(conditions) as [FacetKey, never][];
  return [
    ...entries(asked).map(([key, value]) => facetCondition(key, value, columns)),
    ...entries(not).map(([key, value]) => sql`not (${facetCondition(key, value, columns)})`),
  ];
}

export type FacetColumns = Readonly<
  Record<
    "namespace" | "kind" | "job" | "queue" | "status" | "category" | "reason" | "errorType" | "causeId",
    AnyPgColumn
  >
> & { readonly retried: SQL };

export function facetColumns(table: Omit<FacetColumns, "retried">, retried: SQL): FacetColumns {
  const { namespace, kind, job, queue, status, category, reason, errorType, causeId } = table;
  return { namespace, kind, job, queue, status, category, reason, errorType, causeId, retried };
}

/** One condition on the columns of a facet, which never are null. */
export function facetCondition<Key extends FacetKey>(
  key: Key,
  value: NonNullable<Conditions[Key]>,
  columns: FacetColumns,
): SQL {
  const given = value as unknown;
  switch (key) {
    case "namespace":
    case "kind":
    case "category":
    case "reason":
      return oneOf(columns[key as "namespace"], cleaned(key, listOf(given as OneOrMore<string>)));
    case "job":
    case "queue":
      return named(columns[key as "job"], key, listOf(given as OneOrMore<string>));
    case "error":
      return named(columns.errorType, "errorType", listOf(given as OneOrMore<string>));
    case "status":
      return oneOf(columns.status, statusesOf(given as NonNullable<Conditions["status"]>));
    case "needsPerson":
      return oneOf(
        columns.category,
        categories.filter((category) => needsPerson(category) === given),
      );
    case "cause":
      return anyOf(listOf(given as OneOrMore<string>).map((id) => idBegins(columns.causeId, id)));
    case "retried":
      return given === true ? columns.retried : sql`not ${columns.retried}`;
    default:
      throw new Error(`No facet: ${String(key)}`);
  }
}

/** The states that are meant; `open` and `closed` are several. */
export function statusesOf(asked: NonNullable<Conditions["status"]>): Status[] {
  const words = listOf(asked);
  return statuses.filter((status) => words.includes(status) || words.includes(isOpen(status) ? "open" : "closed"));
}

export function oneOf(column: AnyPgColumn, values: readonly string[]): SQL {
  const [only] = values;
  return values.length === 1 && only !== undefined ? eq(column, only) : inArray(column, [...values]);
}

/** Names, of which those with `*` are patterns. Cleaned and cut as they stand in the tables. */
export function named(column: AnyPgColumn, as: string, names: readonly string[]): SQL {
  const whole = names.filter((name) => !name.includes("*"));
  const patterns = names.filter((name) => name.includes("*"));
  return anyOf([
    ...(whole.length === 0 ? [] : [oneOf(column, cleaned(as, whole))]),
    ...patterns.map((pattern) => like(column, namePattern(pattern))),
  ]);
}

/** Values as the tables have them. */
export function cleaned(column: string, values: readonly string[]): string[] {
  return values.map((value) => cleanRow({ [column]: value })[column] as string);
}

export function anyOf(conditions: readonly SQL[]): SQL {
  const [only] = conditions;
  return conditions.length === 1 && only !== undefined ? only : sql`${or(...conditions)}`;
}

/** Ids by their beginning are a range of ids, which an index knows. */
function idBegins(column: AnyPgColumn, prefix: string): SQL {
  const digits = prefix.replaceAll("-", "").toLowerCase();
  if (digits.length === 32) return eq(column, digits);
  return sql`${and(sql`${column} >= ${digits.padEnd(32, "0")}::uuid`, sql`${column} <= ${digits.padEnd(32, "f")}::uuid`)}`;
}
