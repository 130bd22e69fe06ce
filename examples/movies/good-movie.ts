import { z } from "zod";
import { rawMovie } from "./raw-movie.ts";

/** One thing that is wrong with a record. Field and problem read as a sentence: `US Gross` `is missing`. */
export const violation = z.object({ field: z.string(), problem: z.string() });
export type Violation = z.infer<typeof violation>;

/** The newest year of the collection; a later one is an older film whose two-digit year was misread. */
export const newestYear = 2012;

/** What the catalogue takes: a raw record with a title that is text, a release date that can be, and a US gross. */
export const goodMovie = rawMovie.extend({
  Title: z.string({ error: (issue) => notText(issue.input) }).min(1, "is empty"),
  "Release Date": rawMovie.shape["Release Date"].superRefine(possibleDate),
  "US Gross": rawMovie.shape["US Gross"].unwrap(),
});

export type GoodMovie = z.infer<typeof goodMovie>;

/** The record where it is good, else everything that is wrong with it, in the order of the fields. */
export function judge(
  record: unknown,
): { readonly movie: GoodMovie } | { readonly violations: readonly [Violation, ...Violation[]] } {
  const judged = goodMovie.safeParse(record, { reportInput: true });
  if (judged.success) return { movie: judged.data };
  const [first, ...others] = judged.error.issues.flatMap(asViolations);
  return { violations: [first ?? { field: "record", problem: "is not a movie" }, ...others] };
}

function notText(input: unknown): string | undefined {
  return typeof input === "number" ? `must be text, but is the number ${input}` : undefined;
}

function possibleDate(text: string, issues: z.RefinementCtx<string>): void {
  const date = new Date(`${text} UTC`);
  const [, day, year] = text.split(" ").map(Number);
  // JavaScript reads Feb 30 as Mar 1 or 2.
  if (date.getUTCDate() !== day) issues.addIssue(`is a day that no calendar has: "${text}"`);
  if (year !== undefined && year > newestYear) {
    issues.addIssue(`lies after ${newestYear}: "${text}" (was ${year - 100} meant?)`);
  }
}

function asViolations(issue: z.core.$ZodIssue): Violation[] {
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((field) => ({ field, problem: "is no field of a movie" }));
  const field = issue.path.join(".") || "record";
  if (issue.input === undefined || issue.input === null) return [{ field, problem: "is missing" }];
  // Messages of our own are sentences already; zod's begin with a capital.
  const problem = /^[A-Z]/.test(issue.message) ? `is wrong: ${issue.message}` : issue.message;
  return [{ field, problem }];
}
