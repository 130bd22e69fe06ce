import { sql } from "drizzle-orm";
import { queryTimeout } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { sqlStateOf, translatingErrors } from "./translate-error.ts";

/**
 * Runs queries that nobody knows the cost of, and gives up on one that takes too long: no question takes the office down.
 *
 * @throws {OfficeError} `QUERY_TIMEOUT`
 */
export async function withinTime<Result>(
  db: Db,
  maximumMs: number,
  work: (tx: Db) => Promise<Result>,
): Promise<Result> {
  return await translatingErrors(db, async () => {
    try {
      return await db.transaction(
        async (tx) => {
          await tx.execute(sql`select set_config('statement_timeout', ${String(maximumMs)}, true)`);
          return await work(tx);
        },
        { accessMode: "read only" },
      );
    } catch (error) {
      if (sqlStateOf(error) === "57014") throw queryTimeout(maximumMs);
      throw error;
    }
  });
}
