import { categories, type Category } from "./category.ts";
import { cleanText, cutText } from "./clean.ts";
import { isQueueName } from "./contract.ts";
import { parseDuration } from "./duration.ts";
import { isObject, read } from "./safe-read.ts";
import { unknownWord } from "./suggest.ts";

/** A decision as it is carried out. */
export type CheckedDecision =
  | { readonly do: "retry"; readonly afterMs?: number }
  | { readonly do: "die"; readonly category?: Category }
  | { readonly do: "skip"; readonly reason: string; readonly result?: unknown }
  | { readonly do: "file"; readonly queue: string };

/**
 * Reads what a job's `onFailure` returned, which may be anything; `undefined` and `null` are no decision.
 *
 * @throws {Error} with what is wrong with it, and the nearest known word
 */
export function readDecision(given: unknown): CheckedDecision | undefined {
  if (given === undefined || given === null) return undefined;
  if (!isObject(given)) throw new Error(`Expected a decision such as { do: "retry" }, got a ${typeof given}`);
  const word = read(given, "do");
  if (typeof word !== "string" || !Object.hasOwn(fieldsOf, word))
    throw new Error(unknownWord("decision", shown(word), Object.keys(fieldsOf)));
  const kind = word as keyof typeof fieldsOf;
  const known = ["do", ...fieldsOf[kind]];
  for (const field of Object.keys(given))
    if (!known.includes(field)) throw new Error(unknownWord(`field of "${kind}"`, field, known));
  switch (kind) {
    case "retry":
      return { do: kind, ...delayOf(read(given, "after")) };
    case "die":
      return { do: kind, ...categoryOf(read(given, "category")) };
    case "skip":
      return { do: kind, reason: reasonOf(read(given, "reason")), ...resultOf(read(given, "result")) };
    case "file":
      return { do: kind, queue: queueOf(read(given, "queue")) };
  }
}

const fieldsOf = {
  retry: ["after"],
  die: ["category"],
  skip: ["reason", "result"],
  file: ["queue"],
} as const satisfies Record<CheckedDecision["do"], readonly string[]>;

const longestReasonBytes = 1000;

function delayOf(after: unknown): { afterMs?: number } {
  return after === undefined ? {} : { afterMs: parseDuration(after, "after", { minimumMs: 0 }) };
}

function categoryOf(category: unknown): { category?: Category } {
  if (category === undefined) return {};
  if (!categories.includes(category as Category)) throw new Error(unknownWord("category", shown(category), categories));
  return { category: category as Category };
}

function shown(word: unknown): string {
  return typeof word === "string" ? word : (JSON.stringify(word) ?? typeof word);
}

function reasonOf(reason: unknown): string {
  if (typeof reason !== "string" || reason.trim() === "")
    throw new Error('A job is skipped for a reason: { do: "skip", reason: "…" }');
  return cutText(cleanText(reason), longestReasonBytes);
}

function resultOf(result: unknown): { result?: unknown } {
  return result === undefined ? {} : { result };
}

function queueOf(queue: unknown): string {
  if (!isQueueName(queue))
    throw new Error(
      `Expected queue to be a name of 1 to 100 letters, digits, or . - _ / :, got ${JSON.stringify(queue)}`,
    );
  return queue;
}
