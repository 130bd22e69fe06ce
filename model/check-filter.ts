import type { Conditions, Filter, TimeRange } from "./filter.ts";
import { fields, mostValues, problemWith } from "./filter-fields.ts";
import { usage } from "./office-error.ts";
import { unknownWord } from "./suggest.ts";

/**
 * Refuses a filter that cannot be meant, and returns it otherwise. It fails closed: a key that is misspelt or undefined would
 * let all letters through, and whoever acts on them would act on too many.
 *
 * @throws {OfficeError} `USAGE` with the key, what it takes, and the nearest known one
 */
export function checkFilter(filter: unknown): Filter {
  if (!isObject(filter)) throw usage(`A filter is an object such as { job: "import-movie" }, or a line of text`);
  const { not, ...conditions } = filter;
  checkConditions(conditions, "", [...keys, "not"]);
  if ("not" in filter) {
    if (!isObject(not)) throw usage(`The filter's "not" takes conditions, as the filter itself does`);
    checkConditions(not, "not.", keys);
  }
  return filter;
}

const keys = fields.map(({ key }) => key);

function checkConditions(conditions: Record<string, unknown>, where: string, known: readonly string[]): void {
  for (const [key, value] of Object.entries(conditions)) {
    const field = fields.find((one) => one.key === key);
    if (field === undefined) throw usage(`The filter does not know ${where}${key}. ${unknownWord("key", key, known)}`);
    const name = `The filter's "${where}${key}"`;
    if (value === undefined) throw usage(`${name} is undefined. Leave it out where it doesn't matter`);
    const single = field.kind === "time" || field.kind === "number" || field.kind === "flag";
    const values: readonly unknown[] = Array.isArray(value) && !single ? value : [value];
    if (values.length === 0)
      throw usage(`${name} is an empty list, which no letter can fit. Leave it out where it doesn't matter`);
    const most = mostValues(field.kind);
    if (values.length > most) throw usage(`${name} has ${values.length} values, and at most ${most} are taken`);
    for (const one of values) {
      const problem = problemWith(field, one);
      if (problem !== undefined) throw usage(`${name} ${problem}`);
      // A line leaves out one range a term, from day to day or from span to span.
      if (where !== "" && field.kind === "time" && mixed(one as TimeRange))
        throw usage(`${name} mixes dates (from, to) with spans from now (within, beyond). Leave out one or the other`);
    }
  }
}

function mixed({ from, to, within, beyond }: TimeRange): boolean {
  return (from !== undefined || to !== undefined) && (within !== undefined || beyond !== undefined);
}

function isObject(value: unknown): value is Record<string, unknown> & Conditions {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
