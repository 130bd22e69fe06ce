import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Filter } from "../model/filter.ts";
import { facetConditions, type FacetKey, isOfFacets } from "./facet-filter.ts";
import { causeCounts, letterCounts, letterDeltas, queueCounts } from "./tables.ts";
import { where } from "./where.ts";

/** A column that letters are counted by. */
export type CountedColumn = "job" | "queue" | "status" | "reason" | "category" | "error_type" | "cause_id" | "retried";

/**
 * Letters that fit a filter of facets alone, as a table expression with these columns and `n`: what is folded, from the smallest
 * of the counts that has all that is asked for, and what is not yet.
 *
 * @returns undefined where the filter asks for more than facets
 * @throws {OfficeError} `USAGE` for a filter that cannot be meant
 */
export function countedFacets(filter: Filter, columns: readonly CountedColumn[]): SQL | undefined {
  if (!isOfFacets(filter)) return undefined;
  const counts = smallestCounts(filter, columns);
  const shown = sql.raw([...columns, "n"].join(", "));
  return sql`(
    select ${shown} from ${counts} ${where(facetConditions(filter, counts))}
    union all select ${shown} from ${letterDeltas} ${where(facetConditions(filter, letterDeltas))}
  ) as counted`;
}

/** A million letters of 400 causes and 30 jobs have some 48,000 combinations of all facets, and a tenth of that of these. */
function smallestCounts(filter: Filter, columns: readonly CountedColumn[]): typeof letterCounts {
  const { not = {}, ...asked } = filter;
  const keys = [...Object.keys(asked), ...Object.keys(not)] as FacetKey[];
  const needed = new Set<CountedColumn | "namespace" | "kind">([...columns, ...keys.map((key) => columnOf[key])]);
  const has = (own: readonly string[]) => [...needed].every((column) => own.includes(column));
  if (has(["namespace", "job", "queue", "status", "category", "reason"]))
    return queueCounts as unknown as typeof letterCounts;
  if (has(["namespace", "job", "status", "cause_id"])) return causeCounts as unknown as typeof letterCounts;
  return letterCounts;
}

const columnOf: Readonly<Record<FacetKey, CountedColumn | "namespace" | "kind">> = {
  namespace: "namespace",
  kind: "kind",
  job: "job",
  queue: "queue",
  status: "status",
  category: "category",
  reason: "reason",
  needsPerson: "category",
  error: "error_type",
  cause: "cause_id",
  retried: "retried",
};
