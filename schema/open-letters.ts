import { and, asc, eq, gt, inArray, isNull } from "drizzle-orm";
import { cleanText } from "../model/clean.ts";
import type { Db } from "./database.ts";
import { type LetterHead, letterHeadColumns } from "./rows.ts";
import { deadLetters, deaths } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** Open letters of a namespace, by id: those behind another one. */
export async function openLettersAfter(
  db: Db,
  namespace: string,
  after: string | undefined,
  limit: number,
): Promise<LetterHead[]> {
  const { id, closedAt } = deadLetters;
  return await translatingErrors(db, async () =>
    db
      .select(letterHeadColumns)
      .from(deadLetters)
      .where(
        and(eq(deadLetters.namespace, namespace), isNull(closedAt), after === undefined ? undefined : gt(id, after)),
      )
      .orderBy(asc(id))
      .limit(limit),
  );
}

/** Letters, open and closed, of some job ids. By their deaths, as only open ones are indexed by it. Index: `deaths_once`. */
export async function lettersOfWorkflows(
  db: Db,
  namespace: string,
  workflowIds: readonly string[],
): Promise<Pick<LetterHead, "id" | "workflowId" | "closedAt">[]> {
  if (workflowIds.length === 0) return [];
  const { id, workflowId, closedAt } = deadLetters;
  return await translatingErrors(db, async () =>
    db
      .selectDistinct({ id, workflowId, closedAt })
      .from(deaths)
      .innerJoin(deadLetters, eq(deaths.letterId, id))
      .where(and(inArray(deaths.workflowId, workflowIds.map(cleanText)), eq(deaths.namespace, namespace))),
  );
}

/** Those of some job ids that have an open letter. Index: `dead_letters_one_open`. */
export async function openWorkflows(db: Db, namespace: string, workflowIds: readonly string[]): Promise<string[]> {
  if (workflowIds.length === 0) return [];
  const { workflowId, closedAt } = deadLetters;
  return await translatingErrors(db, async () => {
    const rows = await db
      .select({ workflowId })
      .from(deadLetters)
      .where(
        and(eq(deadLetters.namespace, namespace), inArray(workflowId, workflowIds.map(cleanText)), isNull(closedAt)),
      );
    return rows.map((row) => row.workflowId);
  });
}

/** The open letter of a job id. Index: `dead_letters_one_open`. */
export async function openLetterOf(db: Db, namespace: string, workflowId: string): Promise<LetterHead | undefined> {
  const { closedAt } = deadLetters;
  return await translatingErrors(db, async () => {
    const [found] = await db
      .select(letterHeadColumns)
      .from(deadLetters)
      .where(
        and(eq(deadLetters.namespace, namespace), eq(deadLetters.workflowId, cleanText(workflowId)), isNull(closedAt)),
      );
    return found;
  });
}
