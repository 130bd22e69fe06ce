import { Client, WorkflowNotFoundError } from "@temporalio/client";
import proto from "@temporalio/proto";
import { registeredSearchAttributes } from "../connect/registered-search-attributes.ts";
import { defaultOffice, letterType, officeWorkflowId } from "../model/ids.ts";
import type { ImportedLine, ImportOptions, ImportOutcome, ImportReport } from "../model/import-report.ts";
import { letterStart, type LetterHome } from "../model/letter-start.ts";
import { maximumInputBytes } from "../model/maximum-input.ts";
import { officeMismatch } from "../model/office-error.ts";
import { keepingDefaults } from "../model/resolve-contract.ts";
import { checkSchema } from "../schema/check-schema.ts";
import type { Db } from "../schema/database.ts";
import { findTold, importLetter, type ImportTarget, isUntouchedImport, marksOf } from "../schema/import-letter.ts";
import { letterOfRow } from "../schema/letter-of-row.ts";
import { readLetterLine, type ToldLetter } from "../schema/read-letter-line.ts";
import type { LetterHead } from "../schema/rows.ts";
import { encodeShown } from "./encode-shown.ts";
import { inLanes } from "./in-lanes.ts";
import { lineRefusal } from "./line-refusal.ts";
import { type Lines, type ReadLine, readLines } from "./read-lines.ts";

type Needs = { readonly temporal: Client; readonly db: Db };

/**
 * Brings lines of JSON back as letters of the client's namespace, parked.
 *
 * The row comes first, then its workflow: where a crash came between the two, importing again finds the one and starts the other.
 *
 * @throws {OfficeError} `OFFICE_MISMATCH` where another database is the one of the namespace's office
 */
export async function importLetters(needs: Needs, pieces: Lines, options: ImportOptions): Promise<ImportReport> {
  const { office = defaultOffice, onLine = () => undefined } = options;
  await refuseForeignOffice(needs, office);
  const { temporal } = needs;
  const home = {
    namespace: temporal.options.namespace,
    taskQueue: office,
    searchAttributes: await registeredSearchAttributes(temporal),
  };
  const counts: Record<ImportOutcome, number> = { imported: 0, here: 0, closed: 0, refused: 0 };
  const skipped: ImportedLine[] = [];
  const importer = new Importer(needs, home, options);
  for await (const done of inLanes(readLines(pieces), async (read) => await importer.take(read), lanes)) {
    counts[done.outcome]++;
    if (done.outcome !== "imported" && skipped.length < mostSkipped) skipped.push(done);
    onLine(done);
  }
  return { ...counts, skipped };
}

const mostSkipped = 1000;
const lanes = 8;

class Importer {
  /** What a dry run would have written: by job id, what the letter is known by. */
  readonly #wouldBe = new Map<string, readonly string[]>();
  /** Lines of one job id one after the other: of two open letters the first one counts. */
  readonly #taken = new Map<string, Promise<unknown>>();
  readonly #needs: Needs;
  readonly #home: LetterHome;
  readonly #options: ImportOptions;

  constructor(needs: Needs, home: LetterHome, options: ImportOptions) {
    this.#needs = needs;
    this.#home = home;
    this.#options = options;
  }

  async take(read: ReadLine): Promise<ImportedLine> {
    const { line } = read;
    try {
      if ("why" in read) return { line, outcome: "refused", why: read.why };
      const told = readLetterLine(read.text);
      return { line, ...(await this.#inTurn(told.row.workflowId, async () => await this.#bring(told))) };
    } catch (error) {
      const why = lineRefusal(error);
      if (why === undefined) throw error;
      return { line, outcome: "refused", why };
    }
  }

  async #inTurn<Result>(workflowId: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#taken.get(workflowId);
    const mine = (before ?? Promise.resolve()).catch(() => undefined).then(work);
    this.#taken.set(workflowId, mine);
    try {
      return await mine;
    } finally {
      if (this.#taken.get(workflowId) === mine) this.#taken.delete(workflowId);
    }
  }

  async #bring(told: ToldLetter): Promise<Omit<ImportedLine, "line">> {
    const { closed = false, dryRun = false } = this.#options;
    const { db } = this.#needs;
    const { namespace } = this.#home;
    const found = await findTold(db, told, namespace);
    if (found?.as === "here") return await this.#finish(found.letter);
    const marks = marksOf(told);
    const earlier = this.#wouldBe.get(told.row.workflowId);
    // As the import finds it that has written the earlier line.
    if (earlier?.some((mark) => marks.includes(mark)) === true)
      return { outcome: "here", why: "it is here already (parked)" };
    if (told.from.closed && !closed)
      return { outcome: "closed", why: `it was closed (${told.from.status ?? "closed"}) where it comes from` };
    const letter = await this.#encoded(told);
    if (found !== undefined || earlier !== undefined) return isOpenAlready(told, found?.letter.id);
    if (dryRun) {
      this.#wouldBe.set(told.row.workflowId, marks);
      return { outcome: "imported" };
    }
    const written = await importLetter(db, letter, this.#target());
    if (written !== undefined) {
      await this.#begin(written);
      return { outcome: "imported", id: written.id };
    }
    const after = await findTold(db, told, namespace);
    return after?.as === "here" ? await this.#finish(after.letter) : isOpenAlready(told, after?.letter.id);
  }

  /** An import that a crash interrupted has the row and lacks the workflow. */
  async #finish(letter: LetterHead): Promise<Omit<ImportedLine, "line">> {
    const { dryRun = false } = this.#options;
    if (!dryRun && (await isUntouchedImport(this.#needs.db, letter))) await this.#begin(letter);
    return { outcome: "here", id: letter.id, why: `it is here already (${letter.status})` };
  }

  async #begin(letter: LetterHead): Promise<void> {
    const { workflow } = this.#needs.temporal;
    await workflow.signalWithStart(letterType, letterStart(letterOfRow(letter), letter.key, this.#home));
  }

  #target(): ImportTarget {
    const { by = this.#needs.temporal.options.identity, reason } = this.#options;
    const { retentionMs, keepForMs } = keepingDefaults(process.env);
    return {
      namespace: this.#home.namespace,
      by,
      ...(reason === undefined ? {} : { reason }),
      nowMs: Date.now(),
      retentionMs: retentionMs.value === "indefinite" ? null : retentionMs.value,
      keepForMs: keepForMs.value === "indefinite" ? null : keepForMs.value,
    };
  }

  async #encoded(told: ToldLetter): Promise<ToldLetter> {
    checkEncoded(told.row);
    const encoded = await encodeShown(told, this.#needs.temporal.options.loadedDataConverter.payloadCodecs);
    checkEncoded(encoded.row);
    return encoded;
  }
}

const { Payload, Payloads } = proto.temporal.api.common.v1;

function isOpenAlready(told: ToldLetter, id: string | undefined): Omit<ImportedLine, "line"> {
  const which = id === undefined ? "an earlier line's" : id;
  return { outcome: "refused", why: `job ${told.row.workflowId} has an open letter here: ${which}` };
}

/** What cannot be decoded would be refused by every retry. */
function checkEncoded({ payloadData, memoData }: ToldLetter["row"]): void {
  const bytes = payloadData?.length ?? 0;
  if (bytes > maximumInputBytes)
    throw new LineError(
      "INPUT_TOO_LARGE",
      `payloadData has ${bytes} bytes, and at most ${maximumInputBytes} pass through Temporal`,
    );
  for (const [name, message, data] of [
    ["payloadData", Payloads, payloadData],
    ["memoData", Payload, memoData],
  ] as const)
    try {
      if (data !== null) message.decode(data);
    } catch {
      throw new LineError("INPUT_INVALID", `${name} is not what Temporal serializes`);
    }
}

class LineError extends Error {
  readonly code: "INPUT_INVALID" | "INPUT_TOO_LARGE";
  constructor(code: LineError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** Another office would run the letters, and find no rows. */
async function refuseForeignOffice({ temporal, db }: Needs, office: string): Promise<void> {
  const { databaseId } = await checkSchema(db);
  const { connection, options } = temporal;
  // Without a codec, as the office itself does.
  const plain = new Client({ connection, namespace: options.namespace });
  try {
    const { memo } = await plain.workflow.getHandle(officeWorkflowId(office)).describe();
    if (memo?.["databaseId"] !== databaseId) throw officeMismatch(office, options.namespace);
  } catch (error) {
    // No office has ever opened here: the letters wait for one.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
