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

/** Whether a job has ever died here that ran on this task queue. Index: `dead_letters_by_job`. */
export async function hasDiedThere(
  db: Db,
  namespace: string,
  { job, taskQueue }: { readonly job: string; readonly taskQueue: string },
): Promise<boolean> {
  const { id, kind } = deadLetters;
  const there = and(
    eq(deadLetters.job, job),
    eq(deadLetters.taskQueue, taskQueue),
    eq(deadLetters.namespace, namespace),
  );
  return await translatingErrors(db, async () => {
    const found = await db
      .select({ id })
      .from(deadLetters)
      .where(and(there, eq(kind, "job")))
      .limit(1);
    return found.length > 0;
  });
}
