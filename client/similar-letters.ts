import { type Comparison, comparePayloads } from "../model/compare-payloads.ts";
import { usage } from "../model/office-error.ts";
import { type Difference, setApart } from "../model/set-apart.ts";
import type { Db } from "../schema/database.ts";
import type { LetterRow } from "../schema/rows.ts";
import { type Likeness, similarLetters } from "../schema/similar-letters.ts";
import { type SeenInput, seenInput, type Sight } from "./seen-input.ts";

export type SimilarOptions = {
  /** At most so many others. @default 10 @maximum 100 */
  readonly limit?: number;
  /** Fields that must not show, as in the office's config; what the rows hide is hidden anyway. */
  readonly redact?: readonly string[];
};

/** A letter, others like it, and how their inputs differ. */
export type SimilarLetters = {
  readonly letter: LetterRow;
  readonly input: SeenInput;
  /** Of the same cause, then of the same job and type of error; each newest failure first. */
  readonly others: readonly SimilarLetter[];
  /** Ids of those whose inputs could be read, in the order of the comparison's cells: this letter's first. */
  readonly compared: readonly string[];
  readonly comparison: Comparison;
  /** Where all the others that recovered are alike, and this letter is not. */
  readonly hints: readonly Difference[];
  /** How many recovered, of those compared. */
  readonly recovered: number;
};

export type SimilarLetter = {
  readonly letter: LetterRow;
  readonly likeness: Likeness;
  readonly input: SeenInput;
};

/**
 * Other letters like this one, and what differs in their inputs.
 *
 * @throws {OfficeError} `USAGE` for a limit that cannot be meant
 */
export async function findSimilar(
  db: Db,
  letter: LetterRow,
  { limit = 10, redact = [] }: SimilarOptions,
  codec: Sight["codec"],
): Promise<SimilarLetters> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw usage(`limit must be a whole number from 1 to 100, got ${limit}`);
  const see = async (one: LetterRow) => await seenInput(db, one, { codec, redact });
  const [input, others] = await Promise.all([
    see(letter),
    (async () => {
      const found = await similarLetters(db, letter, limit);
      return await Promise.all(found.map(async (other) => ({ ...other, input: await see(other.letter) })));
    })(),
  ]);
  const readable = [{ letter, input }, ...others].flatMap(({ letter: one, input: seen }) =>
    seen.unread === undefined ? [{ one, payload: seen.payload }] : [],
  );
  const recovered = readable.filter(({ one }) => one.id !== letter.id && hasRecovered(one));
  return {
    letter,
    input,
    others,
    compared: readable.map(({ one }) => one.id),
    comparison: comparePayloads(readable.map(({ payload }) => payload)),
    hints:
      input.unread !== undefined || hasRecovered(letter)
        ? []
        : setApart(
            input.payload,
            recovered.map(({ payload }) => payload),
          ).differences.filter(({ kind }) => telling.has(kind)),
    recovered: recovered.length,
  };
}

const telling: ReadonlySet<string> = new Set([
  "type",
  "missing",
  "extra",
  "value",
  "form",
] satisfies Difference["kind"][]);

function hasRecovered({ status }: LetterRow): boolean {
  return status === "recovered" || status === "superseded";
}
