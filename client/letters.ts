import type { Readable } from "node:stream";
import type { Client } from "@temporalio/client";
import { v7 as uuidv7 } from "uuid";
import { commandLetter } from "../connect/command-letter.ts";
import type {
  AmendCommand,
  ApplyPolicyCommand,
  CommandName,
  DiscardCommand,
  ExpireCommand,
  ExtendCommand,
  MoveCommand,
  RunCodeCommand,
  NoteCommand,
  RetryCommand,
  Signature,
} from "../model/command.ts";
import type { CapturedRecord } from "../model/captured-record.ts";
import { type Duration, formatDuration, parseDuration } from "../model/duration.ts";
import type { ExportOptions } from "../model/export-options.ts";
import type { ImportOptions, ImportReport } from "../model/import-report.ts";
import { filterFrom, type FilterOrLine, inNamespace } from "../model/filter-line.ts";
import { letterClosed, usage, waitTimeout } from "../model/office-error.ts";
import { readCommand } from "../model/read-command.ts";
import { isOpen } from "../model/status.ts";
import type { Db } from "../schema/database.ts";
import { getLetter } from "../schema/get-letter.ts";
import { type LetterStory, letterStory } from "../schema/letter-story.ts";
import { countLetters, type LetterCount } from "../schema/count-letters.ts";
import { noteLetter } from "../schema/note-letter.ts";
import type { LetterRow } from "../schema/rows.ts";
import { type Captured, type CaptureOptions, captureRecord } from "./capture-record.ts";
import {
  captureAll,
  type CaptureAllOptions,
  captureLines,
  type CaptureLinesOptions,
  type CaptureReport,
  type Records,
} from "./capture-records.ts";
import { type DiffOptions, type LetterDiff, letterDiff } from "./letter-diff.ts";
import { type AskStats, askStats } from "./stats.ts";
import { exportLetters } from "./export-letters.ts";
import { importLetters } from "./import-letters.ts";
import type { Lines } from "./read-lines.ts";
import { type LetterPage, listPage, type PageOptions } from "./letter-page.ts";
import { type ReopenCommand, reopenLetter } from "./reopen-letter.ts";
import { findSimilar, type SimilarLetters, type SimilarOptions } from "./similar-letters.ts";

/** How long a command may wait for the office, and a retry for its outcome. */
export type WaitOptions = {
  /**
   * How long to wait for the retry's outcome before the letter comes back as it is.
   *
   * Bounds the wait, not the work. 0 returns once the retry was taken.
   *
   * @default 0
   * @throws {OfficeError} `WAIT_TIMEOUT` if it still runs after this long
   */
  readonly waitFor?: Duration;
};

/**
 * Dead letters: look and act. An id may be shortened while it is unambiguous; a job's workflow id finds its newest letter.
 *
 * Commands return the letter as it is after them. All may be repeated with the same `requestId`.
 *
 * @throws {OfficeError} `LETTER_NOT_FOUND`, `LETTER_AMBIGUOUS`, `LETTER_CLOSED`, `LETTER_BUSY`, `INPUT_INVALID`, `NO_WORKER`,
 *   `PAYLOAD_OMITTED`, `BUILD_UNKNOWN`, `USAGE`; `WAIT_TIMEOUT` where no office answers
 */
export type Letters = {
  /** A page, newest failure first; of the client's own namespace, unless the filter or line names another. */
  list(filter?: FilterOrLine, page?: PageOptions): Promise<LetterPage>;
  /** How many letters fit; `exact: false` where there are at least so many. Of the same namespace as `list`. */
  count(filter?: FilterOrLine): Promise<LetterCount>;
  get(id: string): Promise<LetterRow>;
  /** The numbers of the letters that fit a filter, of the client's own namespace unless it names another. See `AskStats`. */
  readonly stats: AskStats;
  /** All that happened to a letter: its deaths with their attempts, and its events, in order. */
  story(id: string): Promise<LetterStory>;
  /** Other letters like this one, of its cause first, and what differs in their inputs. */
  similar(id: string, options?: SimilarOptions): Promise<SimilarLetters>;
  /** Its input against those of the last runs of the same job that succeeded: what sets it apart comes first. */
  diff(id: string, options?: DiffOptions): Promise<LetterDiff>;
  /**
   * All letters that fit, by id, each once, as a stream of bytes: CSV, JSON lines or Parquet, of one moment and in constant
   * memory. Of the same namespace as `list`.
   *
   * @throws {OfficeError} `USAGE` at once for what cannot be meant; what goes wrong later ends the stream
   */
  export(filter?: FilterOrLine, options?: ExportOptions): Readable;
  /**
   * Brings letters back from JSON lines, best those of a full export: into this namespace and database, parked. What is here
   * already is left alone.
   *
   * @param lines pieces of a file as bytes, or whole lines as texts
   * @throws {OfficeError} `OFFICE_MISMATCH`; a line that cannot be imported is reported, not thrown
   */
  import(lines: Lines, options?: ImportOptions): Promise<ImportReport>;
  /**
   * Makes a letter of a record that failed outside Temporal: a Kafka message, a webhook, an item of a batch. Once per source, however
   * often it is captured. Needs no database.
   *
   * Resolves once its letter is there: only then has a consumer done with the record. Rejected, it is to be brought again.
   *
   * @throws {OfficeError} `INPUT_INVALID`, `INPUT_TOO_LARGE`, `JOB_UNKNOWN`, `CAPTURE_REFUSED`; `WAIT_TIMEOUT` where Temporal has the
   *   record and no office has answered
   */
  capture(record: CapturedRecord, options?: CaptureOptions): Promise<Captured>;
  /** Captures many, some at a time. A record that is refused is reported, not thrown, and the rest goes on. */
  captureAll(records: Records, options?: CaptureAllOptions): Promise<CaptureReport>;
  /**
   * Captures JSON lines, one record each.
   *
   * @param lines pieces of a file as bytes, or whole lines as texts
   */
  captureLines(lines: Lines, options?: CaptureLinesOptions): Promise<CaptureReport>;
  /** Runs the job again under its own id. */
  retry(id: string, command?: RetryCommand & WaitOptions): Promise<LetterRow>;
  /** Does now what the end of the retention does: closes the letter, or retries it, by its policy. */
  expire(id: string, command?: ExpireCommand): Promise<LetterRow>;
  /** Closes the letter for good, without another run. */
  discard(id: string, command?: DiscardCommand): Promise<LetterRow>;
  /** Replaces the recorded input; the original stays beside it. */
  amend(id: string, command: AmendCommand): Promise<LetterRow>;
  /** Sets how long it waits, counted from now; `"indefinite"` holds it. */
  extend(id: string, command: ExtendCommand): Promise<LetterRow>;
  /** Files it under another dead letter queue; its clock stays as it is. */
  move(id: string, command: MoveCommand): Promise<LetterRow>;
  /**
   * Runs the job's own code again, `onDead` or `onExpire`; absent, what failed last. Resolves once the letter has begun it: the
   * outcome is the event `code_ran` or `code_failed`.
   */
  runCode(id: string, command?: RunCodeCommand): Promise<LetterRow>;
  /** Gives it the policy that its queue has now: a changed configuration concerns new letters alone until then. */
  applyPolicy(id: string, command?: ApplyPolicyCommand): Promise<LetterRow>;
  /** Opens an expired or discarded letter again, with a new retention. */
  reopen(id: string, command?: ReopenCommand): Promise<LetterRow>;
  /** Writes a line into its story; a closed letter takes it too. */
  note(id: string, command: NoteCommand): Promise<LetterRow>;
};

type Needs = { readonly temporal: Client; readonly database: () => Db; readonly databaseUrl: () => string };

export function lettersOf({ temporal, database, databaseUrl }: Needs): Letters {
  const { namespace } = temporal.options;
  const refuseForeign = (letter: LetterRow): void => {
    if (letter.namespace !== namespace)
      throw usage(
        `Dead letter ${letter.id} is in namespace "${letter.namespace}", and this client is connected to "${namespace}". Connect to that one (--namespace)`,
        { id: letter.id },
      );
  };
  const command = async (id: string, name: CommandName, given: Signature): Promise<LetterRow> => {
    const { name: _, ...checked } = readCommand(name, given);
    const letter = await getLetter(database(), id, { namespace });
    // A job of the same id may have died here as well: the command would reach that one's letter.
    refuseForeign(letter);
    const requestId = given.requestId ?? uuidv7();
    const signed = { by: temporal.options.identity, ...checked, requestId };
    if (!isOpen(letter.status)) {
      if (name !== "note") throw letterClosed(letter.id, letter.status);
      const { text, ...signature } = signed as NoteCommand & { requestId: string };
      await noteLetter(database(), letter.id, { type: "noted", atMs: Date.now(), ...signature, data: { text } });
    } else {
      const statusNow = async () => (await getLetter(database(), letter.id)).status;
      await commandLetter(temporal, letter, name, signed, { statusNow });
    }
    return await getLetter(database(), letter.id);
  };
  return {
    list: async (filter = {}, page = {}) =>
      await listPage(database(), inNamespace(filterFrom(filter), namespace), page),
    count: async (filter = {}) => await countLetters(database(), inNamespace(filterFrom(filter), namespace)),
    get: async (id) => await getLetter(database(), id, { namespace }),
    stats: askStats(database, namespace),
    story: async (id) => await letterStory(database(), (await getLetter(database(), id, { namespace })).id),
    async similar(id, options = {}) {
      const letter = await getLetter(database(), id, { namespace });
      return await findSimilar(database(), letter, options, temporal.options.loadedDataConverter.payloadCodecs);
    },
    async diff(id, options = {}) {
      const letter = await getLetter(database(), id, { namespace });
      refuseForeign(letter);
      return await letterDiff(temporal, database(), letter, options);
    },
    export: (filter = {}, options = {}) =>
      exportLetters(databaseUrl(), inNamespace(filterFrom(filter), namespace), options),
    import: async (lines, options = {}) => await importLetters({ temporal, db: database() }, lines, options),
    capture: async (record, options) => await captureRecord(temporal, record, options),
    captureAll: async (records, options) => await captureAll(temporal, records, options),
    captureLines: async (lines, options) => await captureLines(temporal, lines, options),
    async retry(id, { waitFor = 0, ...given } = {}) {
      const waitMs = parseDuration(waitFor, "waitFor", { minimumMs: 0 });
      const letter = await command(id, "retry", given);
      return waitMs === 0 ? letter : await outcome(database(), letter, waitMs);
    },
    expire: async (id, given = {}) => await command(id, "expire", given),
    discard: async (id, given = {}) => await command(id, "discard", given),
    amend: async (id, given) => await command(id, "amend", given),
    extend: async (id, given) => await command(id, "extend", given),
    move: async (id, given) => await command(id, "move", given),
    runCode: async (id, given = {}) => await command(id, "runCode", given),
    applyPolicy: async (id, given = {}) => await command(id, "applyPolicy", given),
    async reopen(id, given = {}) {
      const letter = await getLetter(database(), id, { namespace });
      refuseForeign(letter);
      return await reopenLetter(temporal, database(), letter, given);
    },
    note: async (id, given) => await command(id, "note", given),
  };
}

async function outcome(db: Db, letter: LetterRow, waitMs: number): Promise<LetterRow> {
  const until = Date.now() + waitMs;
  let seen = letter;
  for (let pauseMs = 50; seen.status === "retrying"; pauseMs = Math.min(pauseMs * 1.5, 1000)) {
    if (Date.now() >= until) throw waitTimeout(`The retry of dead letter ${letter.id}`, formatDuration(waitMs));
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    seen = await getLetter(db, letter.id);
  }
  return seen;
}
