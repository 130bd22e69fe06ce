import type { SQL } from "drizzle-orm";
import { and, sql } from "drizzle-orm";
import type { ExportFormat } from "../model/export-options.ts";
import type { ExportColumn } from "./export-columns.ts";
import { isoTime } from "./iso-time.ts";
import { deadLetters } from "./tables.ts";

/** What is to be exported, in which form. */
export type ExportAsk = {
  readonly format: ExportFormat;
  readonly columns: readonly ExportColumn[];
  readonly conditions: readonly SQL[];
  readonly spreadsheet?: boolean;
  /** What a line of JSON has besides. */
  readonly more?: readonly SQL[];
};

/**
 * The letters as `COPY` is to write them, by id: the order in which they first died. Index: the primary key, or what the filter
 * is for.
 */
export function exportSelect({ format, columns, conditions, spreadsheet = false, more = [] }: ExportAsk): SQL {
  const chosen = sql`where ${and(...conditions) ?? sql`true`} order by ${deadLetters.id}`;
  switch (format) {
    case "jsonl": {
      const fields = [...columns.map((column) => sql`${inJson(column)} as ${sql.identifier(column.key)}`), ...more];
      return sql`select row_to_json(line) from ${deadLetters} cross join lateral (select ${list(fields)}) as line ${chosen}`;
    }
    case "csv":
      return sql`select ${list(columns.map((column) => named(column, inCsv(column, spreadsheet))))} from ${deadLetters} ${chosen}`;
    case "parquet":
      return sql`select ${list(columns.map((column) => named(column, inBinary(column))))} from ${deadLetters} ${chosen}`;
  }
}

/** Options of `COPY`. JSON has no raw control characters, so in this form of CSV nothing of it is ever quoted. */
export const copyFormats: Readonly<Record<ExportFormat, SQL>> = {
  jsonl: sql`format csv, quote ${"\u0001"}, delimiter ${"\u0002"}`,
  csv: sql`format csv, header`,
  parquet: sql`format binary`,
};

function inJson({ column, type }: ExportColumn): SQL {
  return type === "moment" ? isoTime(column) : sql`${column}`;
}

function inCsv({ column, type }: ExportColumn, spreadsheet: boolean): SQL {
  switch (type) {
    case "moment":
      return isoTime(column);
    case "list":
      return sql`array_to_json(${column})`;
    case "boolean":
      return sql`${column}::text`;
    case "text":
      return spreadsheet ? defused(column) : sql`${column}`;
    default:
      return sql`${column}`;
  }
}

function inBinary({ column, type }: ExportColumn): SQL {
  switch (type) {
    case "uuid":
    case "json":
      return sql`${column}::text`;
    case "list":
      return sql`array_to_json(${column})::text`;
    default:
      return sql`${column}`;
  }
}

/** An apostrophe before what a spreadsheet would run as a formula, by the list of OWASP ("CSV Injection"). */
function defused(text: unknown): SQL {
  return sql`case when ${text} ~ ${"^[=+\\-@\\t\\r\\n＝＋－＠]"} then ${"'"} || ${text} else ${text} end`;
}

function named({ name }: ExportColumn, value: SQL): SQL {
  return sql`${value} as ${sql.identifier(name)}`;
}

function list(parts: readonly SQL[]): SQL {
  return sql.join([...parts], sql`, `);
}
