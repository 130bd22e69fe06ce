import type { SQL } from "drizzle-orm";
import {
  and,
  asc,
  desc,
  eq,
  exists,
  getTableColumns,
  gt,
  inArray,
  isNotNull,
  isNull,
  lte,
  max,
  or,
  sql,
} from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { EventType } from "../model/event.ts";
import type { Db } from "./database.ts";
import type { LetterTable } from "./filter-conditions.ts";
import type { EventRow } from "./rows.ts";
import { causes, deadLetters, events, office } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** An event that has its place in the stream. */
export type OfficeEvent = Omit<EventRow, "id" | "position"> & {
  /** Its place: later ones have higher numbers. The cursor of whoever follows. */
  readonly position: number;
  /** The letter that it concerns, as it is now; null for what concerns a cause alone. */
  readonly letter: {
    readonly job: string;
    readonly queue: string;
    readonly errorType: string;
    readonly errorMessage: string;
  } | null;
  /** The cause that it concerns, as it is now. Of letters, only a death has one. */
  readonly cause: { readonly title: string; readonly errorType: string } | null;
};

/** Which events are meant. What is absent doesn't matter. */
export type EventChoice = {
  readonly types?: readonly EventType[];
  /** Of these letters, by whole ids. */
  readonly letterIds?: readonly string[];
  /** Of letters in these namespaces, and of causes; what was done to a cause by hand has none, and is always meant. */
  readonly namespaces?: readonly string[];
  /** Of letters that fit these conditions now, and of causes that one of their 1,000 newest letters fits. */
  readonly letters?: (letters: LetterTable) => readonly SQL[];
};

export type EventPage = {
  readonly events: readonly OfficeEvent[];
  /** How far it was read: the next page begins after it. */
  readonly position: number;
  /** Whether this was all there is by now. */
  readonly atEnd: boolean;
};

/**
 * The events after a position, in order. Indexes: `events_position`, and for the conditions on letters the primary keys and
 * `dead_letters_by_cause`.
 *
 * @param rows at most so many are looked at: with a choice, fewer come back, or none
 */
export async function readEvents(db: Db, after: number, rows: number, choice: EventChoice = {}): Promise<EventPage> {
  const { id: _, ...columns } = getTableColumns(events);
  return await translatingErrors(db, async () => {
    const looked = db
      .select({ position: events.position })
      .from(events)
      .where(gt(events.position, after))
      .orderBy(asc(events.position))
      .limit(rows)
      .as("looked");
    const [end] = await db.select({ last: max(looked.position), rows: sql<number>`count(*)::int` }).from(looked);
    const last = end?.last ?? null;
    if (last === null) return { events: [], position: after, atEnd: true };
    const { job, queue, errorType, errorMessage } = deadLetters;
    const found = await db
      .select({
        ...columns,
        letter: { job, queue, errorType, errorMessage },
        cause: { title: causes.title, errorType: causes.errorType },
      })
      .from(events)
      .leftJoin(deadLetters, eq(deadLetters.id, events.letterId))
      .leftJoin(causes, eq(causes.id, events.causeId))
      .where(and(gt(events.position, after), lte(events.position, last), ...conditions(db, choice)))
      .orderBy(asc(events.position));
    return { events: found as OfficeEvent[], position: last, atEnd: (end?.rows ?? 0) < rows };
  });
}

/** The position of the newest event that has one; 0 before the first. */
export async function lastPosition(db: Db): Promise<number> {
  return await translatingErrors(db, async () => {
    const [row] = await db.select({ last: office.lastPosition }).from(office);
    return row?.last ?? 0;
  });
}

function conditions(db: Db, { types, letterIds, namespaces, letters }: EventChoice): (SQL | undefined)[] {
  return [
    types && inArray(events.type, [...types]),
    letterIds && inArray(events.letterId, [...letterIds]),
    namespaces && or(isNull(events.namespace), inArray(events.namespace, [...namespaces])),
    letters && or(and(isNotNull(events.letterId), ...letters(deadLetters)), causeFits(db, letters)),
  ];
}

/** Whether the event is of a cause alone, and one of that cause's newest letters fits. */
function causeFits(db: Db, letters: (letters: LetterTable) => readonly SQL[]): SQL | undefined {
  const [own, newest] = [alias(deadLetters, "own"), alias(deadLetters, "newest")];
  const ids = db
    .select({ id: newest.id })
    .from(newest)
    .where(eq(newest.causeId, events.causeId))
    .orderBy(desc(newest.failedAt), desc(newest.id))
    .limit(1000);
  const fitting = db
    .select({ id: own.id })
    .from(own)
    .where(and(inArray(own.id, ids), ...letters(own as unknown as LetterTable)));
  return and(isNull(events.letterId), exists(fitting));
}
