import type {
  Conditions,
  Filter,
  LetterOrder,
  NumberRange,
  OneOrMore,
  PathCondition,
  TimeRange,
} from "../../model/filter.ts";
import type { Seeded } from "./seeded-letters.ts";

/*
 * What a filter means, said once more and plainly: by looking at every letter. Shares nothing with what it judges.
 */

/** A letter, and its payload as Postgres writes it. */
export type Judged = Seeded & { readonly payloadText: string | null };

export function bruteForce(letters: readonly Judged[], filter: Filter, order: LetterOrder, now: Date): string[] {
  return letters
    .filter((letter) => fits(letter, filter, now))
    .filter((letter) => order !== "expiring" || (letter.closedAt === null && letter.expiresAt !== null))
    .toSorted(comparers[order])
    .map(({ id }) => id);
}

function fits(letter: Judged, { not = {}, ...asked }: Filter, now: Date): boolean {
  const holds = (conditions: Conditions, all: boolean) =>
    Object.entries(conditions).map(([key, value]) => fitsOne(letter, key as keyof Conditions, value, now, all));
  // What cannot be read is not known to lack anything.
  if (not.payload !== undefined && letter.payload === null) return false;
  return holds(asked, true).every(Boolean) && !holds(not, false).some(Boolean);
}

/** @param all whether of several texts and comparisons all must hold, or any */
function fitsOne(letter: Judged, key: keyof Conditions, value: unknown, now: Date, all: boolean): boolean {
  const any = (test: (one: string) => boolean) => list(value as OneOrMore<string>).some(test);
  const each = <T>(test: (one: T) => boolean) =>
    all ? list(value as OneOrMore<T>).every(test) : list(value as OneOrMore<T>).some(test);
  switch (key) {
    case "namespace":
    case "kind":
    case "category":
    case "reason":
    case "key":
    case "workflowId":
    case "batch":
    case "failedCode":
      return any((one) => letter[key] === one);
    case "build":
      return any((one) => letter.buildId === one);
    case "job":
    case "queue":
      return any((one) => matches(letter[key], one));
    case "error":
      return any((one) => matches(letter.errorType, one));
    case "anyError":
      return any((one) => letter.attemptErrors.some((type) => matches(type, one)));
    case "status":
      return any((one) => one === letter.status || one === (letter.closedAt === null ? "open" : "closed"));
    case "needsPerson":
      return ["data", "auth", "code", "lost", "unknown"].includes(letter.category) === value;
    case "cause":
      return any((one) => letter.causeId.replaceAll("-", "").startsWith(one.replaceAll("-", "").toLowerCase()));
    case "tag":
      return any((one) => letter.tags.includes(one));
    case "text":
      return each<string>((one) => has(letter.errorMessage, one) || payloadHas(letter, one));
    case "payload":
    case "headers":
    case "source":
      return each<PathCondition>((one) => leadsTo(letter[key], one));
    case "failed":
      return inTime(letter.failedAt, value as TimeRange, now, false);
    case "firstFailed":
      return inTime(letter.firstFailedAt, value as TimeRange, now, false);
    case "closed":
      return inTime(letter.closedAt, value as TimeRange, now, false);
    case "expires":
      return inTime(letter.expiresAt, value as TimeRange, now, true);
    case "deaths":
    case "attempts":
    case "retries":
      return inNumbers(letter[key], value as NumberRange);
    case "retried":
      return letter.retries > 0 === value;
  }
}

function list<T>(value: OneOrMore<T>): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** By splitting: what stands before, between and after the stars, in this order. */
function matches(text: string, pattern: string): boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return text === pattern;
  const [first = "", ...rest] = parts;
  const last = rest.pop() ?? "";
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

function has(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase());
}

function payloadHas({ payloadText }: Judged, part: string): boolean {
  if (payloadText === null) return false;
  return has(payloadText, part) || has(payloadText, JSON.stringify(part).slice(1, -1));
}

function leadsTo(value: unknown, { path, is, value: operand }: PathCondition): boolean {
  let at: unknown = value;
  // In these letters a payload of null is a column without value.
  if (at === null) return false;
  for (const step of path) {
    if (typeof step === "number") at = Array.isArray(at) ? (at as unknown[])[step] : undefined;
    else
      at =
        typeof at === "object" && at !== null && !Array.isArray(at) && Object.hasOwn(at, step)
          ? (at as Record<string, unknown>)[step]
          : undefined;
    if (at === undefined) return false;
  }
  switch (is) {
    case "exists":
      return true;
    case "=":
      return at === operand;
    case "!=":
      return at !== operand;
    case "~":
      return typeof at === "string" && has(at, String(operand));
    case "<":
    case "<=":
    case ">":
    case ">=":
      return (
        typeof at === typeof operand &&
        (typeof at === "number" || typeof at === "string") &&
        ordered(at, is, operand as never)
      );
  }
}

function ordered(one: string | number, is: "<" | "<=" | ">" | ">=", other: string | number): boolean {
  return is === "<" ? one < other : is === "<=" ? one <= other : is === ">" ? one > other : one >= other;
}

function inTime(at: Date | null, { from, to, within, beyond }: TimeRange, now: Date, ahead: boolean): boolean {
  if (at === null) return false;
  const away = ahead ? at.getTime() - now.getTime() : now.getTime() - at.getTime();
  return (
    (from === undefined || at >= new Date(from)) &&
    (to === undefined || at < new Date(to)) &&
    (within === undefined || away < hours(within)) &&
    (beyond === undefined || away > hours(beyond))
  );
}

/** Filters here say spans as "3h" or in milliseconds. */
function hours(span: string | number): number {
  return typeof span === "number" ? span : Number(span.slice(0, -1)) * 3_600_000;
}

function inNumbers(number: number, range: NumberRange): boolean {
  if (typeof range === "number") return number === range;
  return number >= (range.min ?? 0) && number <= (range.max ?? Infinity);
}

const comparers: Readonly<Record<LetterOrder, (one: Judged, other: Judged) => number>> = {
  newest: (one, other) => -byTime(one, other),
  oldest: byTime,
  expiring: (one, other) => time(one.expiresAt) - time(other.expiresAt) || byId(one, other),
  deaths: (one, other) => other.deaths - one.deaths || -byTime(one, other),
};

function byTime(one: Judged, other: Judged): number {
  return time(one.failedAt) - time(other.failedAt) || byId(one, other);
}

function byId(one: Judged, other: Judged): number {
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}

function time(at: Date | null): number {
  return at?.getTime() ?? 0;
}
