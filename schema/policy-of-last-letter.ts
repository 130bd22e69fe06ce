import { and, desc, eq } from "drizzle-orm";
import type { DeadLetterPolicy } from "../model/contract.ts";
import type { Db } from "./database.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** What a job's contract said when it died last, where no worker can be asked. Index: `dead_letters_by_job`. */
export async function policyOfLastLetter(
  db: Db,
  namespace: string,
  job: string,
): Promise<Omit<DeadLetterPolicy, "office"> | undefined> {
  const { queue, tags, ownPolicy, supersededBy, failedAt, id } = deadLetters;
  return await translatingErrors(db, async () => {
    const [last] = await db
      .select({ queue, tags, ownPolicy, supersededBy })
      .from(deadLetters)
      .where(and(eq(deadLetters.job, job), eq(deadLetters.namespace, namespace), eq(deadLetters.kind, "job")))
      .orderBy(desc(failedAt), desc(id))
      .limit(1);
    if (last === undefined) return undefined;
    const { ownPolicy: own, ...said } = last;
    return { ...own, ...said };
  });
}
