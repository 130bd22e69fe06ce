import { hostname } from "node:os";
import type { Readable } from "node:stream";
import { findTarget, type Target, type TargetOptions } from "../connect/target.ts";
import { filterFrom, type FilterOrLine, inNamespace } from "../model/filter-line.ts";
import type { SharedConfig } from "../model/config.ts";
import type { ExportOptions } from "../model/export-options.ts";
import { databaseUnset } from "../model/office-error.ts";
import { countOpen, type OpenCounts } from "../schema/count-open.ts";
import { openDatabase } from "../schema/database.ts";
import type { Health } from "../model/health.ts";
import { type OpenTotals, openTotals } from "../schema/open-totals.ts";
import { encodedInputs, type EncodedInputs, encodedMemo } from "../schema/encoded-inputs.ts";
import { getLetter } from "../schema/get-letter.ts";
import { type LetterStory, letterStory } from "../schema/letter-story.ts";
import { countLetters, type LetterCount } from "../schema/count-letters.ts";
import type { LetterRow } from "../schema/rows.ts";
import { type Causes, causesOf } from "./causes.ts";
import { type Events, eventsOf } from "./events.ts";
import { exportLetters } from "./export-letters.ts";
import { type AskHealth, askHealth } from "./health.ts";
import { type LetterPage, listPage, type PageOptions } from "./letter-page.ts";
import { type AskStats, askStats } from "./stats.ts";
import { readRedrives, type RedriveReader } from "./redrive-reader.ts";
import { findSimilar, type SimilarLetters, type SimilarOptions } from "./similar-letters.ts";

/** Reads letters from Postgres alone, so it answers while Temporal is down. */
export type LetterReader = AsyncDisposable & {
  readonly target: Target;
  /** A page, of the target's namespace unless the filter names another. */
  list(filter?: FilterOrLine, page?: PageOptions): Promise<LetterPage>;
  count(filter?: FilterOrLine): Promise<LetterCount>;
  get(id: string): Promise<LetterRow>;
  readonly stats: AskStats;
  story(letterId: string): Promise<LetterStory>;
  /** Other letters like this one, of its cause first, and what differs in their inputs. */
  similar(id: string, options?: SimilarOptions & Pick<SharedConfig, "codec">): Promise<SimilarLetters>;
  readonly causes: Causes;
  /** What the next run gets, and what was recorded first, as bytes. */
  encodedInputs(letterId: string): Promise<EncodedInputs>;
  /** What was special about its run, as bytes; null where nothing was, and where this user of the database may not see it. */
  encodedMemo(letterId: string): Promise<Uint8Array | null>;
  /** As `dlo.letters.export`. */
  export(filter?: FilterOrLine, options?: ExportOptions): Readable;
  countOpen(): Promise<OpenCounts>;
  /** How many letters of the target's namespace are open, and of how many causes. */
  openTotals(): Promise<OpenTotals>;
  /** Of the whole database, unless a namespace is given. */
  health(options?: AskHealth): Promise<Health>;
  readonly events: Events;
  readonly redrives: RedriveReader;
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
  const { url } = target.database;
  const database = openDatabase(url, { connections: 3, prepare: false });
  const { db } = database;
  const { namespace } = target.temporal;
  const closing = new AbortController();
  const close = async () => {
    closing.abort();
    await database.close();
  };
  return {
    target,
    list: async (filter = {}, page = {}) => await listPage(db, inNamespace(filterFrom(filter), namespace), page),
    count: async (filter = {}) => await countLetters(db, inNamespace(filterFrom(filter), namespace)),
    get: async (id) => await getLetter(db, id, { namespace }),
    stats: askStats(() => db, namespace),
    story: async (letterId) => await letterStory(db, letterId),
    similar: async (id, { codec, ...options } = {}) =>
      await findSimilar(db, await getLetter(db, id, { namespace }), options, codec),
    causes: causesOf({ database: () => db, namespace, identity: `${process.pid}@${hostname()}` }),
    encodedInputs: async (letterId) => await encodedInputs(db, letterId),
    encodedMemo: async (letterId) => await encodedMemo(db, letterId),
    export: (filter = {}, options = {}) => exportLetters(url, inNamespace(filterFrom(filter), namespace), options),
    countOpen: async () => await countOpen(db),
    openTotals: async () => await openTotals(db, namespace),
    health: async (options) => await askHealth(db, options),
    events: eventsOf({ namespace, database: () => database, closing: closing.signal }),
    redrives: readRedrives(() => db, namespace),
    close,
    [Symbol.asyncDispose]: close,
  };
}
