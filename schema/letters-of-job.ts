import { eq } from "drizzle-orm";
import { cleanText } from "../model/clean.ts";
import type { Db } from "./database.ts";
import { deaths } from "./tables.ts";

/**
 * The ids of a job's letters, open and closed, as a subquery. By its deaths: the letters' own index of workflow ids has the
 * open ones alone. Index: `deaths_once`.
 */
export function lettersOfJob(db: Db, workflowId: string) {
  return db
    .select({ id: deaths.letterId })
    .from(deaths)
    .where(eq(deaths.workflowId, cleanText(workflowId)));
}
