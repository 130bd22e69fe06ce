import { usage } from "../model/office-error.ts";
import type { Db } from "../schema/database.ts";
import { type LetterFilter, listLetters } from "../schema/list-letters.ts";
import type { LetterRow } from "../schema/rows.ts";

export type PageOptions = {
  /** @default 50 @maximum 1000 */
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly after?: string;
};

export type LetterPage = {
  readonly letters: readonly LetterRow[];
  /** Where the next page begins; absent on the last. It stays good while letters arrive. */
  readonly next?: string;
};

/**
 * A page of letters, newest failure first.
 *
 * @throws {OfficeError} `USAGE` for a limit or a place that cannot be meant
 */
export async function listPage(db: Db, filter: LetterFilter, { limit = 50, after }: PageOptions): Promise<LetterPage> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw usage(`limit must be a whole number from 1 to 1000, got ${limit}`);
  const cursor = after === undefined ? {} : { after: readCursor(after) };
  const letters = await listLetters(db, filter, { rows: limit, ...cursor });
  const last = letters.at(-1);
  return {
    letters,
    ...(letters.length < limit || last === undefined ? {} : { next: `${last.failedAt.getTime()}.${last.id}` }),
  };
}

function readCursor(text: string): { failedAt: Date; id: string } {
  const [, ms, id] = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(text) ?? [];
  if (ms === undefined || id === undefined)
    throw usage(`"${text}" is no place in the list: give the "next" of the page before`);
  return { failedAt: new Date(Number(ms)), id };
}
