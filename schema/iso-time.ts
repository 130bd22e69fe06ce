import { type SQL, sql } from "drizzle-orm";

/** A point in time in ISO 8601, as `JSON.stringify` writes a `Date`. */
export function isoTime(moment: unknown): SQL {
  return sql`to_char(${moment} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
