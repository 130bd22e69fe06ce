import { letterAmbiguous, letterNotFound } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { idOfPrefix } from "./id-of-prefix.ts";
import { deadLetters } from "./tables.ts";

/** Whether this is an id as it stands in the tables, not a short one. */
export function isWholeId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** @throws {OfficeError} `LETTER_NOT_FOUND`, `LETTER_AMBIGUOUS` */
export async function resolvePrefix(db: Db, prefix: string): Promise<string> {
  return await idOfPrefix(db, deadLetters, prefix, { notFound: letterNotFound, ambiguous: letterAmbiguous });
}
