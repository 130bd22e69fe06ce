import { listOf } from "./list-of.ts";
import type { Category } from "./category.ts";
import { categories } from "./category.ts";
import { configInvalid } from "./office-error.ts";
import type { Reason } from "./reason.ts";
import { reasons } from "./reason.ts";
import { unknownWord } from "./suggest.ts";

/**
 * Says which deaths have the same cause, in place of the built-in fingerprint. All that match are one cause (join these); `by`
 * makes several of them (split those); `title` names them. The first rule that matches counts.
 */
export type FingerprintRule = {
  /** Part of the cause's identity: under another name, deaths are another cause. */
  readonly name: string;
  /** What a death must have, all of it. `error`, `code` and `message` must be one and the same error's, wherever in the chain it is. */
  readonly match: RuleMatch;
  /**
   * What tells its causes apart: fields, and names of groups of the regular expressions in `match`. `fingerprint` keeps the
   * built-in causes apart, `message` is the message without what varies, `frame` the topmost frame of your own code.
   */
  readonly by?: readonly (RuleField | (string & {}))[];
  /** Shown for the cause; `{job}` is what `by` found there. @default the rule's name, and what `by` found */
  readonly title?: string;
};

/** Texts are as they are written, but for `*`, which stands for any characters; those of `message` may stand anywhere in it, in any case. */
export type RuleMatch = {
  /** The error's type. */
  readonly error?: Pattern;
  readonly code?: Pattern;
  readonly message?: Pattern;
  readonly job?: Pattern;
  readonly queue?: Pattern;
  readonly category?: Category | readonly Category[];
  readonly reason?: Reason | readonly Reason[];
};

export type Pattern = string | RegExp | readonly (string | RegExp)[];

export const ruleFields = [
  "job",
  "queue",
  "category",
  "reason",
  "error",
  "code",
  "message",
  "frame",
  "fingerprint",
] as const;

export type RuleField = (typeof ruleFields)[number];

/** @throws {OfficeError} `CONFIG_INVALID` with the place, and what should stand there */
export function checkFingerprintRules(rules: unknown): asserts rules is readonly FingerprintRule[] {
  if (!Array.isArray(rules)) throw configInvalid("fingerprint", "it must be a list of rules, such as { name, match }");
  const names = new Set<string>();
  for (const [i, rule] of (rules as unknown[]).entries()) {
    const where = `fingerprint[${i}]`;
    const { name, match, by, title } = objectOf<FingerprintRule>(where, rule, ["name", "match", "by", "title"]);
    if (typeof name !== "string" || name.trim() === "" || name.length > 100)
      throw configInvalid(`${where}.name`, "it must be a name of at most 100 characters");
    if (names.has(name)) throw configInvalid(where, `two rules have the name "${name}"; put both into one's match`);
    names.add(name);
    checkMatch(`${where}.match`, match);
    checkBy(where, match, by);
    checkTitle(where, title, by ?? []);
  }
}

/** In a rule's title: what `by` found. */
export const placeholder = /\{([^{}]*)\}/g;

export function isField(word: string): word is RuleField {
  return (ruleFields as readonly string[]).includes(word);
}

const matchFields = ["error", "code", "message", "job", "queue", "category", "reason"] as const;

function objectOf<T extends object>(where: string, value: unknown, known: readonly (keyof T & string)[]): Partial<T> {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof RegExp)
    throw configInvalid(where, `it must be an object of ${known.join(", ")}`);
  for (const key of Object.keys(value))
    if (!known.includes(key as never)) throw configInvalid(where, unknownWord("key", key, known));
  return value;
}

function checkMatch(where: string, match: unknown): asserts match is RuleMatch {
  const given = Object.entries(objectOf<RuleMatch>(where, match, matchFields)).filter(
    ([, value]) => value !== undefined,
  );
  if (given.length === 0)
    throw configInvalid(
      where,
      `it must say what deaths have: ${matchFields.join(", ")}. For all of them: { job: "*" }`,
    );
  for (const [field, value] of given) {
    const values: readonly unknown[] = listOf<unknown>(value);
    if (values.length === 0) throw configInvalid(`${where}.${field}`, "the list is empty, so nothing would match");
    for (const one of values) {
      const words = field === "category" ? categories : field === "reason" ? reasons : undefined;
      if (words !== undefined) {
        if (typeof one !== "string" || !(words as readonly string[]).includes(one))
          throw configInvalid(`${where}.${field}`, unknownWord(field, String(one), words));
      } else if (!(one instanceof RegExp) && (typeof one !== "string" || one === ""))
        throw configInvalid(
          `${where}.${field}`,
          `it must be a text or a regular expression, got ${JSON.stringify(one)}`,
        );
    }
  }
}

function checkBy(where: string, match: RuleMatch, by: unknown): asserts by is readonly string[] | undefined {
  if (by === undefined) return;
  if (!Array.isArray(by) || by.length === 0)
    throw configInvalid(`${where}.by`, `it must be a list such as ["job"]; known: ${ruleFields.join(", ")}`);
  const patterns = Object.values(match).flatMap((value) => listOf<unknown>(value));
  const groups = patterns.flatMap((one) => (one instanceof RegExp ? namesOfGroups(one) : []));
  const known = [...ruleFields, ...groups];
  for (const word of by as unknown[])
    if (typeof word !== "string" || !known.includes(word))
      throw configInvalid(`${where}.by`, unknownWord("field or group", String(word), known));
  for (const group of groups)
    if (isField(group))
      throw configInvalid(`${where}.match`, `a group cannot be named "${group}": that is a field; name it otherwise`);
}

/** All of its alternatives' names, though one alone matches: an empty alternative always does, and lists them. */
function namesOfGroups(pattern: RegExp): string[] {
  return Object.keys(new RegExp(`${pattern.source}|`, pattern.flags).exec("")?.groups ?? {});
}

/** What isn't in `by` differs from one death to the next, and the first would name them all. */
function checkTitle(where: string, title: unknown, by: readonly string[]): void {
  if (title === undefined) return;
  if (typeof title !== "string" || title.trim() === "") throw configInvalid(`${where}.title`, "it must be a text");
  for (const [, word = ""] of title.matchAll(placeholder))
    if (!by.includes(word)) throw configInvalid(`${where}.title`, `{${word}} is not in the rule's "by"`);
}
