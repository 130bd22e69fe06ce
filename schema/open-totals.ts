import { sql } from "drizzle-orm";
import { countedFacets } from "./counted-facets.ts";
import type { Db } from "./database.ts";
import { withinTime } from "./within-time.ts";

export type OpenTotals = {
  readonly open: number;
  /** How many causes they have. */
  readonly causes: number;
};

const maximumMs = 5_000;

/**
 * How many letters of a namespace are open, and of how many causes. From the counts, so it takes as long as there are combinations of facets.
 *
 * @throws {OfficeError} `QUERY_TIMEOUT`
 */
export async function openTotals(db: Db, namespace: string): Promise<OpenTotals> {
  const counted = countedFacets({ namespace, status: "open" }, ["cause_id"]);
  return await withinTime(db, maximumMs, async (tx) => {
    const [row] = await tx.execute<{ open: number; causes: number }>(sql`
      select coalesce(sum(n), 0)::float8 as open, count(*)::int as causes from (
        select cause_id, sum(n) as n from ${counted} group by cause_id having sum(n) > 0
      ) as by_cause`);
    return row ?? { open: 0, causes: 0 };
  });
}
