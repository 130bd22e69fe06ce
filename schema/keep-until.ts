import { sql } from "drizzle-orm";
import { farthestMs } from "./moments.ts";
import { deadLetters } from "./tables.ts";

/**
 * Until when a letter is kept that was closed then, by its own keep time; not for one that is kept for ever. A keep time of thousands
 * of years would leave the range of ISO 8601, and of timestamptz.
 */
export function keepUntil(closedAt: Date) {
  return sql<Date>`to_timestamp(least(${closedAt.getTime()}::bigint + ${deadLetters.keepForMs}, ${farthestMs}::bigint) / 1000.0)`;
}
