import { createHash } from "node:crypto";
import type { Category } from "./category.ts";
import { cutText } from "./clean.ts";
import type { ErrorCause, ErrorRecord } from "./error-record.ts";
import { type Fingerprint, fingerprint, fingerprintVersion, uuidOf } from "./fingerprint.ts";
import { type FingerprintRule, isField, type Pattern, placeholder, type RuleMatch } from "./fingerprint-rule.ts";
import { listOf } from "./list-of.ts";
import type { CauseRef } from "./ledger.ts";
import type { Reason } from "./reason.ts";

/** A death, as far as rules look at it. */
export type RuledDeath = {
  readonly error: ErrorRecord;
  readonly job: string;
  readonly queue: string;
  readonly category: Category;
  readonly reason: Reason;
};

/** The cause by the first rule that matches; undefined where none does. */
export function causeByRule(
  rules: readonly FingerprintRule[],
  death: RuledDeath,
): (CauseRef & { rule: string }) | undefined {
  for (const rule of rules) {
    const matched = matchOf(rule.match, death);
    if (matched !== undefined) return causeOf(rule, death, matched);
  }
  return undefined;
}

/** The cause of an error that no rule claims. */
export function builtInCause(error: ErrorRecord): CauseRef {
  const { causeId, version, hash, title } = fingerprint(error);
  return { id: causeId, version, fingerprint: hash, title };
}

/** The error that matched, and what the groups of the patterns took. */
type Matched = { readonly error: ErrorCause; readonly groups: Readonly<Record<string, string>> };

const errorFields = ["error", "code", "message"] as const;
const deathFields = ["job", "queue", "category", "reason"] as const;

function matchOf(match: RuleMatch, death: RuledDeath): Matched | undefined {
  const groups: Record<string, string> = {};
  for (const field of deathFields) if (!fits(match[field], death[field], field, groups)) return undefined;
  for (const error of chainOf(death.error)) {
    const found = { ...groups };
    const said = { error: error.type, code: error.code ?? "", message: error.message };
    if (errorFields.every((field) => fits(match[field], said[field], field, found))) return { error, groups: found };
  }
  return undefined;
}

/** The error itself first, then what lay below it. */
function* chainOf(error: ErrorRecord): Generator<ErrorCause> {
  for (const link of [error, ...error.causes]) {
    yield link;
    for (const member of link.errors ?? []) yield* chainOf(member);
  }
}

function fits(pattern: Pattern | undefined, text: string, field: string, groups: Record<string, string>): boolean {
  if (pattern === undefined) return true;
  return listOf(pattern).some((one) => {
    const match = regExpOf(one, field).exec(text);
    for (const [name, found] of Object.entries(match?.groups ?? {})) groups[name] = found ?? "";
    return match !== null;
  });
}

const compiled = new Map<string, RegExp>();

function regExpOf(pattern: string | RegExp, field: string): RegExp {
  const key = `${field === "message" ? "in" : "is"} ${String(pattern instanceof RegExp)} ${String(pattern)}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const made = compile(pattern, field);
  compiled.set(key, made);
  return made;
}

function compile(pattern: string | RegExp, field: string): RegExp {
  // One that is global remembers where it ended, and would match every other time.
  if (pattern instanceof RegExp) return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
  const any = pattern
    .split("*")
    .map((text) => text.replace(/[\\^$.+?()[\]{}|/]/g, "\\$&"))
    .join("[^]*");
  return field === "message" ? new RegExp(any, "iu") : new RegExp(`^${any}$`, "u");
}

function causeOf(rule: FingerprintRule, death: RuledDeath, { error, groups }: Matched): CauseRef & { rule: string } {
  let builtIn: Fingerprint | undefined;
  const own = () => (builtIn ??= fingerprint(death.error));
  const valueOf = (by: string): string => {
    if (!isField(by)) return groups[by] ?? "";
    switch (by) {
      case "job":
      case "queue":
      case "category":
      case "reason":
        return death[by];
      case "error":
        return error.type;
      case "code":
        return error.code ?? "";
      case "message":
        return fingerprint({ ...error, causes: [] }).normalizedMessage;
      case "frame":
        return own().frame ?? "";
      case "fingerprint":
        return own().hash;
    }
  };
  const { name, by = [], title } = rule;
  const found = by.map((word) => [word, cutText(valueOf(word), 250)] as const);
  const hash = createHash("sha256")
    .update(JSON.stringify([name, found]))
    .digest("hex")
    .slice(0, 32);
  const shown = new Map(found.map(([word, value]) => [word, word === "fingerprint" ? own().title : value]));
  const said = [...shown.values()].filter((text) => text !== "").join(", ");
  const named =
    title === undefined
      ? `${name}${said === "" ? "" : ` (${said})`}`
      : title.replace(placeholder, (_, word: string) => shown.get(word) ?? "");
  return {
    id: uuidOf(`dead-letter-office rule ${hash}`),
    version: fingerprintVersion,
    fingerprint: hash,
    title: cutText(named.replace(/\s+/g, " "), 200),
    rule: name,
  };
}
