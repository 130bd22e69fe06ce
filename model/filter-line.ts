import { checkFilter } from "./check-filter.ts";
import type { Conditions, Filter } from "./filter.ts";
import { type Field, fields } from "./filter-fields.ts";
import {
  addValue,
  isControl,
  isSpace,
  Misread,
  quoted,
  readList,
  readQuoted,
  readValue,
  valuesOf,
  writeValues,
} from "./filter-values.ts";
import { OfficeError, usage } from "./office-error.ts";
import { didYouMean } from "./suggest.ts";

/**
 * Reads a filter from a line: `job:import-movie failed:<4h payload.year>=2000 -tag:vip "connection refused"`.
 *
 * What it doesn't know is refused, never skipped. `details` of the error has the line and the column, from 1.
 *
 * @throws {OfficeError} `USAGE` with the column, what is wrong there, and the nearest known word
 */
export function parseFilter(line: string): Filter {
  const { asked, not } = readTerms(line);
  return { ...asked, ...(Object.keys(not).length === 0 ? {} : { not }) };
}

/**
 * Reads terms to leave out, from a line in which none has its minus. As with it, any of them fits: two ranges of one word, which
 * would mean both, are refused.
 *
 * @throws {OfficeError} as `parseFilter`
 */
export function parseLeftOut(line: string): Conditions {
  return readTerms(line, "-").not;
}

/** @param sign of all terms; absent where each has its own */
function readTerms(line: string, sign?: "-"): { asked: Record<string, unknown>; not: Record<string, unknown> } {
  if (line.length > longestLine)
    throw usage(`The filter has ${line.length} characters, and at most ${longestLine} are taken`);
  const asked: Record<string, unknown> = {};
  const not: Record<string, unknown> = {};
  let at = 0;
  try {
    for (;;) {
      while (at < line.length && isSpace(line, at)) at++;
      if (at >= line.length) break;
      if (sign === "-" && line[at] === "-") throw new Misread("This is left out already: leave the - away", at);
      const negated = sign === "-" || line[at] === "-";
      at = readTerm(line, at, line[at] === "-" ? at + 1 : at, negated, negated ? not : asked);
    }
  } catch (error) {
    throw error instanceof Misread ? misreadLine(line, error.at, error.message) : error;
  }
  return { asked, not };
}

/** Writes a filter as a line, which `parseFilter` reads as the same filter. */
export function formatFilter(filter: Filter): string {
  const { not = {}, ...asked } = checkFilter(filter);
  return [...terms(asked, ""), ...terms(not, "-")].join(" ");
}

/** A filter, or a line that says one. */
export type FilterOrLine = Filter | string;

/** @throws {OfficeError} `USAGE` for what cannot be meant */
export function filterFrom(given: FilterOrLine): Filter {
  return typeof given === "string" ? parseFilter(given) : checkFilter(given);
}

/** The filter, of this namespace alone unless it names others. */
export function inNamespace(filter: Filter, namespace: string): Filter {
  return filter.namespace === undefined ? { ...filter, namespace } : filter;
}

const longestLine = 10_000;

/**
 * Reads a term, and returns where it ends.
 *
 * @param at where it begins, behind its minus
 */
function readTerm(line: string, start: number, at: number, negated: boolean, into: Record<string, unknown>): number {
  if (negated && (at >= line.length || isSpace(line, at)))
    throw new Misread("After - there must be a term to leave out", start);
  if (line[at] === '"') {
    const { text, end } = readQuoted(line, at);
    if (end < line.length && !isSpace(line, end))
      throw new Misread("After the closing quotes there must be a space", end);
    add(into, fieldOf("text"), text, at, negated);
    return end;
  }
  const word = wordAt(line, at);
  const next = line[at + word.length];
  const field = next === ":" ? knownWord(word, at) : pathField(word, next);
  if (field === undefined) return readText(line, at, into, negated);
  const from = at + word.length;
  if (field.kind === "path") {
    if (next === ":") throw new Misread(`"${word}" takes a path: ${word}.name=value`, from);
    const end = endOfTerm(line, from);
    locating(from, () => add(into, field, readValue(field, line.slice(from, end)), 0, negated));
    return end;
  }
  return readValues(line, from + 1, field, into, negated, at);
}

function readValues(
  line: string,
  start: number,
  field: Field,
  into: Record<string, unknown>,
  negated: boolean,
  at: number,
): number {
  if (start >= line.length || isSpace(line, start))
    throw new Misread(`A value is missing after "${field.word}:"`, start);
  if (field.kind === "time" || field.kind === "number" || field.kind === "flag") {
    const end = endOfTerm(line, start);
    locating(start, () => add(into, field, readValue(field, line.slice(start, end)), 0, negated));
    return end;
  }
  // Of one term either will do; a second term narrows, which of most conditions cannot be said.
  if (!negated && field.key in into && field.kind !== "text")
    throw new Misread(`"${field.word}" is there already. For letters that have either: ${field.word}:one,other`, at);
  const { values, end } = readList(line, start, true);
  if (field.kind === "text" && values.length > 1)
    throw new Misread("All texts must be there, so they are separate terms: text:one text:other", start);
  for (const { text, at: place } of values)
    locating(place, () => addValue(into, field, readValue(field, text), "either"));
  return end;
}

/** A word without a name before it is looked for in messages and payloads. */
function readText(line: string, start: number, into: Record<string, unknown>, negated: boolean): number {
  const end = endOfTerm(line, start);
  const text = line.slice(start, end);
  const odd = text.search(/[:=<>~"*(),!]|\p{Cc}/u);
  if (odd !== -1)
    throw new Misread(
      `${oddText(text)} To look for it as text, quote it: ${JSON.stringify(text.replaceAll('"', "").slice(0, 60))}`,
      start,
    );
  if (["AND", "OR", "NOT"].includes(text))
    throw new Misread(
      `There is no ${text}: terms must all fit, commas are "or" (status:parked,retrying), and - leaves out. To look for it as text, quote it`,
      start,
    );
  add(into, fieldOf("text"), text, start, negated);
  return end;
}

function add(into: Record<string, unknown>, field: Field, value: unknown, at: number, negated: boolean): void {
  locating(at, () => {
    if (field.kind === "text") readValue(field, value as string);
    const ranged = field.kind === "time" || field.kind === "number";
    if (negated && ranged && field.key in into)
      throw new Misread(`One range of "${field.word}" can be left out, and there is one already`);
    addValue(into, field, value, "refused");
  });
}

function knownWord(word: string, at: number): Field {
  const field = fields.find((one) => one.word === word || one.also?.includes(word));
  if (field !== undefined) return field;
  throw new Misread(
    `Unknown word ${JSON.stringify(word.slice(0, 60))}.${meant(word)} Known: ${words.join(", ")}. To look for a text, quote it`,
    at,
  );
}

function pathField(word: string, next: string | undefined): Field | undefined {
  if (next !== "." && next !== "[" && !(next !== undefined && "=<>~!".includes(next))) return undefined;
  return fields.find((one) => one.kind === "path" && one.word === word);
}

function oddText(text: string): string {
  const word = /^[^.[:=<>~!]*/.exec(text)?.[0] ?? "";
  return `This is not a term.${meant(word)}`;
}

function meant(word: string): string {
  const near = didYouMean(word, words);
  return near === undefined ? "" : ` Did you mean "${near}"?`;
}

const words = fields.flatMap(({ word, also = [] }) => [word, ...also]);

function fieldOf(key: keyof Conditions): Field {
  return fields.find((one) => one.key === key) as Field;
}

/** Up to where a name goes: `needs-person` of `needs-person:yes`, `payload` of `payload.year>=2000`. */
function wordAt(line: string, start: number): string {
  let end = start;
  while (end < line.length && /[\w-]/.test(line[end] as string)) end++;
  return line.slice(start, end);
}

/** The next space outside quotes. */
function endOfTerm(line: string, start: number): number {
  let at = start;
  while (at < line.length && !isSpace(line, at)) {
    if (line[at] === '"' && !isControl(line, at)) at = readQuoted(line, at).end;
    else at++;
  }
  return at;
}

/** What goes wrong in a part of the line is told by its place in the whole. */
function locating(offset: number, work: () => void): void {
  try {
    work();
  } catch (error) {
    throw error instanceof Misread ? new Misread(error.message, offset + error.at) : error;
  }
}

function misreadLine(line: string, at: number, problem: string): OfficeError {
  const column = Array.from(line.slice(0, at)).length + 1;
  return new OfficeError("USAGE", `Column ${column} of the filter: ${problem}`, { line, column });
}

function terms(conditions: Conditions, sign: string): string[] {
  return fields.flatMap((field) => {
    const value = conditions[field.key];
    if (value === undefined) return [];
    const values = valuesOf(field, value).flatMap((one) => writeValues(field, one));
    if (field.kind === "text") return values.map((text) => `${sign}${plainText(text)}`);
    if (field.kind === "path")
      return values.map((path) => `${sign}${field.word}${path.startsWith("[") ? "" : "."}${path}`);
    if (field.kind === "time" || field.kind === "number" || field.kind === "flag")
      return values.map((one) => `${sign}${field.word}:${one}`);
    return [`${sign}${field.word}:${values.map(quoted).join(",")}`];
  });
}

function plainText(text: string): string {
  return /^[\p{L}\p{N}_][\p{L}\p{N}_-]*$/u.test(text) && !["AND", "OR", "NOT"].includes(text)
    ? text
    : JSON.stringify(text);
}
