import { sql } from "drizzle-orm";
import type { openStatuses } from "../model/status.ts";
import type { Db } from "./database.ts";
import { countedFacets } from "./counted-facets.ts";
import { translatingErrors } from "./translate-error.ts";

export type OpenCounts = Readonly<Record<(typeof openStatuses)[number], number>>;

/** How many letters are open, from the counts. */
export async function countOpen(db: Db): Promise<OpenCounts> {
  return await translatingErrors(db, async () => {
    const rows = await db.execute<{ status: string; letters: string }>(sql`
      select status, sum(n) as letters from ${countedFacets({ status: "open" }, ["status"])} group by status`);
    const of = (wanted: keyof OpenCounts) => Number(rows.find((row) => row.status === wanted)?.letters ?? 0);
    return { parked: of("parked"), retrying: of("retrying") };
  });
}
