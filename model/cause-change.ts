import type { AssignCause, IgnoreCause, NoteCause, RenameCause, ResolveCause } from "./cause-command.ts";
import type { Signature } from "./command.ts";
import { parseDuration } from "./duration.ts";
import { usage } from "./office-error.ts";
import { unknownWord } from "./suggest.ts";

/** What a command makes of a cause, checked: its event's type, and what that tells. */
export type CauseChange =
  | { readonly type: "cause_resolved"; readonly inBuild?: string }
  | { readonly type: "cause_ignored"; readonly untilMs?: number; readonly deaths?: number; readonly withinMs?: number }
  | { readonly type: "cause_reopened" }
  | { readonly type: "cause_noted"; readonly text: string }
  | { readonly type: "cause_assigned"; readonly owner: string | null }
  | { readonly type: "cause_renamed"; readonly title: string };

/** @throws {OfficeError} `USAGE` with the field, and what it should be; so do all of these */
export function resolveChange({ inBuild, ...rest }: ResolveCause): CauseChange {
  checkSigned("resolve", rest, ["inBuild"]);
  return { type: "cause_resolved", ...(inBuild === undefined ? {} : { inBuild: textOf("inBuild", inBuild, 255) }) };
}

export function ignoreChange(command: IgnoreCause, nowMs: number): CauseChange {
  const { until, deaths, rate, ...rest } = command as Signature & {
    readonly [Rule in "until" | "deaths" | "rate"]?: unknown;
  };
  checkSigned("ignore", rest, ["until", "deaths", "rate"]);
  if ([until, deaths, rate].filter((rule) => rule !== undefined).length > 1)
    throw usage("A cause is ignored by one rule: until, deaths or rate, not several");
  if (until !== undefined) {
    const untilMs = until instanceof Date ? until.getTime() : nowMs + spanOf("until", until);
    if (!(untilMs > nowMs)) throw usage('until must be a time to come, or a duration such as "2 days"');
    return { type: "cause_ignored", untilMs };
  }
  if (deaths !== undefined) return { type: "cause_ignored", deaths: countOf("deaths", deaths) };
  if (rate === undefined) return { type: "cause_ignored" };
  const { deaths: often, within, ...more } = asObject(rate);
  for (const key of Object.keys(more)) throw usage(`rate: ${unknownWord("field", key, ["deaths", "within"])}`);
  return {
    type: "cause_ignored",
    deaths: countOf("rate.deaths", often),
    withinMs: spanOf("rate.within", within),
  };
}

export function reopenChange(command: Signature): CauseChange {
  checkSigned("reopen", command, []);
  return { type: "cause_reopened" };
}

export function noteChange({ text, ...rest }: NoteCause): CauseChange {
  checkSigned("note", rest, ["text"]);
  if (text === "") return { type: "cause_noted", text };
  return { type: "cause_noted", text: textOf("text", text, 10_000) };
}

export function assignChange({ owner, ...rest }: AssignCause): CauseChange {
  checkSigned("assign", rest, ["owner"]);
  return { type: "cause_assigned", owner: owner === null ? null : textOf("owner", owner, 255) };
}

export function renameChange({ title, ...rest }: RenameCause): CauseChange {
  checkSigned("rename", rest, ["title"]);
  return { type: "cause_renamed", title: textOf("title", title, 200) };
}

const longestTexts = { by: 1000, reason: 10_000, requestId: 255 } as const satisfies Record<keyof Signature, number>;

/** The signature, and that nothing else was given. */
function checkSigned(name: string, rest: object, own: readonly string[]): void {
  for (const [key, value] of Object.entries(rest)) {
    const longest = (longestTexts as Readonly<Record<string, number>>)[key];
    if (longest === undefined)
      throw usage(`${name}: ${unknownWord("field", key, [...own, ...Object.keys(longestTexts)])}`);
    if (value !== undefined) textOf(key, value, longest);
  }
}

function textOf(field: string, value: unknown, longest: number): string {
  if (typeof value !== "string" || value.trim() === "") throw usage(`${field} must be a text, got ${shown(value)}`);
  if (value.length > longest)
    throw usage(`${field} has ${value.length} characters, and at most ${longest} are possible`);
  return value;
}

/** The deaths are counted one by one whenever some more come, so there is an end to it. */
const mostDeaths = 100_000;

function countOf(field: string, value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= mostDeaths) return value;
  throw usage(`${field} must be a whole number from 1 to ${mostDeaths}, got ${shown(value)}`);
}

function spanOf(field: string, value: unknown): number {
  try {
    return parseDuration(value, field);
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function asObject(rate: unknown): { readonly deaths?: unknown; readonly within?: unknown } {
  if (typeof rate === "object" && rate !== null) return rate;
  throw usage(`rate must be such as { deaths: 10, within: "1 hour" }, got ${shown(rate)}`);
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : (JSON.stringify(value) ?? `a ${typeof value}`);
}
