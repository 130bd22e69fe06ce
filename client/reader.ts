import { findTarget, type Target, type TargetOptions } from "../connect/target.ts";
import { databaseUnset } from "../model/office-error.ts";
import { countOpen, type OpenCounts } from "../schema/count-open.ts";
import { openDatabase } from "../schema/database.ts";
import { encodedInputs, type EncodedInputs } from "../schema/encoded-inputs.ts";
import { getLetter } from "../schema/get-letter.ts";
import { type LetterStory, letterStory } from "../schema/letter-story.ts";
import type { LetterFilter } from "../schema/list-letters.ts";
import { lastEventId, type RecentEvent, recentEvents } from "../schema/recent-events.ts";
import type { LetterRow } from "../schema/rows.ts";
import { type LetterPage, listPage, type PageOptions } from "./letter-page.ts";

/** Reads letters from Postgres alone, so it answers while Temporal is down. */
export type LetterReader = AsyncDisposable & {
  readonly target: Target;
  list(filter?: LetterFilter, page?: PageOptions): Promise<LetterPage>;
  get(id: string): Promise<LetterRow>;
  story(letterId: string): Promise<LetterStory>;
  /** What the next run gets, and what was recorded first, as bytes. */
  encodedInputs(letterId: string): Promise<EncodedInputs>;
  countOpen(): Promise<OpenCounts>;
  lastEventId(): Promise<number>;
  events(afterId: number, rows: number): Promise<RecentEvent[]>;
  close(): Promise<void>;
};

/**
 * Opens the database; it connects at the first read.
 *
 * @throws {OfficeError} `DATABASE_UNSET`, `CONFIG_INVALID`
 */
export function openReader(options: TargetOptions = {}): LetterReader {
  const target = findTarget(options);
  if (target.database === undefined) throw databaseUnset();
  const { db, close } = openDatabase(target.database.url, { connections: 3 });
  const { namespace } = target.temporal;
  return {
    target,
    list: async (filter = {}, page = {}) => await listPage(db, filter, page),
    get: async (id) => await getLetter(db, id, { namespace }),
    story: async (letterId) => await letterStory(db, letterId),
    encodedInputs: async (letterId) => await encodedInputs(db, letterId),
    countOpen: async () => await countOpen(db),
    lastEventId: async () => await lastEventId(db),
    events: async (afterId, rows) => await recentEvents(db, afterId, rows),
    close,
    [Symbol.asyncDispose]: close,
  };
}
