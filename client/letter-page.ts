import type { Filter, LetterOrder } from "../model/filter.ts";
import { usage } from "../model/office-error.ts";
import type { Db } from "../schema/database.ts";
import { type LetterList, listLetters } from "../schema/list-letters.ts";

export type PageOptions = {
  /** @default "newest" */
  readonly order?: LetterOrder;
  /** @default 50 @maximum 1000 */
  readonly limit?: number;
  /** The `next` of the page before, of the same order. */
  readonly after?: string;
};

/** A page of letters. `next` is absent on the last, and stays good while letters arrive. */
export type LetterPage = LetterList;

/**
 * A page of letters.
 *
 * @throws {OfficeError} `USAGE` for a filter, an order, a limit or a place that cannot be meant
 */
export async function listPage(db: Db, filter: Filter, { order, limit = 50, after }: PageOptions): Promise<LetterPage> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw usage(`limit must be a whole number from 1 to 1000, got ${limit}`);
  return await listLetters(db, filter, {
    rows: limit,
    ...(order === undefined ? {} : { order }),
    ...(after === undefined ? {} : { after }),
  });
}
