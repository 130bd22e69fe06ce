import { type Command, Option, type OptionValues } from "@commander-js/extra-typings";
import type { Conditions, Filter } from "../model/filter.ts";
import { type Field, fields } from "../model/filter-fields.ts";
import { parseFilter, parseLeftOut } from "../model/filter-line.ts";
import { addValue, Misread, readList, readValue } from "../model/filter-values.ts";
import { usage } from "../model/office-error.ts";

/** What was given, by the filter's keys; each may be repeated. */
export type FilterFlags = { readonly [Key in Exclude<keyof Conditions, "namespace">]?: readonly string[] } & {
  readonly not?: readonly string[];
};

/**
 * Adds a flag for each condition of a filter, with the values that it has in a line. The namespace is the one that the command
 * connects to; a line may name another.
 *
 * @param without keys whose flags mean something else in this command: they are for the line alone
 */
export function withFilter<
  Args extends unknown[],
  Options extends OptionValues,
  Without extends keyof FilterFlags = never,
>(
  command: Command<Args, Options>,
  without: readonly Without[] = [],
): Command<Args, Options & Omit<FilterFlags, Without>> {
  command.optionsGroup("Filter (docs/find.md):");
  for (const field of flagged)
    if (!(without as readonly string[]).includes(field.key))
      command.addOption(new Option(`--${field.word} <${placeholder(field)}>`, describe(field)).argParser(collect));
  command.addOption(
    new Option("--not <terms>", "without those that any of these fits, such as 'tag:vip status:closed'").argParser(
      collect,
    ),
  );
  return command;
}

/** The argument that takes a filter as a line. */
export const filterArgument = "[filter...]";
export const filterArgumentHelp =
  "a filter in one line, such as 'job:import-movie failed:<4h \"connection refused\"'; all terms must fit";

/**
 * What the flags and the line ask for together.
 *
 * @param line the words of the argument, which a shell may have split
 * @throws {OfficeError} `USAGE` with the flag, or with the line and the column
 */
export function filterOf(flags: FilterFlags, line: string | readonly string[] = []): Filter {
  const { not, ...asked } = parseFilter(typeof line === "string" ? line : line.join(" "));
  const conditions: Record<string, unknown> = {};
  for (const field of flagged) {
    for (const text of flags[field.key as keyof FilterFlags] ?? []) readFlag(conditions, field, text);
    if (field.key in asked && field.key in conditions)
      throw usage(`"${field.word}" is in the filter's line and in --${field.word}. Say it once`);
  }
  const left = (flags.not ?? []).reduce((before, terms) => leftOut(before, terms), not ?? {});
  return { ...asked, ...conditions, ...(Object.keys(left).length === 0 ? {} : { not: left }) };
}

const flagged = fields.filter(({ key }) => key !== "namespace");

function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}

function readFlag(into: Record<string, unknown>, field: Field, text: string): void {
  try {
    for (const value of valuesIn(field, text)) addValue(into, field, readValue(field, value), "either");
  } catch (error) {
    throw error instanceof Misread
      ? usage(`--${field.word} ${JSON.stringify(text.slice(0, 100))}: ${error.message}`)
      : error;
  }
}

/** Commas stand between values, but for those that are one: a text, a comparison, a range. */
function valuesIn(field: Field, text: string): readonly string[] {
  switch (field.kind) {
    case "word":
    case "name":
    case "exact":
    case "cause":
      return readList(text, 0, false).values.map((value) => value.text);
    case "flag":
    case "number":
    case "path":
    case "text":
    case "time":
      return [text];
  }
}

function leftOut(before: Conditions, terms: string): Conditions {
  const conditions = parseLeftOut(terms);
  if (Object.keys(conditions).length === 0) throw usage("--not takes terms to leave out, such as tag:vip");
  const left: Record<string, unknown> = { ...before };
  for (const field of fields) {
    const value = conditions[field.key];
    if (value === undefined) continue;
    if ((field.kind === "time" || field.kind === "number") && field.key in left)
      throw usage(`--not: one range of "${field.word}" can be left out, and there is one already`);
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const one of values) {
      try {
        addValue(left, field, one, "either");
      } catch (error) {
        throw error instanceof Misread ? usage(`--not: ${error.message}`) : error;
      }
    }
  }
  return left;
}

function describe({ about, words }: Field): string {
  return words === undefined ? about : `${about}: ${words.join(", ")}`;
}

function placeholder(field: Field): string {
  switch (field.kind) {
    case "flag":
      return "yes|no";
    case "number":
      return "number";
    case "time":
      return "when";
    case "path":
      return "comparison";
    case "cause":
      return "id";
    case "word":
      return field.word;
    case "name":
      return "name";
    case "exact":
    case "text":
      return "text";
  }
}
