import ms from "ms";
import type { StringValue } from "ms";
import { didYouMean } from "./suggest.ts";

/** A span of time: `"30 days"`, `"1.5 hours"`, `"250 ms"`, or a number of milliseconds. A text needs a unit. */
export type Duration = Exclude<StringValue, `${number}`> | number;

/**
 * The one door for durations: whatever a caller, a file, an environment variable or a command gives becomes whole milliseconds here.
 *
 * @param what the option's name, for the error
 * @param bounds `minimumMs` is 1 by default; 0 allows a duration of zero. `maximumMs` is 100 years.
 * @throws {Error} with the option, what is expected, what was got, and what was probably meant
 */
export function parseDuration(value: unknown, what: string, bounds: DurationBounds = {}): number {
  const { minimumMs = 1, maximumMs = hundredYearsMs } = bounds;
  const refuse = (why: string) =>
    new Error(
      `Expected ${what} to be a duration such as "30 days" or a number of milliseconds, got ${shown(value)}: ${why}`,
    );
  const given = typeof value === "string" ? readText(value) : value;
  if (typeof given !== "number" || Number.isNaN(given)) throw refuse(likelyMeaning(value));
  if (given === Infinity) throw refuse(endless);
  if (given < 0) throw refuse("a duration cannot be negative");
  const parsed = Math.round(given);
  if (parsed < minimumMs && given === 0) throw refuse("it must be longer than nothing");
  if (parsed < minimumMs) throw refuse(`it must be at least ${formatDuration(minimumMs)}${plainNumberHint(value)}`);
  if (parsed > maximumMs) {
    const limit = maximumMs === hundredYearsMs ? "100 years" : formatDuration(maximumMs);
    throw refuse(`it must be at most ${limit}${plainNumberHint(value)}`);
  }
  return parsed;
}

export type DurationBounds = { minimumMs?: number; maximumMs?: number };

/** A span for people to read, exact to the millisecond: `"30 days"`, `"1.5 hours"`, `"1 hour 20 minutes"`, `"250 ms"`. */
export function formatDuration(durationMs: number): string {
  if (!Number.isFinite(durationMs)) return String(durationMs);
  if (durationMs < 0) return `-${formatDuration(-durationMs)}`;
  let restMs = Math.round(durationMs);
  if (restMs < 1000) return `${restMs} ms`;
  const parts: string[] = [];
  for (const [unit, unitMs] of formatUnits) {
    if (restMs < unitMs) continue;
    // Halves read better than two units ("1.5 hours"), and nobody writes seconds and milliseconds apart.
    const rest = restMs / unitMs;
    const count = unit === "second" || (parts.length === 0 && Number.isInteger(rest * 2)) ? rest : Math.floor(rest);
    parts.push(`${count} ${unit}${count === 1 ? "" : "s"}`);
    restMs -= Math.round(count * unitMs);
  }
  if (restMs > 0) parts.push(`${restMs} ms`);
  return parts.join(" ");
}

const dayMs = 86_400_000;
/** The longest that anything here waits. */
export const hundredYearsMs = 36_525 * dayMs;
const formatUnits = [
  ["day", dayMs],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
] as const;
const unitNames = ["milliseconds", "seconds", "minutes", "hours", "days", "weeks", "years"];
const endless = 'a duration ends; where something may last without end, the word is "indefinite"';

/** Milliseconds, or undefined for what is not one number and one unit. */
function readText(text: string): number | undefined {
  // `ms` takes "30" for 30 milliseconds, and throws above 100 characters.
  if (text.length > 100 || !/[a-z]$/i.test(text)) return undefined;
  const parsed: number | undefined = ms(text as StringValue);
  return parsed;
}

function likelyMeaning(value: unknown): string {
  if (typeof value !== "string") return typeof value === "number" ? "it is not a number" : "it is of another type";
  const text = value.trim();
  if (text === "") return "it is empty";
  if (/^[+-]?(?:infinity|infinite|indefinite(?:ly)?|forever|never|unlimited|none)$/i.test(text)) return endless;
  const number = /^-?\d{1,15}(?:\.\d{1,9})?$/.exec(text)?.[0];
  if (number !== undefined) return `the unit is missing; say "${number} seconds" or "${number} days"`;
  const months = /^(\d{1,6}(?:\.\d{1,3})?)\s*(?:mo|mos|mths?|months?)$/i.exec(text)?.[1];
  if (months !== undefined) return `months vary in length; say "${Math.round(Number(months) * 30)} days"`;
  const sum = sumOfParts(text);
  if (sum !== undefined) return `it takes one number and one unit; say ${inOneUnit(sum)}`;
  const [, count, unit] = /^(\d{1,15}(?:\.\d{1,9})?)\s*([a-z]{1,20})$/i.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) {
    const meant = didYouMean(unit, unitNames);
    return `"${unit}" is not a unit; ${meant === undefined ? `units are ${unitNames.join(", ")}` : `say "${count} ${meant}"`}`;
  }
  const comma = /^(\d{1,15}),(\d{1,9})\s*([a-z]{1,20})$/i.exec(text);
  if (comma !== null) return `decimals take a point; say "${comma[1]}.${comma[2]} ${comma[3]}"`;
  return `it takes one number and one unit (${unitNames.join(", ")})`;
}

/** What "1h 30m", "1 day and 2 hours", "PT1H30M" or " 30 days " add up to, in milliseconds. */
function sumOfParts(text: string): number | undefined {
  if (text.length > 100) return undefined;
  const iso = /^P(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?$/.exec(text);
  if (iso !== null) {
    const [, weeks, days, hours, minutes, seconds] = iso.map((part) => Number(part ?? 0));
    const sum =
      (weeks ?? 0) * 7 * dayMs +
      (days ?? 0) * dayMs +
      (hours ?? 0) * 3_600_000 +
      (minutes ?? 0) * 60_000 +
      (seconds ?? 0) * 1000;
    return sum === 0 ? undefined : sum;
  }
  let sum = 0;
  for (const part of text.replace(/(?:,|\band\b)/gi, " ").match(/[\d.]+\s*[a-z]+|\S+/gi) ?? []) {
    const partMs = readText(part);
    if (partMs === undefined || !(partMs >= 0)) return undefined;
    sum += partMs;
  }
  return sum;
}

function inOneUnit(durationMs: number): string {
  for (const [unit, unitMs] of formatUnits)
    if (durationMs >= unitMs && durationMs % unitMs === 0)
      return `"${durationMs / unitMs} ${unit}${durationMs === unitMs ? "" : "s"}"`;
  return `${durationMs}, in milliseconds`;
}

function plainNumberHint(value: unknown): string {
  return typeof value === "number" ? " (a plain number is milliseconds)" : "";
}

function shown(value: unknown): string {
  if (typeof value === "string") return `${JSON.stringify(value.slice(0, 100))} (string)`;
  if (value === null || value === undefined) return String(value);
  if (typeof value === "number" || typeof value === "boolean") return `${value} (${typeof value})`;
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
