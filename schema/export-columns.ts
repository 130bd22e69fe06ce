import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { usage } from "../model/office-error.ts";
import { unknownWord } from "../model/suggest.ts";
import { letterColumns } from "./rows.ts";

/** A column of `dlo.dead_letters` that an export may have. */
export type ExportColumn = {
  /** In the table, in CSV and in Parquet, such as `failed_at`. */
  readonly name: string;
  /** In JSON, such as `failedAt`. */
  readonly key: string;
  readonly type: ExportType;
  readonly column: AnyPgColumn;
  readonly required: boolean;
};

export type ExportType = "text" | "uuid" | "json" | "list" | "moment" | "integer" | "bigint" | "boolean";

const exportTypes: Readonly<Record<string, ExportType>> = {
  text: "text",
  uuid: "uuid",
  jsonb: "json",
  "text[]": "list",
  "timestamp (3) with time zone": "moment",
  integer: "integer",
  bigint: "bigint",
  boolean: "boolean",
};

/** All but the encoded bytes, in the order of the table. */
export const exportColumns: readonly ExportColumn[] = Object.entries(letterColumns).map(([key, column]) => ({
  name: column.name,
  key,
  type: typeOf(column),
  column,
  required: column.notNull,
}));

/**
 * The columns of these names, as given in JSON or in the table.
 *
 * @throws {OfficeError} `USAGE` for an unknown one, and for one that is named twice
 */
export function namedColumns(names: readonly string[]): ExportColumn[] {
  if (names.length === 0) throw usage("columns must name one column at least");
  const found = names.map((name) => {
    const column = exportColumns.find((known) => known.key === name || known.name === name);
    if (column !== undefined) return column;
    throw usage(
      unknownWord(
        "column",
        name,
        exportColumns.map(({ key }) => key),
      ),
    );
  });
  const twice = found.find((column, i) => found.indexOf(column) !== i);
  if (twice !== undefined) throw usage(`The column "${twice.key}" is named twice`);
  return found;
}

function typeOf(column: AnyPgColumn): ExportType {
  const sqlType = column.getSQLType();
  const type = exportTypes[sqlType];
  if (type === undefined) throw new Error(`The column ${column.name} is a ${sqlType}, and exports know no such type`);
  return type;
}
