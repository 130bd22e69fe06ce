import { categories } from "./category.ts";
import { parseDuration } from "./duration.ts";
import type { Conditions, NumberRange, PathCondition, TimeRange } from "./filter.ts";
import { ownCodes } from "./own-code.ts";
import { readMoment } from "./read-moment.ts";
import { reasons } from "./reason.ts";
import { statuses } from "./status.ts";
import { unknownWord } from "./suggest.ts";

/**
 * What a condition takes.
 *
 * - `word`: one of a list · `name`: a text, where `*` stands for any characters · `exact`: a text as it is
 * - `cause`: an id, whole or its beginning · `text`: something to look for · `path`: a comparison with what a path leads to
 * - `time`, `number`: a range · `flag`: yes or no
 */
export type FieldKind = "word" | "name" | "exact" | "cause" | "text" | "path" | "time" | "number" | "flag";

export type Field = {
  /** The key in TypeScript. */
  readonly key: keyof Conditions;
  /** The word in a line and in a URL; as a flag it has two dashes before it. */
  readonly word: string;
  readonly kind: FieldKind;
  /** Of `word`: those there are. */
  readonly words?: readonly string[];
  /** Other spellings of the word. */
  readonly also?: readonly string[];
  /** For the help of the flag. */
  readonly about: string;
};

/** All conditions, in the order in which a filter is written out. */
export const fields: readonly Field[] = [
  { key: "namespace", word: "namespace", kind: "exact", about: "of this Temporal namespace" },
  {
    key: "kind",
    word: "kind",
    kind: "word",
    words: ["job", "workflow", "activity", "record", "step"],
    about: "what died",
  },
  { key: "job", word: "job", kind: "name", about: "of this job" },
  { key: "queue", word: "queue", kind: "name", about: "in this dead letter queue" },
  { key: "status", word: "status", kind: "word", words: ["open", "closed", ...statuses], about: "in this state" },
  { key: "category", word: "category", kind: "word", words: categories, about: "whose error is of this category" },
  { key: "reason", word: "reason", kind: "word", words: reasons, about: "that died for this reason" },
  { key: "needsPerson", word: "needs-person", kind: "flag", about: "whether a person must look at it" },
  { key: "error", word: "error", kind: "name", about: "whose last error is of this type" },
  { key: "anyError", word: "any-error", kind: "name", about: "with an attempt whose error is of this type" },
  { key: "cause", word: "cause", kind: "cause", about: "of this cause: its id, or the beginning of it" },
  { key: "build", word: "build", kind: "exact", about: "that died last on this build of the worker" },
  { key: "key", word: "key", kind: "exact", about: "about this order, customer or whatever the job's key is" },
  { key: "workflowId", word: "workflow-id", kind: "exact", about: "of the job with this workflow id" },
  { key: "batch", word: "batch", kind: "exact", about: "of this group of runs" },
  { key: "tag", word: "tag", kind: "exact", about: "with this tag" },
  { key: "failed", word: "failed", kind: "time", about: "whose last death was then: <4h, >2d, 2026-11-01" },
  { key: "firstFailed", word: "first-failed", kind: "time", also: ["age"], about: "whose first death was then" },
  { key: "closed", word: "closed", kind: "time", about: "that were closed then" },
  { key: "expires", word: "expires", kind: "time", about: "that expire then: <2d is within two days" },
  { key: "deaths", word: "deaths", kind: "number", about: "that died so often: 3, >=3, 2..5" },
  { key: "attempts", word: "attempts", kind: "number", about: "with so many attempts in all" },
  { key: "retries", word: "retries", kind: "number", about: "that were retried so often" },
  { key: "retried", word: "retried", kind: "flag", about: "whether a retry was ever started" },
  {
    key: "failedCode",
    word: "failed-code",
    kind: "word",
    words: ownCodes,
    about: "whose job's own code failed, and was not run again since",
  },
  { key: "payload", word: "payload", kind: "path", about: "whose payload has this: order.total>=100" },
  { key: "headers", word: "headers", kind: "path", about: "whose headers have this: tenant=acme" },
  { key: "source", word: "source", kind: "path", about: "that came from there: topic=orders" },
  { key: "text", word: "text", kind: "text", about: "with this in the error's message or the payload" },
];

/** All values, for the conditions of which all must hold; elsewhere any of several will do. */
export function needsAll(kind: FieldKind): boolean {
  return kind === "text" || kind === "path";
}

/** How many values a condition takes: each is a parameter of the statement, or looked for in every letter that is read. */
export function mostValues(kind: FieldKind): number {
  return needsAll(kind) ? 20 : 1000;
}

export const comparisons = ["=", "!=", "<", "<=", ">", ">=", "~", "exists"] as const;

/** What is wrong with one value of a condition, for a sentence that names it; undefined where nothing is. */
export function problemWith(field: Field, value: unknown): string | undefined {
  switch (field.kind) {
    case "word":
      if (typeof value !== "string") return `takes a text, got ${typeOf(value)}`;
      return field.words?.includes(value) === true
        ? undefined
        : `takes no ${unknownWord("", value, field.words ?? []).slice("Unknown  ".length)}`;
    case "name":
      return problemWithText(value) ?? problemWithPattern(value as string);
    case "exact":
      return problemWithText(value);
    case "cause":
      return problemWithCause(value);
    case "text":
      return problemWithSearch(value);
    case "flag":
      return typeof value === "boolean" ? undefined : `takes yes or no, got ${typeOf(value)}`;
    case "path":
      return problemWithPath(field.key, value);
    case "time":
      return problemWithTime(field.key, value);
    case "number":
      return problemWithNumber(value);
  }
}

/** The bounds of a span of time as times; what was counted from now is counted from the `now` given. */
export function timeBounds(key: keyof Conditions, range: TimeRange, now: Date): { from?: Date; to?: Date } {
  const ahead = key === "expires";
  const froms: number[] = [];
  const tos: number[] = [];
  if (range.from !== undefined) froms.push(momentOf(range.from).getTime());
  if (range.to !== undefined) tos.push(momentOf(range.to).getTime());
  if (range.within !== undefined) {
    const ms = parseDuration(range.within, "within");
    // "Less than" leaves the very millisecond out.
    if (ahead) tos.push(now.getTime() + ms);
    else froms.push(now.getTime() - ms + 1);
  }
  if (range.beyond !== undefined) {
    const ms = parseDuration(range.beyond, "beyond");
    if (ahead) froms.push(now.getTime() + ms + 1);
    else tos.push(now.getTime() - ms);
  }
  return {
    ...(froms.length === 0 ? {} : { from: new Date(Math.max(...froms)) }),
    ...(tos.length === 0 ? {} : { to: new Date(Math.min(...tos)) }),
  };
}

/** The bounds of a range of whole numbers, both inclusive. */
export function numberBounds(range: NumberRange): { min?: number; max?: number } {
  return typeof range === "number" ? { min: range, max: range } : range;
}

/** The shortest text that the index can look for. */
const shortestText = 3;
const longestValue = 2000;
const longestPath = 20;

function problemWithText(value: unknown): string | undefined {
  if (typeof value !== "string") return `takes a text, got ${typeOf(value)}`;
  return value === "" ? "is empty" : undefined;
}

/** Each star lets the comparison begin anew. */
function problemWithPattern(value: string): string | undefined {
  if (value.split("*").length > 11) return "has more than 10 stars";
  return value.includes("*") ? problemWithLength(value) : undefined;
}

function problemWithLength(value: string): string | undefined {
  return value.length > longestValue ? `is too long: at most ${longestValue} characters` : undefined;
}

function problemWithSearch(value: unknown): string | undefined {
  const problem = problemWithText(value) ?? problemWithLength(value as string);
  if (problem !== undefined) return problem;
  return Array.from((value as string).trim()).length < shortestText
    ? `needs at least ${shortestText} characters to look for, got ${JSON.stringify(value)}`
    : undefined;
}

function problemWithCause(value: unknown): string | undefined {
  if (typeof value === "string" && /^[0-9a-f]{4,32}$/i.test(value.replaceAll("-", ""))) return undefined;
  return `takes a cause's id or its first 4 or more digits (0 to 9, a to f), got ${shown(value)}`;
}

function problemWithPath(key: string, value: unknown): string | undefined {
  if (!isObject(value)) return `takes a path and a comparison, got ${typeOf(value)}`;
  const unknown = Object.keys(value).find((name) => !["path", "is", "value"].includes(name));
  if (unknown !== undefined) return lowerFirst(unknownWord("key", unknown, ["path", "is", "value"]));
  const { path, is, value: operand } = value as Partial<PathCondition>;
  if (!Array.isArray(path) || path.length === 0) return "needs a path: a list of keys, from the outside in";
  if (path.length > longestPath) return `has a path of more than ${longestPath} keys`;
  for (const step of path as unknown[]) {
    if (typeof step === "string" ? step === "" || step.length > longestValue : !isIndex(step))
      return `has ${shown(step)} in its path: a key is a text that is not empty, and a place in a list a whole number from 0`;
  }
  if (key === "headers" && (path.length > 1 || typeof path[0] !== "string"))
    return "takes the name of one header; names with a dot in them are quoted";
  if (!comparisons.includes(is as never)) return lowerFirst(unknownWord("comparison", String(is), comparisons));
  if (is === "exists") return operand === undefined ? undefined : "takes no value with exists";
  return problemWithOperand(key, is as PathCondition["is"], operand);
}

function problemWithOperand(key: string, is: PathCondition["is"], operand: unknown): string | undefined {
  if (operand === undefined) return `needs a value after ${is}`;
  if (key === "headers" && typeof operand !== "string") return `compares texts, as headers are, got ${typeOf(operand)}`;
  if (typeof operand === "string" && operand.length > longestValue)
    return `has a value that is too long: at most ${longestValue} characters`;
  if (is === "~") {
    if (typeof operand !== "string") return `looks for a text with ~, got ${typeOf(operand)}`;
    return operand === "" ? "has an empty text after ~" : undefined;
  }
  if (typeof operand === "number" && !Number.isFinite(operand)) return `cannot be compared with ${operand}`;
  const ordered = is !== "=" && is !== "!=";
  if (typeof operand === "number" || typeof operand === "string") return undefined;
  if (!ordered && (typeof operand === "boolean" || operand === null)) return undefined;
  return `takes a text or a number${ordered ? "" : ", true, false or null"} after ${is}, got ${typeOf(operand)}`;
}

function problemWithTime(key: keyof Conditions, value: unknown): string | undefined {
  if (!isObject(value)) return `takes a span of time, got ${typeOf(value)}`;
  const known = ["from", "to", "within", "beyond"];
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) return lowerFirst(unknownWord("key", unknown, known));
  const entries = Object.entries(value);
  if (entries.length === 0) return `has no bound: give it ${known.join(", ")}`;
  for (const [name, bound] of entries) {
    const problem = name === "from" || name === "to" ? problemWithMoment(bound) : problemWithSpan(bound, name);
    if (problem !== undefined) return problem;
  }
  const { from, to } = timeBounds(key, value, new Date());
  return from !== undefined && to !== undefined && from >= to ? "contradicts itself: no time fits" : undefined;
}

function problemWithMoment(bound: unknown): string | undefined {
  if (bound instanceof Date) {
    const year = bound.getUTCFullYear();
    return year >= 100 && year <= 9998 ? undefined : "has a date that is none, or beyond the years 100 to 9998";
  }
  if (typeof bound === "string" && readMoment(bound) !== undefined) return undefined;
  return `takes a day (2026-11-01) or a time (2026-11-01T10:00Z), got ${shown(bound)}`;
}

function problemWithSpan(bound: unknown, name: string): string | undefined {
  try {
    parseDuration(bound, name);
    return undefined;
  } catch (error) {
    return `takes a duration such as 4h or "2 days", got ${shown(bound)}: ${String((error as Error).message).replace(/^Expected .*?, got .*?: /s, "")}`;
  }
}

function problemWithNumber(value: unknown): string | undefined {
  if (typeof value === "number") return problemWithCount(value);
  if (!isObject(value)) return `takes a whole number or a range, got ${typeOf(value)}`;
  const unknown = Object.keys(value).find((name) => name !== "min" && name !== "max");
  if (unknown !== undefined) return lowerFirst(unknownWord("key", unknown, ["min", "max"]));
  const entries = Object.values(value);
  if (entries.length === 0) return "has no bound: give it min, max or both";
  for (const bound of entries) {
    const problem = problemWithCount(bound);
    if (problem !== undefined) return problem;
  }
  const { min, max } = value as { min?: number; max?: number };
  return min !== undefined && max !== undefined && min > max ? "contradicts itself: no number fits" : undefined;
}

function problemWithCount(value: unknown): string | undefined {
  // Postgres's integer.
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 2_147_483_647) return undefined;
  return `takes whole numbers from 0 to 2147483647, got ${shown(value)}`;
}

function momentOf(bound: Date | string): Date {
  // Checked before.
  return bound instanceof Date ? bound : (readMoment(bound)?.from ?? new Date(Number.NaN));
}

function isIndex(step: unknown): boolean {
  return typeof step === "number" && Number.isInteger(step) && step >= 0 && step <= 2_147_483_647;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 100));
  return typeof value === "number" ? String(value) : typeOf(value);
}

function lowerFirst(text: string): string {
  return `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`;
}
