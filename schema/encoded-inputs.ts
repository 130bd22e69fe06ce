import { eq } from "drizzle-orm";
import { letterNotFound } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** Serialized `Payloads`, as history has them. */
export type EncodedInputs = {
  /** What the next run gets; null where no payload is stored. */
  readonly current: Uint8Array | null;
  /** What was recorded, where it has been amended since. */
  readonly original: Uint8Array | null;
  /** The run's memo, a serialized `Payload`; null where it had none. */
  readonly memo: Uint8Array | null;
};

/**
 * A letter's encoded inputs, which only some users of the database may select. Index: the primary key.
 *
 * @throws {OfficeError} `LETTER_NOT_FOUND`
 */
export async function encodedInputs(db: Db, id: string): Promise<EncodedInputs> {
  const { payloadData: current, originalPayloadData: original, memoData: memo } = deadLetters;
  return await translatingErrors(db, async () => {
    const [found] = await db.select({ current, original, memo }).from(deadLetters).where(eq(deadLetters.id, id));
    if (found === undefined) throw letterNotFound(id);
    return found;
  });
}
