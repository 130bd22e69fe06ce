import { type EventType, eventTypes } from "../model/event.ts";
import type { OneOrMore } from "../model/filter.ts";
import { listOf } from "../model/list-of.ts";
import { filterFrom, type FilterOrLine, inNamespace } from "../model/filter-line.ts";
import { usage } from "../model/office-error.ts";
import { unknownWord } from "../model/suggest.ts";
import type { Db, OpenDatabase } from "../schema/database.ts";
import { filterConditions } from "../schema/filter-conditions.ts";
import { getLetter } from "../schema/get-letter.ts";
import { type EventChoice, lastPosition, type OfficeEvent, readEvents } from "../schema/read-events.ts";
import { refuseUnreadable } from "../schema/refuse-unreadable.ts";
import { streamEvents, type Subscription } from "./event-stream.ts";

/** Which events are meant. */
export type EventFilter = {
  /** @default all */
  readonly types?: OneOrMore<EventType>;
  /** Of these letters: ids, which may be shortened, or workflow ids of jobs, which find their newest letter. */
  readonly letter?: OneOrMore<string>;
  /**
   * Of letters that fit it now, and of causes that one of their 1,000 newest letters fits. Of the client's own namespace, unless
   * it names another.
   */
  readonly filter?: FilterOrLine;
};

export type SubscribeOptions = EventFilter & {
  /** Begin after this position; 0 is the beginning. @default "now": what gets its position from now on */
  readonly after?: number | "now";
  /** Ends the subscription: its loop ends without an error. */
  readonly signal?: AbortSignal;
  /** Is called when Postgres is lost; the subscription waits for it, and goes on where it was. */
  readonly onInterrupted?: (error: Error) => void;
};

export type ListEventsOptions = EventFilter & {
  /** Begin after this position. @default 0: the beginning */
  readonly after?: number | "now";
  /** At most so many. @default 100 @maximum 1000 */
  readonly limit?: number;
};

export type EventList = {
  readonly events: readonly OfficeEvent[];
  /** `after` of the next page. */
  readonly next: number;
  /** Whether these were all that there are by now. With a filter a page may be short, or empty, and not the last: at most 10,000 events are looked at. */
  readonly atEnd: boolean;
};

/**
 * The one stream of all that happens to letters and causes, in the order of the positions that the office gives.
 *
 * @throws {OfficeError} `USAGE`, `LETTER_NOT_FOUND`, `LETTER_AMBIGUOUS`, `DATABASE_UNREACHABLE`, `DATABASE_UNSET`
 */
export type Events = {
  /**
   * Follows the stream live: none is missed, and none comes twice.
   *
   * `for await (const event of dlo.events.subscribe({ after }))`. Errors come from the first `next()`; once it has begun, a
   * database that is away is waited for.
   */
  subscribe(options?: SubscribeOptions): Subscription;
  /** A page of the stream, oldest first. */
  list(options?: ListEventsOptions): Promise<EventList>;
};

type Needs = {
  readonly namespace: string;
  readonly database: () => OpenDatabase;
  /** Ends all subscriptions. */
  readonly closing: AbortSignal;
};

/** How many events a page looks at, at a time and in all. */
const [fewestRows, walkedRows] = [500, 10_000];

export function eventsOf({ namespace, database, closing }: Needs): Events {
  return {
    subscribe({ after = "now", signal, onInterrupted, ...wanted } = {}) {
      checkPosition(after);
      const choice = readFilter(wanted, namespace);
      const refuse = refusal(wanted);
      const signals = signal === undefined ? [closing] : [closing, signal];
      return streamEvents({
        database,
        choice: async () => {
          // What comes later is likely to be as unreadable, and who waits for it would wait for ever.
          await refuse(database().db);
          return await choice(database().db);
        },
        after,
        signals,
        onInterrupted,
      });
    },
    async list({ after = 0, limit = 100, ...wanted } = {}) {
      checkPosition(after);
      if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
        throw usage(`limit must be a whole number from 1 to 1000, got ${limit}`);
      const { db } = database();
      const choice = await readFilter(wanted, namespace)(db);
      const events: OfficeEvent[] = [];
      let next = after === "now" ? await lastPosition(db) : after;
      const rows = Math.max(limit, fewestRows);
      for (let walked = 0; walked < walkedRows; walked += rows) {
        const page = await readEvents(db, next, rows, choice);
        for (const event of page.events) {
          // A page of the tables may have more than there is room for.
          if (events.length === limit) return { events, next, atEnd: false };
          events.push(event);
          next = event.position;
        }
        next = page.position;
        if (page.atEnd && events.length === 0) await refusal(wanted)(db);
        if (page.atEnd || events.length === limit) return { events, next, atEnd: page.atEnd };
      }
      return { events, next, atEnd: false };
    },
  };
}

/** Checks at once what can be checked without the database. */
function readFilter({ types, letter, filter = {} }: EventFilter, own: string): (db: Db) => Promise<EventChoice> {
  for (const type of listOf(types ?? []))
    if (!eventTypes.includes(type)) throw usage(unknownWord("event type", type, eventTypes));
  const { namespace, ...letters } = inNamespace(filterFrom(filter), own);
  const isAny = filterConditions(letters).length === 0;
  return async (db) => ({
    ...(types === undefined ? {} : { types: listOf(types) }),
    ...(namespace === undefined ? {} : { namespaces: listOf(namespace) }),
    ...(isAny ? {} : { letters: (table) => filterConditions(letters, new Date(), table, "oneByOne") }),
    ...(letter === undefined
      ? {}
      : {
          letterIds: await Promise.all(
            listOf(letter).map(async (name) => (await getLetter(db, name, { namespace: own })).id),
          ),
        }),
  });
}

/** Refuses a filter by payloads where none can be read. */
function refusal({ filter = {} }: EventFilter): (db: Db) => Promise<void> {
  const asked = filterFrom(filter);
  return async (db) => await refuseUnreadable(db, asked);
}

function checkPosition(after: number | "now"): void {
  if (after !== "now" && !(Number.isSafeInteger(after) && after >= 0))
    throw usage(`after must be the position of an event, 0 for the beginning, or "now", got ${JSON.stringify(after)}`);
}
