import { Readable } from "node:stream";
import { type ExportFormat, exportFormats, type ExportOptions } from "../model/export-options.ts";
import type { Filter } from "../model/filter.ts";
import { usage } from "../model/office-error.ts";
import { unknownWord } from "../model/suggest.ts";
import { copyOut } from "../schema/copy-out.ts";
import { openDatabase } from "../schema/database.ts";
import { type ExportColumn, exportColumns, namedColumns } from "../schema/export-columns.ts";
import { copyFormats, exportSelect } from "../schema/export-select.ts";
import { filterConditions } from "../schema/filter-conditions.ts";
import { fullFields, readableBytes } from "../schema/full-letter.ts";
import { refuseUnreadable } from "../schema/refuse-unreadable.ts";

/**
 * The letters that fit a filter, by id, as one stream of bytes; all from one snapshot, so that each is there once.
 *
 * @throws {OfficeError} `USAGE` at once for what cannot be meant; the rest ends the stream
 */
export function exportLetters(url: string, filter: Filter, options: ExportOptions): Readable {
  const { format = "jsonl", full = false, spreadsheet = false, onProgress = () => undefined } = options;
  checkOptions(options, format);
  const columns = options.columns === undefined ? exportColumns : namedColumns(options.columns);
  const ask = { format, columns, conditions: filterConditions(filter), spreadsheet };
  const batches = copyOut(
    url,
    async (connection) => exportSelect(full ? { ...ask, more: fullFields(await readableBytes(connection)) } : ask),
    copyFormats[format],
  );
  const empty = async () => {
    await using database = openDatabase(url, { connections: 1, prepare: false });
    await refuseUnreadable(database.db, filter);
  };
  const parts = format === "parquet" ? parquetParts(columns, batches) : textParts(batches, format, spreadsheet);
  return Readable.from(counted(parts, onProgress, empty), { objectMode: false });
}

function checkOptions({ full, columns, spreadsheet }: ExportOptions, format: ExportFormat): void {
  if (!exportFormats.includes(format)) throw usage(unknownWord("export format", String(format), exportFormats));
  if (full && format !== "jsonl")
    throw usage(
      `A full export is a document a letter, with lists in it, and ${format} has a row a letter: take jsonl for it, or leave "full" away`,
    );
  if (full && columns !== undefined)
    throw usage('A full export has all there is: leave either "full" or "columns" away');
  if (spreadsheet && format !== "csv") throw usage(`"spreadsheet" is about CSV, and the format is ${format}`);
}

/** Some bytes, and how many letters end in them. */
type Part = { readonly bytes: Uint8Array; readonly rows: number };

async function* textParts(
  batches: AsyncIterable<readonly Buffer[]>,
  format: ExportFormat,
  spreadsheet: boolean,
): AsyncGenerator<Part> {
  if (spreadsheet) yield { bytes: Buffer.from("\ufeff"), rows: 0 };
  let heads = format === "csv" ? 1 : 0;
  for await (const batch of batches) {
    yield { bytes: Buffer.concat(batch), rows: batch.length - heads };
    heads = 0;
  }
}

async function* parquetParts(
  columns: readonly ExportColumn[],
  batches: AsyncIterable<readonly Buffer[]>,
): AsyncGenerator<Part> {
  const { parquetFile } = await import("./parquet-file.ts");
  yield* parquetFile(columns, batches);
}

/** @param empty is asked what that means where no letter came */
async function* counted(
  parts: AsyncIterable<Part>,
  onProgress: (letters: number) => void,
  empty: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  let letters = 0;
  for await (const { bytes, rows } of parts) {
    if (bytes.length > 0) yield bytes;
    letters += rows;
    onProgress(letters);
  }
  if (letters === 0) await empty();
}
