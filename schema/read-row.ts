import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { officeErrorOf } from "../model/office-error.ts";
import { readMoment } from "../model/read-moment.ts";

/** A value of JSON that does not fit its column. */
export function misfit(where: string, problem: string): Error {
  return officeErrorOf("INPUT_INVALID", `${where} ${problem}`, { where });
}

export type Fields = Readonly<Record<string, unknown>>;

/** @throws {OfficeError} `INPUT_INVALID` */
export function asObject(value: unknown, where: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw misfit(where, "must be an object");
}

/** @throws {OfficeError} `INPUT_INVALID` */
export function asList(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  throw misfit(where, "must be a list");
}

/**
 * The values of a JSON object as these columns take them. What is absent stays absent.
 *
 * @param words of columns that take no others
 * @param where the object is, as it is said before the name of a field, such as `story.deaths[0].`
 * @throws {OfficeError} `INPUT_INVALID` with the field and what it must be
 */
export function readRow(
  columns: Readonly<Record<string, AnyPgColumn>>,
  fields: Fields,
  words: Readonly<Record<string, readonly string[]>>,
  where = "",
): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const [key, column] of Object.entries(columns)) {
    const value = fields[key];
    if (value === undefined) continue;
    if (value === null && column.notNull) throw misfit(where + key, "must not be null");
    row[key] = value === null ? null : readValue(column, value, where + key);
    const known = words[key];
    if (known !== undefined && value !== null && !known.includes(value as string))
      throw misfit(where + key, `must be one of ${known.join(", ")}, got ${shown(value)}`);
  }
  return row;
}

function readValue(column: AnyPgColumn, value: unknown, where: string): unknown {
  const type = column.getSQLType();
  switch (type) {
    case "text":
      if (typeof value === "string") return value;
      throw misfit(where, `must be a text, got ${shown(value)}`);
    case "uuid":
      if (typeof value === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value))
        return value.toLowerCase();
      throw misfit(where, `must be a UUID, got ${shown(value)}`);
    case "text[]":
      if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
      throw misfit(where, `must be a list of texts, got ${shown(value)}`);
    case "jsonb":
      return value;
    case "boolean":
      if (typeof value === "boolean") return value;
      throw misfit(where, `must be true or false, got ${shown(value)}`);
    case "integer":
    case "bigint":
      if (Number.isSafeInteger(value) && Math.abs(value as number) <= (type === "integer" ? 2 ** 31 - 1 : 2 ** 53))
        return value;
      throw misfit(where, `must be a whole number, got ${shown(value)}`);
    case "bytea":
      if (typeof value === "string" && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value))
        return Buffer.from(value, "base64");
      throw misfit(where, "must be bytes in base64");
    default:
      return readTime(value, where);
  }
}

/** Without a zone it is UTC: in another zone, the same line must not be another letter. */
function readTime(value: unknown, where: string): Date {
  const moment = typeof value === "string" ? readMoment(value) : undefined;
  if (moment !== undefined) return moment.from;
  throw misfit(where, `must be a time such as 2026-01-31T12:00:00.000Z, got ${shown(value)}`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
