import { inArray, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Filter, LetterOrder } from "../model/filter.ts";
import { letterOrders } from "../model/filter.ts";
import { usage } from "../model/office-error.ts";
import { unknownWord } from "../model/suggest.ts";
import type { Db } from "./database.ts";
import { orderBy, type OrderKeys, readCursor, writeCursor } from "./letter-orders.ts";
import { planReading, type ReadingBounds, type ReadingPlan, type Walk, walked, walking } from "./reading-plan.ts";
import { refuseUnreadable } from "./refuse-unreadable.ts";
import type { LetterRow } from "./rows.ts";
import { letterColumns } from "./rows.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";
import { allHold, where } from "./where.ts";

export type ListOptions = {
  /** @default "newest" */
  readonly order?: LetterOrder;
  /** At most so many. @default 50 @maximum 1000 */
  readonly rows?: number;
  /** The `next` of the page before, which must be of the same order. Found by key, so letters that arrive meanwhile are neither skipped nor doubled; one that dies again moves. */
  readonly after?: string;
  /** What spans such as "less than 4 hours ago" are counted from. @default now */
  readonly now?: Date;
  readonly bounds?: ReadingBounds;
};

export type LetterList = {
  readonly letters: readonly LetterRow[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
  /** False where the page is short because only so many letters are looked at for one page: `next` goes on from there. */
  readonly complete: boolean;
  /** Where it is not complete: how many letters were looked at, and how far back that went. */
  readonly searched?: { readonly letters: number; readonly downTo: Date };
};

/**
 * A page of the letters that fit a filter.
 *
 * Reads a bounded number of letters. Open letters, those of one job, queue, cause or key, and what an index finds come at once;
 * for others up to 25,000 entries of an index or 10,000 rows are walked, and the page says where it stopped.
 *
 * @throws {OfficeError} `USAGE` for a filter, an order or a place that cannot be meant
 */
export async function listLetters(db: Db, filter: Filter = {}, options: ListOptions = {}): Promise<LetterList> {
  const { order = "newest", rows = 50, after, now = new Date(), bounds } = options;
  if (!letterOrders.includes(order)) throw usage(unknownWord("order", String(order), letterOrders));
  if (!Number.isInteger(rows) || rows < 1 || rows > 1000)
    throw usage(`A page takes a whole number of letters from 1 to 1000, got ${rows}`);
  const place = after === undefined ? {} : { after: readCursor(order, after) };
  return await translatingErrors(db, async () => {
    const plan = await planReading(db, { filter, now, order, ...place, ...(bounds && { bounds }) });
    const page = await readPage(db, plan, order, rows);
    if (page.letters.length === 0 && page.complete) await refuseUnreadable(db, filter);
    return page;
  });
}

async function readPage(db: Db, plan: ReadingPlan, order: LetterOrder, rows: number): Promise<LetterList> {
  switch (plan.kind) {
    case "nothing":
      return { letters: [], complete: true };
    case "direct":
      return pageOf(await select(db, allHold(plan.where), order, rows), order, rows);
    case "few":
      return pageOf(await select(db, among(plan, order, rows), order, rows), order, rows);
    case "walk":
      return await walking(db, async (tx) => {
        const page = pageOf(await select(tx, among(plan, order, rows), order, rows), order, rows);
        const end = page.next === undefined ? await endOfWalk(tx, plan.inner, plan.entries, order) : undefined;
        if (end === undefined) return page;
        const downTo = order === "expiring" ? (end.expiresAt ?? end.failedAt) : end.failedAt;
        return {
          letters: page.letters,
          next: writeCursor(order, end),
          complete: false,
          searched: { letters: plan.entries, downTo },
        };
      });
    case "glance": {
      const { walk, otherwise } = plan;
      const found = await walking(db, async (tx) => await select(tx, among(walk, order, rows), order, rows));
      return found.length > rows ? pageOf(found, order, rows) : await readPage(db, await otherwise(), order, rows);
    }
  }
}

async function select(db: Db, condition: SQL, order: LetterOrder, rows: number): Promise<LetterRow[]> {
  return await db
    .select(letterColumns)
    .from(deadLetters)
    .where(condition)
    .orderBy(orderBy(order, deadLetters))
    .limit(rows + 1);
}

/** One more than the page holds shows whether there is another. */
function pageOf(found: LetterRow[], order: LetterOrder, rows: number): LetterList {
  const letters = found.slice(0, rows);
  const last = letters.at(-1);
  return found.length > rows && last !== undefined
    ? { letters, next: writeCursor(order, last), complete: true }
    : { letters, complete: true };
}

function among(plan: Walk, order: LetterOrder, rows: number): SQL {
  const ids = sql`select ${walked.id} from (${plan.inner}) as walked ${where(plan.where)} order by ${orderBy(order, walked)} limit ${rows + 1}`;
  return allHold([inArray(deadLetters.id, sql`(${ids})`), ...plan.besides]);
}

/** The last letter that a walk looked at, if it went as far as it may. */
async function endOfWalk(db: Db, inner: SQL, entries: number, order: LetterOrder): Promise<OrderKeys | undefined> {
  const [end] = await db
    .select({
      id: sql<string>`${walked.id}`,
      failedAt: sql<Date>`${walked.failedAt}`.mapWith(walked.failedAt),
      deaths: order === "deaths" ? sql<number>`${walked.deaths}` : sql<number>`0`,
      expiresAt: order === "expiring" ? sql<Date>`${walked.expiresAt}`.mapWith(walked.expiresAt) : sql<null>`null`,
    })
    .from(sql`(${inner}) as walked`)
    .orderBy(orderBy(order, walked))
    .offset(entries - 1)
    .limit(1);
  return end;
}
