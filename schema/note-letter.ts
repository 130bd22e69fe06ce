import { and, eq } from "drizzle-orm";
import type { LetterEvent } from "../model/event.ts";
import { appendEvents } from "./append-events.ts";
import type { Db } from "./database.ts";
import { deadLetters, events } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** Writes a note into the story of a closed letter, whose workflow is gone. A repeat of its request id writes nothing. */
export async function noteLetter(db: Db, letterId: string, event: LetterEvent & { type: "noted" }): Promise<void> {
  await translatingErrors(db, async () => {
    await db.transaction(async (tx) => {
      // The row's lock makes two repeats at once take turns.
      const [letter] = await tx
        .select({ revision: deadLetters.revision })
        .from(deadLetters)
        .where(eq(deadLetters.id, letterId))
        .for("update");
      if (letter === undefined || (await isNoted(tx, letterId, event.requestId))) return;
      const { id, namespace, workflowId } = deadLetters;
      const named = tx
        .$with("letter")
        .as(tx.select({ id, namespace, workflowId }).from(deadLetters).where(eq(id, letterId)));
      await tx
        .with(named, ...appendEvents(tx, [event], letter.revision))
        .select()
        .from(named);
    });
  });
}

async function isNoted(db: Db, letterId: string, requestId: string | undefined): Promise<boolean> {
  if (requestId === undefined) return false;
  return (await db.$count(events, and(eq(events.letterId, letterId), eq(events.requestId, requestId)))) > 0;
}
