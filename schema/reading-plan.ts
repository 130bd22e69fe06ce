import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { Conditions, Filter, LetterOrder } from "../model/filter.ts";
import { listOf } from "../model/list-of.ts";
import type { Db } from "./database.ts";
import { countedFacets } from "./counted-facets.ts";
import { cleaned, type FacetKey, facetKeys } from "./facet-filter.ts";
import { conditionsByKey, isOpenOnly, type KeyCondition, type LetterTable } from "./filter-conditions.ts";
import { type SwitchesOn, switchesOn } from "./index-switches.ts";
import { isAfter, orderBy, type OrderKeys } from "./letter-orders.ts";
import { isWholeId } from "./resolve-prefix.ts";
import { readableColumns } from "./rows.ts";
import { deadLetters, letterCounts, letterDeltas } from "./tables.ts";
import { where } from "./where.ts";
import { uuids } from "./sql-lists.ts";

/**
 * How letters are looked for, so that no question reads more than a bounded number of them.
 *
 * - `nothing`: the counts say that none fits
 * - `direct`: an index answers, or the open letters are few enough
 * - `few`: something that is asked for is so rare that all letters that have it can be read
 * - `walk`: letters are looked at in their order, `entries` of them at most
 * - `glance`: what is common fills a page from a short walk, which takes less than asking the counts; where it does not, go on otherwise
 */
export type ReadingPlan =
  | { readonly kind: "nothing" }
  | { readonly kind: "direct"; readonly where: readonly SQL[]; readonly entries: number }
  | Walk
  | { readonly kind: "glance"; readonly walk: Walk; readonly otherwise: () => Promise<ReadingPlan> };

export type Walk = {
  readonly kind: "few" | "walk";
  /** Letters to look at. */
  readonly inner: SQL;
  /** What of them fits, as conditions on `walked`. */
  readonly where: readonly SQL[];
  /** What is not asked of `walked`, as it holds for all letters that the counts know of. */
  readonly besides: readonly SQL[];
  readonly entries: number;
};

export type Question = {
  readonly filter: Filter;
  readonly now: Date;
  readonly order: LetterOrder;
  /** Letters after this place alone. */
  readonly after?: OrderKeys;
  /** @default `usualBounds` */
  readonly bounds?: ReadingBounds;
};

/** How much is read at most. */
export type ReadingBounds = {
  /** Entries of an index that has all columns. */
  readonly entries: number;
  /** Rows, each of which may be a page of its own. */
  readonly rows: number;
};

/** At a million letters, 10 to 50 ms with what comes before and after. */
const usualBounds: ReadingBounds = { entries: 25_000, rows: 10_000 };

/** 5 ms. */
function glanceEntries({ entries }: ReadingBounds): number {
  return Math.ceil(entries / 5);
}

/** Open letters are few, and what somebody works on is to be found in one go. */
function openEntries({ entries }: ReadingBounds): number {
  return entries * 8;
}

/** The letters that a plan's `inner` brings, under the name that its `where` knows them by. */
export const walked = alias(deadLetters, "walked") as unknown as LetterTable;

export async function planReading(db: Db, question: Question): Promise<ReadingPlan> {
  const { filter, now, order, after, bounds = usualBounds } = question;
  const conditions = conditionsByKey(filter, now, deadLetters);
  const open = order === "expiring" || isOpenOnly(filter);
  const indexed = indexedKeys(filter, order, open);
  const isFree = ({ key, negated }: KeyCondition) => !negated && indexed.includes(key);
  const rest = conditions.filter((condition) => !isFree(condition));
  // Said once: said twice, the planner would expect the square of a few.
  const isOpenSaid = (said: readonly KeyCondition[]) => isOpenOnly(filter) && said.some(({ key }) => key === "status");
  const openToo = (said: readonly KeyCondition[]) =>
    open && !isOpenSaid(said) ? [sql`${deadLetters.closedAt} is null`] : [];
  const always = [
    ...(order === "expiring" ? [sql`${deadLetters.expiresAt} is not null`] : []),
    ...(after === undefined ? [] : [isAfter(order, after, deadLetters)]),
  ];
  const direct: ReadingPlan = {
    kind: "direct",
    where: [...conditions.map(({ condition }) => condition), ...openToo(conditions), ...always],
    entries: open || rest.length === 0 ? bounds.entries : bounds.rows,
  };
  if (rest.length === 0) return direct;

  // Where the counts know one namespace alone, naming it leaves nothing out.
  const alone = await isOnlyNamespace(db, filter);
  const left = rest.filter(({ key, negated }) => negated || key !== "namespace" || !alone);
  if (left.length === 0) return direct;
  const switches = left.some(({ key }) => key === "text" || key === "payload") ? await switchesOn(db) : noSwitches;
  const covered = walksCovered(order, left, indexed);
  const columns = covered
    ? sql`${coveredColumns}${open ? sql`, null::timestamptz as closed_at` : sql``}`
    : readableColumns;
  const ofLeft = onWalked(filter, now, (i) => left.includes(conditions[i] as KeyCondition));
  const besides = rest.filter((condition) => !left.includes(condition)).map(({ condition }) => condition);
  // All open letters in the index that has the columns, and the order made of them: by deaths, closed ones would lie between.
  if (open && order === "deaths" && left.every(({ key }) => coveredKeys.includes(key)))
    return {
      kind: "few",
      entries: openEntries(bounds),
      inner: sql`select ${coveredColumns}, null::timestamptz as closed_at from ${deadLetters} ${where([...openToo([]), ...always])} offset 0`,
      where: ofLeft,
      besides,
    };
  if (!(open && covered) && isAnswered(filter, left, open)) return direct;

  const free = conditions.filter(isFree);
  const along = [...free.map(({ condition }) => condition), ...openToo(free), ...always];
  const walk = (entries: number): Walk => ({
    kind: "walk",
    entries,
    inner: sql`select ${columns} from ${deadLetters} ${where(along)} order by ${orderBy(order, deadLetters)} limit ${entries}`,
    where: ofLeft,
    besides,
  });
  if (open && covered) return walk(openEntries(bounds));

  const byCounts = async (): Promise<ReadingPlan> => {
    const causes = await causesWith(db, filter, alone, bounds);
    if (causes?.length === 0) return { kind: "nothing" };
    const few = causes === undefined ? await rare(db, filter, conditions, switches, bounds) : inCauses(causes);
    if (few === undefined) return walk(covered ? bounds.entries : bounds.rows);
    return {
      kind: "few",
      entries: bounds.rows,
      // The offset keeps the planner from walking by time in the hope to meet these soon.
      inner: sql`select ${readableColumns} from ${deadLetters} ${where([few, ...openToo([]), ...always])} offset 0`,
      where: onWalked(filter, now, () => true),
      besides: [],
    };
  };
  return covered ? { kind: "glance", walk: walk(glanceEntries(bounds)), otherwise: byCounts } : await byCounts();
}

/**
 * Reads along an index, from one state of the table: letters that come between two statements would move where a walk ends.
 * The planner is kept from gathering all letters and sorting them, which it prefers where it expects few.
 */
export async function walking<Result>(db: Db, work: (tx: Db) => Promise<Result>): Promise<Result> {
  return await db.transaction(
    async (tx) => {
      await tx.execute(
        sql`select set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true)`,
      );
      return await work(tx);
    },
    { isolationLevel: "repeatable read", accessMode: "read only" },
  );
}

/** The same conditions on what is looked at; they come in the same order. */
function onWalked(filter: Filter, now: Date, keep: (i: number) => boolean): SQL[] {
  return conditionsByKey(filter, now, walked, "oneByOne")
    .filter((_, i) => keep(i))
    .map(({ condition }) => condition);
}

/** Conditions that the index of the order answers by itself, without reading what doesn't fit. */
function indexedKeys(filter: Filter, order: LetterOrder, open: boolean): readonly (keyof Conditions)[] {
  const status =
    open && filter.status !== undefined && listOf(filter.status).includes("open") ? ["status" as const] : [];
  if (order !== "newest" && order !== "oldest") return status;
  if (isOneName(filter, "key")) return ["key", "failed"];
  if (open) return [...status, "failed"];
  const named = (["cause", "job", "queue"] as const).find((key) => isOneName(filter, key));
  return named === undefined ? ["failed"] : [named, "failed"];
}

function isOneName(filter: Filter, key: "key" | "cause" | "job" | "queue"): boolean {
  const given = filter[key];
  if (given === undefined) return false;
  const [name, second] = listOf(given);
  if (name === undefined || second !== undefined) return false;
  if (key === "cause") return isWholeId(name);
  return key === "key" || !name.includes("*");
}

/** What the two indexes by time carry beside it. */
const coveredKeys: readonly (keyof Conditions)[] = [
  ...(["job", "queue", "status", "category", "reason", "needsPerson"] as const),
  ...(["cause", "error", "deaths", "retries", "retried", "failed"] as const),
];

const coveredColumns = sql.raw(
  "id, failed_at, job, queue, status, category, reason, cause_id, error_type, deaths, retries",
);

/** Whether a walk by time reads an index alone. */
function walksCovered(
  order: LetterOrder,
  left: readonly KeyCondition[],
  indexed: readonly (keyof Conditions)[],
): boolean {
  return (
    (order === "newest" || order === "oldest") &&
    indexed.every((key) => key === "failed" || key === "status") &&
    left.every(({ key }) => coveredKeys.includes(key))
  );
}

/** Whether the planner finds what is left by an index, or among the open letters. */
function isAnswered(filter: Filter, left: readonly KeyCondition[], open: boolean): boolean {
  if (left.some(({ key, negated }) => key === "workflowId" && !negated)) return true;
  const inText = (one: KeyCondition) => one.key === "text" && !one.negated && textsIn(filter).every(hasTrigram);
  const amongOpen = (one: KeyCondition) =>
    coveredKeys.includes(one.key) ||
    facetKeys.includes(one.key as FacetKey) ||
    (one.key === "anyError" && !one.negated) ||
    inText(one);
  if (open && left.every(amongOpen)) return true;
  const [only] = left;
  if (only === undefined || only.negated || left.some(({ key }) => key !== only.key)) return false;
  switch (only.key) {
    case "anyError":
    case "tag":
    case "failedCode":
      return true;
    default:
      return false;
  }
}

/**
 * The first of the conditions that an index answers and few letters fit. What the planner takes for common is walked: half of all
 * letters have a total of 100. What it takes for rare is counted, up to a bound, as of payloads above a kilobyte it keeps no
 * statistics and takes everything for one in a hundred; left to itself, it would read the whole table in the hope to meet these soon.
 */
async function rare(
  db: Db,
  filter: Filter,
  conditions: readonly KeyCondition[],
  switches: SwitchesOn,
  { rows }: ReadingBounds,
): Promise<SQL | undefined> {
  const answered = conditions.filter((one) => hasIndex(one, filter, switches));
  if (answered.length === 0) return undefined;
  const all = await expectedRows(db, sql`true`);
  for (const { condition } of answered) {
    // One in twenty fills a page after a thousand letters.
    if ((await expectedRows(db, condition)) > Math.min(rows, all / 20)) continue;
    const found = await db.execute<{ letters: string }>(
      sql`select count(*) as letters from (select from ${deadLetters} where ${condition} limit ${rows + 1}) as found`,
    );
    if (Number(found[0]?.letters) <= rows) return condition;
  }
  return undefined;
}

/** How many letters the planner expects. */
async function expectedRows(db: Db, condition: SQL): Promise<number> {
  const [row] = await db.execute<{ "QUERY PLAN": string | readonly [Explained] }>(
    sql`explain (format json) select from ${deadLetters} where ${condition}`,
  );
  // The driver may have parsed it, or not.
  const plan = row?.["QUERY PLAN"];
  const [explained] = typeof plan === "string" ? (JSON.parse(plan) as [Explained]) : (plan ?? []);
  return explained?.Plan["Plan Rows"] ?? Number.POSITIVE_INFINITY;
}

type Explained = { readonly Plan: { readonly "Plan Rows": number } };

function hasIndex({ key, negated }: KeyCondition, filter: Filter, switches: SwitchesOn): boolean {
  if (negated) return false;
  switch (key) {
    case "tag":
    case "anyError":
    case "failedCode":
      return true;
    case "text":
      return switches.text && textsIn(filter).every(hasTrigram);
    case "payload":
      // With several conditions it is not known here which one this is.
      return listOf(filter.payload ?? []).every(({ path, is, value }) =>
        is === "="
          ? switches.payload
          : /^[<>]/.test(is) && typeof value === "number" && switches.paths.some((one) => isSame(one, path)),
      );
    default:
      return false;
  }
}

function isSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((step, i) => step === other[i]);
}

const noSwitches: SwitchesOn = { text: false, payload: false, paths: [] };

function textsIn({ text }: Filter): readonly string[] {
  return text === undefined ? [] : listOf(text);
}

/** Letters or digits by three are what the index knows. */
function hasTrigram(text: string): boolean {
  return /[\p{L}\p{N}]{3}/u.test(text);
}

/** Whether the filter names the one namespace that there are letters of. */
async function isOnlyNamespace(db: Db, { namespace }: Filter): Promise<boolean> {
  const [name, second] = namespace === undefined ? [] : cleaned("namespace", listOf(namespace));
  if (name === undefined || second !== undefined) return false;
  const [row] = await db.execute<{ others: boolean }>(sql`
    select exists (select from ${letterCounts} where namespace < ${name})
      or exists (select from ${letterCounts} where namespace > ${name})
      or exists (select from ${letterDeltas} where namespace <> ${name}) as others`);
  return row?.others === false;
}

/** The causes with letters that have all the facets, if there are few enough letters of these causes; undefined where there are more, and where no facet is asked for. */
async function causesWith(
  db: Db,
  filter: Filter,
  alone: boolean,
  { rows }: ReadingBounds,
): Promise<readonly string[] | undefined> {
  const { namespace, ...others } = facetsOf(filter);
  const facets = alone || namespace === undefined ? others : { ...others, namespace };
  const [all, counted] = [countedFacets(facets, []), countedFacets(facets, ["cause_id"])];
  if (Object.keys(facets).length === 0 || all === undefined || counted === undefined) return undefined;
  // What is common is known to be so from the smallest of the counts.
  if ((await sumOf(db, all)) > rows) return undefined;
  const fitting = await db.execute<{ cause: string; letters: number }>(
    sql`select cause_id as cause, sum(n)::float8 as letters from ${counted} group by cause_id having sum(n) > 0`,
  );
  const ids = fitting.map(({ cause }) => cause);
  if (ids.length === 0) return ids;
  const ofCauses = sql`${countedFacets({}, ["cause_id"])} where cause_id = any(${uuids(ids)})`;
  return (await sumOf(db, ofCauses)) <= rows ? ids : undefined;
}

async function sumOf(db: Db, counted: SQL): Promise<number> {
  const [row] = await db.execute<{ letters: number | null }>(sql`select sum(n)::float8 as letters from ${counted}`);
  return row?.letters ?? 0;
}

function facetsOf({ not = {}, ...asked }: Filter): Filter {
  const pick = (conditions: Conditions) =>
    Object.fromEntries(Object.entries(conditions).filter(([key]) => facetKeys.includes(key as FacetKey)));
  const left = pick(not);
  return { ...pick(asked), ...(Object.keys(left).length === 0 ? {} : { not: left }) };
}

function inCauses(ids: readonly string[]): SQL {
  return sql`${deadLetters.causeId} = any(${uuids(ids)})`;
}
