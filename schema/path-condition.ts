import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import type { PathCondition } from "../model/filter.ts";
import { cleanText } from "../model/clean.ts";
import { isIndexedNumber } from "./index-switches.ts";
import { likePattern } from "./like-pattern.ts";

/**
 * Whether what a path leads to in a `jsonb` column is so. No data makes it fail: nothing is cast, and what is of another type
 * than the value simply isn't so.
 *
 * `=` is asked by `@>`, and the others by `#>`, which are what indexes know.
 */
export function pathCondition(column: AnyPgColumn, { path, is, value }: PathCondition): SQL {
  const there = at(column, path);
  switch (is) {
    case "exists":
      return sql`${there} is not null`;
    case "~":
      return sql`(jsonb_typeof(${there}) = 'string' and ${there} #>> '{}' ilike ${likePattern(String(value))})`;
    case "=": {
      const contains = sql`${column} @> ${json(containing(path, value))}`;
      // A list contains a value wherever it stands.
      return path.some((step) => typeof step === "number")
        ? sql`(${contains} and ${there} = ${json(value)})`
        : contains;
    }
    case "!=":
      return sql`${there} <> ${json(value)}`;
    case "<":
    case "<=":
    case ">":
    case ">=":
      return typeof value === "number"
        ? sql`(${isIndexedNumber(there)} and ${there} ${sql.raw(is)} ${json(value)})`
        : sql`(jsonb_typeof(${there}) = 'string' and ${there} ${sql.raw(is)} ${json(value)})`;
  }
}

/**
 * `column #> '{a,b}'`, which indexes know; as a JSON path where a key looks like a number, as `#>` takes "0" for the key of an
 * object and the place in a list alike. Strict, for else a single value is taken for a list of one, as it is by `->`.
 */
function at(column: AnyPgColumn, path: PathCondition["path"]): SQL {
  if (path.every((step) => typeof step === "string" && !/^\s*[+-]?\d+$/.test(step)))
    return sql`${column} #> ${textArray(path as readonly string[])}::text[]`;
  const steps = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${JSON.stringify(cleanText(step))}`));
  return sql`jsonb_path_query_first(${column}, ${`strict $${steps.join("")}`}::jsonpath, silent => true)`;
}

function textArray(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${cleanText(text).replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
}

/** What has this value at the path, and nothing else: `{a: {b: value}}`. */
function containing(path: PathCondition["path"], value: unknown): unknown {
  return path.reduceRight<unknown>(
    (inner, step) => (typeof step === "number" ? [inner] : Object.fromEntries([[cleanText(step), inner]])),
    typeof value === "string" ? cleanText(value) : value,
  );
}

function json(value: unknown): SQL {
  return sql`${JSON.stringify(typeof value === "string" ? cleanText(value) : value)}::jsonb`;
}
