import ms from "ms";
import { parseDuration } from "./duration.ts";
import type { Conditions, NumberRange, PathCondition, TimeRange } from "./filter.ts";
import { comparisons, type Field, mostValues, needsAll, problemWith } from "./filter-fields.ts";
import { readMoment } from "./read-moment.ts";

/*
 * The values of a filter's conditions as text, the same in a line, a flag and a URL.
 */

/** What is wrong with a text, and where in it. Becomes an `OfficeError` where it is known what the text is part of. */
export class Misread extends Error {
  /** Where, from 0, in UTF-16 units. */
  readonly at: number;

  constructor(problem: string, at = 0) {
    super(problem);
    this.at = at;
  }
}

/**
 * Reads one value of a condition.
 *
 * @throws {Misread}
 */
export function readValue(field: Field, text: string): unknown {
  const value = readAs(field, text);
  const problem = problemWith(field, value);
  if (problem !== undefined) throw new Misread(`"${field.word}" ${problem}`);
  return value;
}

function readAs(field: Field, text: string): unknown {
  switch (field.kind) {
    case "flag":
      if (text === "yes" || text === "true") return true;
      if (text === "no" || text === "false") return false;
      throw new Misread(`"${field.word}" takes yes or no, got ${JSON.stringify(text.slice(0, 100))}`);
    case "time":
      return readTimeRange(field, text);
    case "number":
      return readNumberRange(field, text);
    case "path":
      return readPathCondition(field, text);
    case "word":
    case "name":
    case "exact":
    case "cause":
    case "text":
      return text;
  }
}

/** Writes one value so that `readValue` reads it again. */
export function writeValues(field: Field, value: unknown): string[] {
  switch (field.kind) {
    case "flag":
      return [value === true ? "yes" : "no"];
    case "time":
      return writeTimeRange(value as TimeRange);
    case "number":
      return writeNumberRange(value as NumberRange);
    case "path":
      return [writePathCondition(value as PathCondition)];
    case "word":
    case "name":
    case "exact":
    case "cause":
    case "text":
      return [value as string];
  }
}

/**
 * Adds a value to the conditions read so far.
 *
 * @param again whether a second value of the same word means "either", as in a URL
 * @throws {Misread} where it does not fit what is there
 */
export function addValue(to: Record<string, unknown>, field: Field, value: unknown, again: "either" | "refused"): void {
  const { key, word, kind } = field;
  const before = to[key];
  if (before === undefined) {
    to[key] = value;
    return;
  }
  if (kind === "time" || kind === "number") {
    to[key] = narrowed(field, before, value);
    return;
  }
  if (kind === "flag") throw new Misread(`"${word}" is there already`);
  if (again === "refused" && !needsAll(kind))
    throw new Misread(`"${word}" is there already. For letters that have either: ${word}:one,other`);
  const values: readonly unknown[] = [...(Array.isArray(before) ? (before as unknown[]) : [before]), value];
  const most = mostValues(kind);
  if (values.length > most) throw new Misread(`"${word}" has too many values: at most ${most} are taken`);
  to[key] = values;
}

/** Both ranges at once: each bound may be said once. */
function narrowed(field: Field, before: unknown, value: unknown): unknown {
  if (typeof before !== "object" || typeof value !== "object" || before === null || value === null)
    throw new Misread(`"${field.word}" is there already`);
  const twice = Object.keys(value).find((bound) => bound in before);
  if (twice !== undefined) throw new Misread(`"${field.word}" has this bound already`);
  const both = { ...before, ...value };
  const problem = problemWith(field, both);
  if (problem !== undefined) throw new Misread(`"${field.word}" ${problem}`);
  return both;
}

/** The values of a list, with where each begins. */
export type Listed = {
  readonly values: readonly { readonly text: string; readonly at: number }[];
  readonly end: number;
};

/**
 * Reads `one,other,"a third, quoted"` from a place on.
 *
 * @param inLine whether a space ends it
 * @throws {Misread}
 */
export function readList(source: string, start: number, inLine: boolean): Listed {
  const values: { text: string; at: number }[] = [];
  for (let at = start; ;) {
    const begin = at;
    if (source[at] === '"') {
      const quoted = readQuoted(source, at);
      values.push({ text: quoted.text, at: begin });
      at = quoted.end;
      if (at < source.length && source[at] !== "," && !(inLine && isSpace(source, at)))
        throw new Misread(`After the closing quotes there must be ${inLine ? "a space" : "the end"} or a comma`, at);
    } else {
      while (at < source.length && source[at] !== "," && !(inLine && isSpace(source, at))) {
        if (source[at] === '"') throw new Misread('Quotes go around a whole value: "a value"', at);
        if (isControl(source, at))
          throw new Misread('There is a control character. Quote the value, as in "\\u0007"', at);
        at++;
      }
      values.push({ text: source.slice(begin, at), at: begin });
    }
    if (values.at(-1)?.text === "") throw new Misread("A value is missing here", begin);
    if (source[at] !== ",") return { values, end: at };
    at++;
  }
}

/** Reads what stands in quotes, with the escapes of JSON. */
export function readQuoted(source: string, start: number): { text: string; end: number } {
  let text = "";
  for (let at = start + 1; at < source.length; at++) {
    const char = source[at] as string;
    if (char === '"') return { text, end: at + 1 };
    if (char !== "\\") {
      text += char;
      continue;
    }
    at++;
    const escaped = source[at];
    if (escaped === "u") {
      const digits = source.slice(at + 1, at + 5);
      if (!/^[0-9a-f]{4}$/i.test(digits)) throw new Misread("\\u takes four digits, 0 to 9 and a to f", at - 1);
      text += String.fromCharCode(Number.parseInt(digits, 16));
      at += 4;
    } else if (escaped !== undefined && escaped in escapes) text += escapes[escaped as keyof typeof escapes];
    else throw new Misread('In quotes, a backslash is written \\\\, and quotes \\"', at - 1);
  }
  throw new Misread("The closing quotes are missing", start);
}

/** A value as it stands in a line: in quotes where it has to be. */
export function quoted(text: string): string {
  return /^[^\s",\\<>=~!:[\]()\p{Cc}\p{Cs}][^\s",\p{Cc}\p{Cs}]*$/u.test(text) ? text : JSON.stringify(text);
}

export function isSpace(source: string, at: number): boolean {
  return /\s/.test(source[at] ?? "");
}

export function isControl(source: string, at: number): boolean {
  const unit = source.charCodeAt(at);
  return unit < 0x20 || (unit >= 0x7f && unit < 0xa0);
}

const escapes = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" } as const;

function readTimeRange(field: Field, text: string): TimeRange {
  const [, operator = "", rest = ""] = /^([<>]=?)?(.*)$/s.exec(text) ?? [];
  const bound = rest.startsWith('"') ? unquoted(rest, operator.length) : rest;
  if (bound === "") throw new Misread(`"${field.word}" needs a time: <4h, >2d, 2026-11-01 or 2026-11-01..2026-11-05`);
  const until = bound.indexOf("..");
  if (until !== -1) {
    if (operator !== "") throw new Misread(`A range takes no ${operator} before it`);
    const [begin, end] = [bound.slice(0, until), bound.slice(until + 2)];
    const [first, last] = [readMoment(begin), readMoment(end)];
    if (first === undefined && last === undefined && isSpan(begin) && isSpan(end))
      return { beyond: begin as Span, within: end as Span };
    if (first === undefined || last === undefined)
      throw new Misread(
        `A range goes from a day to a day (2026-11-01..2026-11-05), or from a span to a longer one (1h..4h); with one end: >=2026-11-01`,
      );
    return { from: first.from, to: last.to };
  }
  const moment = readMoment(bound);
  if (moment !== undefined) {
    switch (operator) {
      case "<":
        return { to: moment.from };
      case "<=":
        return { to: moment.to };
      case ">":
        return { from: moment.to };
      case ">=":
        return { from: moment.from };
      default:
        return { from: moment.from, to: moment.to };
    }
  }
  if (/^\d{4}-/.test(bound))
    throw new Misread(
      `"${field.word}" takes a day (2026-11-01) or a time (2026-11-01T10:00Z), got ${JSON.stringify(bound.slice(0, 100))}`,
    );
  if (operator === "") {
    const [near, far] = field.key === "expires" ? ["within", "later than"] : ["less than", "more than"];
    throw new Misread(
      `"${field.word}" needs a direction: <4h is ${near} 4 hours${field.key === "expires" ? "" : " ago"}, >2d ${far} 2 days${field.key === "expires" ? "" : " ago"}; or a day: 2026-11-01`,
    );
  }
  const span = bound as Span;
  return operator.startsWith("<") ? { within: span } : { beyond: span };
}

type Span = NonNullable<TimeRange["within"]>;

function isSpan(text: string): boolean {
  return /^\d/.test(text) && /[a-z]$/i.test(text);
}

/** Both ends in one, as what is left out is one term. */
function writeTimeRange({ from, to, within, beyond }: TimeRange): string[] {
  const written: string[] = [];
  if (from !== undefined && to !== undefined) written.push(writeStretch(momentOf(from), momentOf(to)));
  else if (from !== undefined) written.push(`>=${writeMoment(momentOf(from))}`);
  else if (to !== undefined) written.push(`<${writeMoment(momentOf(to))}`);
  const near = within === undefined ? undefined : writeSpan(parseDuration(within, "within"));
  const far = beyond === undefined ? undefined : writeSpan(parseDuration(beyond, "beyond"));
  if (near !== undefined && far !== undefined) written.push(`${far}..${near}`);
  else if (near !== undefined) written.push(`<${near}`);
  else if (far !== undefined) written.push(`>${far}`);
  return written;
}

/** A range holds its last day, or its last millisecond. */
function writeStretch(from: Date, to: Date): string {
  const lastDay = writeMoment(new Date(to.getTime() - 86_400_000));
  const [begin, end] = [writeMoment(from), writeMoment(to)];
  if (isDay(begin) && isDay(end) && from < to) return begin === lastDay ? begin : `${begin}..${lastDay}`;
  return `${from.toISOString()}..${new Date(to.getTime() - 1).toISOString()}`;
}

function momentOf(bound: Date | string): Date {
  return typeof bound === "string" ? (readMoment(bound)?.from ?? new Date(Number.NaN)) : bound;
}

function isDay(text: string): boolean {
  return text.length === "2026-11-01".length;
}

function writeMoment(at: Date): string {
  const text = at.toISOString();
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, 10) : text;
}

/** In one unit and exactly: `4h`, `90m`, `250ms`. */
function writeSpan(spanMs: number): string {
  for (const [unit, unitMs] of [
    ["d", ms("1d")],
    ["h", ms("1h")],
    ["m", ms("1m")],
    ["s", ms("1s")],
  ] as const)
    if (spanMs % unitMs === 0) return `${spanMs / unitMs}${unit}`;
  return `${spanMs}ms`;
}

function readNumberRange(field: Field, text: string): NumberRange {
  const range = /^(\d{1,10})\.\.(\d{1,10})$/.exec(text);
  if (range !== null) return { min: Number(range[1]), max: Number(range[2]) };
  const [, operator, digits] = /^([<>]=?|)(\d{1,10})$/.exec(text) ?? [];
  if (digits === undefined)
    throw new Misread(
      `"${field.word}" takes a whole number or a range: 3, >=3, <10 or 2..5, got ${JSON.stringify(text.slice(0, 100))}`,
    );
  const number = Number(digits);
  switch (operator) {
    case "<":
      if (number === 0) throw new Misread(`"${field.word}" is never below 0`);
      return { max: number - 1 };
    case "<=":
      return { max: number };
    case ">":
      return { min: number + 1 };
    case ">=":
      return { min: number };
    default:
      return number;
  }
}

function writeNumberRange(range: NumberRange): string[] {
  if (typeof range === "number") return [String(range)];
  const { min, max } = range;
  if (min !== undefined && max !== undefined) return [`${min}..${max}`];
  return [min === undefined ? `<=${max}` : `>=${min}`];
}

function readPathCondition(field: Field, text: string): PathCondition {
  const { path, end } = readPath(field, text);
  if (end === text.length) return { path, is: "exists" };
  const operator = /^(?:!=|<=|>=|=|<|>|~)/.exec(text.slice(end, end + 2))?.[0];
  if (operator === undefined)
    throw new Misread(
      `After a path there must be one of ${comparisons.filter((one) => one !== "exists").join(" ")}, or nothing`,
      end,
    );
  const start = end + operator.length;
  return { path, is: operator as PathCondition["is"], value: readOperand(field, text, start) };
}

function readPath(field: Field, text: string): { path: (string | number)[]; end: number } {
  const path: (string | number)[] = [];
  let at = 0;
  for (;;) {
    const index = /^\[(\d{1,10})\]/.exec(text.slice(at, at + 12));
    if (index !== null) {
      path.push(Number(index[1]));
      at += index[0].length;
    } else if (text[at] === "[") throw new Misread("A place in a list is a whole number: [0]", at);
    else if (text[at] === "." || at === 0) {
      if (text[at] === ".") at++;
      const key = text[at] === '"' ? readQuoted(text, at) : plainKey(text, at);
      if (key.text === "") throw new Misread(`"${field.word}" needs a path here, such as ${example(field)}`, at);
      path.push(key.text);
      at = key.end;
    } else return { path, end: at };
  }
}

function plainKey(text: string, start: number): { text: string; end: number } {
  let end = start;
  while (end < text.length && !/[\s."[\]=!<>~,:]/.test(text[end] as string) && !isControl(text, end)) end++;
  return { text: text.slice(start, end), end };
}

function readOperand(field: Field, text: string, start: number): string | number | boolean | null {
  if (text[start] === '"') {
    const value = readQuoted(text, start);
    if (value.end < text.length)
      throw new Misread("After the closing quotes there must be a space or the end", value.end);
    return value.text;
  }
  const plain = text.slice(start);
  if (plain === "") throw new Misread(`A value is missing here. For an empty one: ""`, start);
  const odd = plain.search(/[",\p{Cc}]/u);
  if (odd !== -1)
    throw new Misread(
      plain[odd] === ","
        ? 'One value is compared here. If the comma belongs to it, quote it: "a,b"'
        : 'Quotes go around a whole value: "a value"',
      start + odd,
    );
  if (/^[=<>~!]/.test(plain)) throw new Misread(`Unknown comparison. Known: ${comparisons.join(" ")}`, start - 1);
  // Headers are texts, whatever they look like.
  if (field.key === "headers") return plain;
  if (plain === "true" || plain === "false") return plain === "true";
  if (plain === "null") return null;
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(plain) ? Number(plain) : plain;
}

function writePathCondition({ path, is, value }: PathCondition): string {
  const steps = path.map((step, i) => {
    if (typeof step === "number") return `[${step}]`;
    const key = /^[^\s."[\]=!<>~,:\p{Cc}\p{Cs}]+$/u.test(step) ? step : JSON.stringify(step);
    return i === 0 ? key : `.${key}`;
  });
  if (is === "exists") return steps.join("");
  return `${steps.join("")}${is}${writeOperand(value)}`;
}

/** Quoted wherever it could be taken for something else. */
function writeOperand(value: PathCondition["value"]): string {
  if (typeof value !== "string") return Object.is(value, -0) ? "0" : String(value);
  return /^[a-z_][\w./@+-]*$/i.test(value) && !["true", "false", "null"].includes(value)
    ? value
    : JSON.stringify(value);
}

function unquoted(text: string, offset: number): string {
  const value = readQuoted(text, 0);
  if (value.end < text.length)
    throw new Misread("After the closing quotes there must be a space or the end", offset + value.end);
  return value.text;
}

function example({ key }: Field): string {
  return key === "payload"
    ? "payload.order.total>=100"
    : key === "headers"
      ? "headers.tenant=acme"
      : "source.topic=orders";
}

/** The field's values as they are in the filter: one, or a list of them. */
export function valuesOf(field: Field, value: Conditions[keyof Conditions]): readonly unknown[] {
  const single = field.kind === "time" || field.kind === "number" || field.kind === "flag";
  return Array.isArray(value) && !single ? (value as readonly unknown[]) : [value];
}
