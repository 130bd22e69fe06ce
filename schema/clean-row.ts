import { is, SQL } from "drizzle-orm";
import { cleanJson, cleanText, cutText } from "../model/clean.ts";

/**
 * A row's values as Postgres takes them: refused characters replaced, and words of indexed columns cut to 250 bytes, as an
 * index entry has room for 2,700. Otherwise one odd error name could keep a death from ever being written.
 *
 * @returns the very same row where nothing had to change
 */
export function cleanRow<Row extends Record<string, unknown>>(row: Row): Row {
  let changed = false;
  const clean = Object.entries(row).map(([column, value]) => {
    const cleaned = cleanValue(column, value);
    changed ||= !Object.is(cleaned, value);
    return [column, cleaned];
  });
  return changed ? (Object.fromEntries(clean) as Row) : row;
}

const indexedColumns = ["job", "queue", "key", "errorType"];
const indexedBytes = 250;

function cleanValue(column: string, value: unknown): unknown {
  if (typeof value === "string")
    return cleanText(indexedColumns.includes(column) ? cutText(value, indexedBytes) : value);
  if (
    typeof value !== "object" ||
    value === null ||
    value instanceof Date ||
    value instanceof Uint8Array ||
    is(value, SQL)
  )
    return value;
  return cleanJson(value).value;
}
