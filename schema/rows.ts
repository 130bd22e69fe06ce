import { getTableColumns, sql } from "drizzle-orm";
import type { attempts, causes, deaths, events } from "./tables.ts";
import { deadLetters } from "./tables.ts";

/** A dead letter, whole. */
export type DeadLetterRow = typeof deadLetters.$inferSelect;

type EncodedColumn = "payloadData" | "originalPayloadData" | "memoData";
type LargeColumn = "payload" | "failure" | "stackTrace";

/** A dead letter as readers may see it: without the encoded bytes, which only the office may select. */
export type LetterRow = Omit<DeadLetterRow, EncodedColumn>;

/** What is small of a dead letter: enough to file, start and show it, not enough to understand its error. */
export type LetterHead = Omit<LetterRow, LargeColumn>;

/** A death as readers may see it. */
export type DeathRow = Omit<typeof deaths.$inferSelect, "payloadData">;

export type AttemptRow = typeof attempts.$inferSelect;
export type EventRow = typeof events.$inferSelect;
export type CauseRow = typeof causes.$inferSelect;

const { payloadData: _1, originalPayloadData: _2, memoData: _3, ...shown } = getTableColumns(deadLetters);
const { payload: _4, failure: _5, stackTrace: _6, ...small } = shown;

/** The columns of a `LetterRow`, for a select. */
export const letterColumns = shown;

/** The same in raw SQL: `select *` asks for what readers may not select. */
export const readableColumns = sql.join(
  Object.values(shown).map(({ name }) => sql.identifier(name)),
  sql`, `,
);

/** The columns of a `LetterHead`, for a select or a returning. */
export const letterHeadColumns = small;
