import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { bigint, check, customType, timestamp } from "drizzle-orm/pg-core";
import type { AnyPgColumn, CheckBuilder } from "drizzle-orm/pg-core";

/** A point in time, to the millisecond: with microseconds, a value read into a `Date` no longer equals its own column. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: "date" });

/** A span of time in milliseconds. */
export const span = (name: string) => bigint(name, { mode: "number" });

/** Bytes, as they are. */
export const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => "bytea" });

/** Allows the words of one of the model's lists, and nothing else. */
export function oneOf(constraint: string, column: AnyPgColumn, words: readonly string[]): CheckBuilder {
  return check(constraint, sql`${column} in (${literals(words)})`);
}

/** Words as SQL literals: a partial index or a check cannot take parameters. */
export function literals(words: readonly string[]): SQL {
  return sql.raw(words.map((word) => `'${word}'`).join(", "));
}
