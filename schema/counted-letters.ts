import type { SQL } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { Filter } from "../model/filter.ts";
import { countedFacets, type CountedColumn } from "./counted-facets.ts";
import { filterConditions } from "./filter-conditions.ts";
import { deadLetters } from "./tables.ts";
import { where } from "./where.ts";

/**
 * Letters that fit a filter, as a table expression with these columns and `n`. Of facets alone from the counts; otherwise from
 * the rows.
 *
 * @throws {OfficeError} `USAGE` for a filter that cannot be meant
 */
export function countedLetters(filter: Filter, now: Date, columns: readonly CountedColumn[]): SQL {
  const counted = countedFacets(filter, columns);
  if (counted !== undefined) return counted;
  const shown = columns.map((column) => (column === "retried" ? "retries > 0 as retried" : column));
  return sql`(
    select ${sql.raw([...shown, "1 as n"].join(", "))} from ${deadLetters} ${where(filterConditions(filter, now))}
  ) as counted`;
}
