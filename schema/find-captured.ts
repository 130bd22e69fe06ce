import { and, eq, isNull } from "drizzle-orm";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { type LetterHead, letterHeadColumns } from "./rows.ts";
import { deadLetters, deaths, events } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

export type FoundCaptured = {
  readonly letter: LetterHead;
  /** This very request made it, and was not told. */
  readonly isNew: boolean;
  /** `captured`: the letter of this very record. `other`: an open letter of the same workflow id that stands for something else. */
  readonly as: "captured" | "other";
};

/**
 * The letter that a record has already, open or closed; or one that is in its way.
 *
 * Indexes: `deaths_once`, `events_of_letter`, `dead_letters_one_open`.
 */
export async function findCaptured(
  db: Db,
  record: { readonly namespace: string; readonly workflowId: string; readonly runId: string },
  requestId: string,
): Promise<FoundCaptured | undefined> {
  const { namespace, workflowId, runId } = cleanRow(record);
  const heads = () => db.select(letterHeadColumns).from(deadLetters);
  return await translatingErrors(db, async () => {
    const [captured] = await heads()
      .innerJoin(deaths, eq(deaths.letterId, deadLetters.id))
      .where(and(eq(deaths.workflowId, workflowId), eq(deaths.namespace, namespace), eq(deaths.runId, runId)));
    if (captured !== undefined) {
      const made = await db
        .select({ id: events.id })
        .from(events)
        .where(and(eq(events.letterId, captured.id), eq(events.type, "captured"), eq(events.requestId, requestId)))
        .limit(1);
      return { letter: captured, isNew: made.length > 0, as: "captured" };
    }
    const [open] = await heads().where(
      and(eq(deadLetters.workflowId, workflowId), eq(deadLetters.namespace, namespace), isNull(deadLetters.closedAt)),
    );
    return open === undefined ? undefined : { letter: open, isNew: false, as: "other" };
  });
}
