import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import type { LetterOrder } from "../model/filter.ts";
import { letterOrders } from "../model/filter.ts";
import { usage } from "../model/office-error.ts";
import type { LetterTable } from "./filter-conditions.ts";
import type { LetterRow } from "./rows.ts";
import { isWholeId } from "./resolve-prefix.ts";

/** What a list is ordered by; the id comes last everywhere, so that no two letters are at the same place. */
export type OrderKeys = {
  readonly failedAt: Date;
  readonly expiresAt: Date | null;
  readonly deaths: number;
  readonly id: string;
};

type Key = keyof OrderKeys;

const orders: Readonly<Record<LetterOrder, { readonly keys: readonly Key[]; readonly down: boolean }>> = {
  newest: { keys: ["failedAt", "id"], down: true },
  oldest: { keys: ["failedAt", "id"], down: false },
  expiring: { keys: ["expiresAt", "id"], down: false },
  deaths: { keys: ["deaths", "failedAt", "id"], down: true },
};

/** `order by`, just as the index has it. */
export function orderBy(order: LetterOrder, letters: LetterTable): SQL {
  const { keys, down } = orders[order];
  return sql.join(
    keys.map((key) => (down ? sql`${letters[key]} desc` : sql`${letters[key]}`)),
    sql`, `,
  );
}

/** Letters that come after a place. */
export function isAfter(order: LetterOrder, place: OrderKeys, letters: LetterTable): SQL {
  const { keys, down } = orders[order];
  const columns = sql.join(
    keys.map((key) => sql`${letters[key]}`),
    sql`, `,
  );
  const values = sql.join(
    keys.map((key) => sql`${sql.param(place[key], letters[key] as AnyPgColumn)}`),
    sql`, `,
  );
  return sql`(${columns}) ${sql.raw(down ? "<" : ">")} (${values})`;
}

/** A place in a list as text; it names its order, so that it is not mistaken for one of another list. */
export function writeCursor(order: LetterOrder, place: Pick<LetterRow, Key>): string {
  const values = orders[order].keys.map((key) => {
    const value = place[key];
    return value instanceof Date ? value.getTime() : value;
  });
  return [order, ...values].join(".");
}

/** @throws {OfficeError} `USAGE` for what is no place, and for one of another order */
export function readCursor(order: LetterOrder, text: string): OrderKeys {
  const [of, ...values] = text.split(".");
  if (of !== order && letterOrders.includes(of as LetterOrder))
    throw usage(`"${text}" is a place in a list by "${of}", and this one is by "${order}". Go on in the same order`);
  const { keys } = orders[order];
  const [id, ...numbers] = values.toReversed();
  const valid = numbers.every((number) => /^-?\d{1,15}$/.test(number)) && id !== undefined && isWholeId(id);
  if (of !== order || values.length !== keys.length || !valid)
    throw usage(`"${text.slice(0, 100)}" is no place in a list: give the "next" of the page before`);
  const found = Object.fromEntries(keys.map((key, i) => [key, readKey(key, values[i] ?? "")]));
  return { failedAt: new Date(0), expiresAt: null, deaths: 0, id, ...found };
}

function readKey(key: Key, text: string): string | number | Date {
  if (key === "id") return text;
  const number = Number(text);
  if (key === "deaths") return Math.min(number, 2_147_483_647);
  const year = new Date(number).getUTCFullYear();
  if (year >= 100 && year <= 9998) return new Date(number);
  throw usage(`"${text}" is no time in a place of a list: give the "next" of the page before`);
}
