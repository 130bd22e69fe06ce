import { arrayOverlaps, eq, gte, inArray, isNull, lt, lte, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { cleanText } from "../model/clean.ts";
import { checkFilter } from "../model/check-filter.ts";
import type { Conditions, Filter, NumberRange, OneOrMore, PathCondition, TimeRange } from "../model/filter.ts";
import { numberBounds, timeBounds } from "../model/filter-fields.ts";
import { listOf } from "../model/list-of.ts";
import { isOpen, statuses } from "../model/status.ts";
import type { FacetKey } from "./facet-filter.ts";
import { anyOf, cleaned, facetColumns, facetCondition, named, oneOf, statusesOf } from "./facet-filter.ts";
import { likePattern } from "./like-pattern.ts";
import { pathCondition } from "./path-condition.ts";
import { attempts, deadLetters, deaths } from "./tables.ts";

/**
 * A filter as conditions on `dead_letters`, of which all must hold. Only what was asked for: one statement for all filters
 * ("$1 is null or …") has a plan that reads the whole table.
 *
 * @param now what spans such as "less than 4 hours ago" are counted from
 * @param letters the table, or an alias of it
 * @param looking `oneByOne` where they are asked of a bounded number of letters: none then reads more than a letter's own rows
 * @throws {OfficeError} `USAGE` for a filter that cannot be meant
 */
export function filterConditions(
  filter: Filter,
  now = new Date(),
  letters: LetterTable = deadLetters,
  looking: Looking = "byIndex",
): SQL[] {
  return conditionsByKey(filter, now, letters, looking).map(({ condition }) => condition);
}

/** Whether an index may lead to the letters that fit, or they are there and each is looked at. */
export type Looking = "byIndex" | "oneByOne";

/** The table of letters, or an alias of it. */
export type LetterTable = typeof deadLetters;

export type KeyCondition = { readonly key: keyof Conditions; readonly negated: boolean; readonly condition: SQL };

/** As `filterConditions`, with what each of them is for. */
export function conditionsByKey(
  filter: Filter,
  now: Date,
  letters: LetterTable,
  looking: Looking = "byIndex",
): KeyCondition[] {
  const { not = {}, ...asked } = checkFilter(filter);
  const found: KeyCondition[] = [];
  for (const [key, value] of entriesOf(asked))
    for (const condition of conditionsOf(key, value, now, letters, looking))
      found.push({ key, negated: false, condition });
  for (const [key, value] of entriesOf(not)) {
    // Said the other way round, so that "not closed" is known to be open.
    if (key === "status") {
      const left = statuses.filter((status) => !statusesOf(value as never).includes(status));
      found.push({ key, negated: false, condition: statusIn(left, letters) });
      continue;
    }
    // What is null isn't so, and thus passes; but of a payload that cannot be read nobody knows what it doesn't have.
    const known = key === "payload" ? sql`${letters.payload} is not null and ` : sql``;
    for (const condition of conditionsOf(key, value, now, letters, "oneByOne"))
      found.push({ key, negated: true, condition: sql`${known}(${condition}) is not true` });
  }
  return found;
}

/** Whether a filter lets open letters through alone. */
export function isOpenOnly({ status, not }: Filter): boolean {
  const asked = status === undefined ? statuses : statusesOf(status);
  const without = not?.status === undefined ? [] : statusesOf(not.status);
  return asked.filter((one) => !without.includes(one)).every(isOpen);
}

function entriesOf(conditions: Conditions): [keyof Conditions, NonNullable<Conditions[keyof Conditions]>][] {
  return Object.entries(conditions) as never;
}

/** All of these must hold. For each value on its own where all of several are asked for. */
function conditionsOf(key: keyof Conditions, value: unknown, now: Date, letters: LetterTable, looking: Looking): SQL[] {
  switch (key) {
    case "status":
      return [statusIn(statusesOf(value as never), letters)];
    case "anyError":
      return [anyErrorIs(listOf(value as OneOrMore<string>), letters, looking)];
    case "build":
      return [oneOf(letters.buildId, texts(value))];
    case "key":
      return [oneOf(letters.key, cleaned("key", listOf(value as OneOrMore<string>)))];
    case "workflowId":
      return [
        inArray(
          letters.id,
          sql`(select ${deaths.letterId} from ${deaths} where ${oneOf(deaths.workflowId, texts(value))})`,
        ),
      ];
    case "batch":
      return [oneOf(letters.batch, texts(value))];
    case "tag":
      return [arrayOverlaps(letters.tags, texts(value))];
    case "failedCode":
      return [oneOf(letters.failedCode, texts(value))];
    case "text":
      return listOf(value as OneOrMore<string>).map((text) => hasText(text, letters));
    case "payload":
    case "headers":
    case "source":
      return listOf(value as OneOrMore<PathCondition>).map((one) => pathCondition(letters[key], one));
    case "failed":
      return [within(key, value as TimeRange, now, letters.failedAt)];
    case "firstFailed":
      return [within(key, value as TimeRange, now, letters.firstFailedAt)];
    case "closed":
      return [within(key, value as TimeRange, now, letters.closedAt)];
    case "expires":
      return [within(key, value as TimeRange, now, letters.expiresAt)];
    case "deaths":
    case "attempts":
    case "retries":
      return [between(value as NumberRange, letters[key])];
    default:
      return [
        facetCondition(key satisfies FacetKey, value as never, facetColumns(letters, sql`${letters.retries} > 0`)),
      ];
  }
}

/**
 * Open ones are only proved to be in the indexes of open letters by saying so. "Parked" is said as "not retrying": the planner
 * does not know that parked letters are open, and would expect a handful of those that are both.
 */
function statusIn(asked: readonly (typeof statuses)[number][], letters: LetterTable): SQL {
  if (asked.length === 0) return sql`false`;
  if (asked.length === statuses.length) return sql`true`;
  const open = statuses.filter(isOpen);
  if (!asked.every(isOpen)) return oneOf(letters.status, asked);
  if (asked.length === open.length) return isNull(letters.closedAt);
  const other = open.filter((status) => !asked.includes(status));
  return sql`(${isNull(letters.closedAt)} and ${letters.status} <> all(${sql.raw(`'{${other.join(",")}}'`)}::text[]))`;
}

/**
 * A list of letters can be read by type, and joined; where it cannot, as below a "not" or an "or", Postgres would read all
 * attempts of the type into memory first. The offset keeps it from that: it looks at the attempts of each letter.
 */
function anyErrorIs(types: readonly string[], letters: LetterTable, looking: Looking): SQL {
  const isOfType = named(attempts.errorType, "errorType", types);
  return looking === "byIndex"
    ? inArray(letters.id, sql`(select ${attempts.letterId} from ${attempts} where ${isOfType})`)
    : sql`exists (select from ${attempts} where ${attempts.letterId} = ${letters.id} and ${isOfType} offset 0)`;
}

/** In the payload's JSON, quotes and line breaks stand with a backslash; who pastes JSON finds it, too. */
function hasText(text: string, letters: LetterTable): SQL {
  const escaped = JSON.stringify(cleanText(text)).slice(1, -1);
  const payload = sql`${letters.payload}::text`;
  return anyOf([
    sql`${letters.errorMessage} ilike ${likePattern(text)}`,
    sql`${payload} ilike ${likePattern(text)}`,
    ...(escaped === text ? [] : [sql`${payload} ilike ${likePattern(escaped)}`]),
  ]);
}

function within(key: keyof Conditions, range: TimeRange, now: Date, column: AnyPgColumn<{ data: Date }>): SQL {
  const { from, to } = timeBounds(key, range, now);
  return allOf([...(from === undefined ? [] : [gte(column, from)]), ...(to === undefined ? [] : [lt(column, to)])]);
}

function between(range: NumberRange, column: AnyPgColumn<{ data: number }>): SQL {
  const { min, max } = numberBounds(range);
  if (min !== undefined && min === max) return eq(column, min);
  return allOf([...(min === undefined ? [] : [gte(column, min)]), ...(max === undefined ? [] : [lte(column, max)])]);
}

function allOf(conditions: readonly SQL[]): SQL {
  return conditions.length === 1 ? (conditions[0] as SQL) : sql`(${sql.join([...conditions], sql` and `)})`;
}

function texts(value: unknown): string[] {
  return listOf(value as OneOrMore<string>).map(cleanText);
}
