import { eq } from "drizzle-orm";
import { letterNotFound } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { deadLetters } from "./tables.ts";
import { sqlStateOf, translatingErrors } from "./translate-error.ts";

/** Serialized `Payloads`, as history has them. */
export type EncodedInputs = {
  /** What the next run gets; null where no payload is stored. */
  readonly current: Uint8Array | null;
  /** What was recorded, where it has been amended since. */
  readonly original: Uint8Array | null;
};

/**
 * A letter's encoded inputs, which only some users of the database may select. Index: the primary key.
 *
 * @throws {OfficeError} `LETTER_NOT_FOUND`
 */
export async function encodedInputs(db: Db, id: string): Promise<EncodedInputs> {
  const { payloadData: current, originalPayloadData: original } = deadLetters;
  return await translatingErrors(db, async () => {
    const [found] = await db.select({ current, original }).from(deadLetters).where(eq(deadLetters.id, id));
    if (found === undefined) throw letterNotFound(id);
    return found;
  });
}

/**
 * The memo of a letter's run, a serialized `Payload`: by itself, since an operator may select the inputs, but not this. Index: the
 * primary key.
 *
 * @returns null where it had none, and where this user may not select it
 */
export async function encodedMemo(db: Db, id: string): Promise<Uint8Array | null> {
  return await translatingErrors(db, async () => {
    try {
      const [found] = await db.select({ memo: deadLetters.memoData }).from(deadLetters).where(eq(deadLetters.id, id));
      return found?.memo ?? null;
    } catch (error) {
      if (sqlStateOf(error) === notPermitted) return null;
      throw error;
    }
  });
}

const notPermitted = "42501";
