import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";

/** For `in`: `('a', 'b')`. */
export function words(list: readonly string[]): SQL {
  return sql`(${sql.join(
    list.map((word) => sql`${word}`),
    sql`, `,
  )})`;
}

/** One parameter, however many: for `= any(…)`. */
export function uuids(ids: readonly string[]): SQL {
  return sql`${`{${ids.join(",")}}`}::uuid[]`;
}

/** The same of numbers. */
export function integers(list: readonly number[]): SQL {
  return sql`${`{${list.join(",")}}`}::int[]`;
}

/** The same of texts. */
export function texts(list: readonly string[]): SQL {
  return sql`array(select jsonb_array_elements_text(${JSON.stringify(list)}::jsonb))`;
}
