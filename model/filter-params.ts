import { checkFilter } from "./check-filter.ts";
import type { Conditions, Filter } from "./filter.ts";
import { fields } from "./filter-fields.ts";
import { addValue, Misread, readValue, valuesOf, writeValues } from "./filter-values.ts";
import { OfficeError } from "./office-error.ts";
import { unknownWord } from "./suggest.ts";

/**
 * Reads a filter from a URL's parameters: `?job=import-movie&status=parked&status=retrying&failed=<4h&-tag=vip`.
 *
 * The words are those of the line, with `-` before what is left out; a word may be repeated. Values stand as they are: no
 * quotes, no commas. A path goes into the value: `payload=order.total>=100`.
 *
 * @param others parameters that are not the filter's, and left alone
 * @throws {OfficeError} `USAGE` with the parameter, and the nearest known one
 */
export function filterFromParams(params: URLSearchParams, others: readonly string[] = []): Filter {
  const asked: Record<string, unknown> = {};
  const not: Record<string, unknown> = {};
  for (const [name, text] of params) {
    if (others.includes(name)) continue;
    const negated = name.startsWith("-");
    const word = negated ? name.slice(1) : name;
    const field = fields.find((one) => one.word === word || one.also?.includes(word));
    if (field === undefined) throw refused(name, unknownWord("parameter", word, words));
    const into = negated ? not : asked;
    try {
      const ranged = field.kind === "time" || field.kind === "number";
      if (negated && ranged && field.key in into)
        throw new Misread("one range can be left out, and there is one already");
      addValue(into, field, readValue(field, text), "either");
    } catch (error) {
      throw error instanceof Misread ? refused(name, error.message) : error;
    }
  }
  return { ...asked, ...(Object.keys(not).length === 0 ? {} : { not }) };
}

/** Writes a filter as parameters, which `filterFromParams` reads as the same filter. */
export function filterToParams(filter: Filter): URLSearchParams {
  const { not = {}, ...asked } = checkFilter(filter);
  return new URLSearchParams([...pairs(asked, ""), ...pairs(not, "-")]);
}

const words = fields.map(({ word }) => word);

function pairs(conditions: Conditions, sign: string): [string, string][] {
  return fields.flatMap((field) => {
    const value = conditions[field.key];
    if (value === undefined) return [];
    return valuesOf(field, value)
      .flatMap((one) => writeValues(field, one))
      .map((text): [string, string] => [`${sign}${field.word}`, text]);
  });
}

function refused(name: string, problem: string): OfficeError {
  return new OfficeError("USAGE", `Parameter ${JSON.stringify(name.slice(0, 60))}: ${problem}`, { parameter: name });
}
