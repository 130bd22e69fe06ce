import { usage } from "../model/office-error.ts";
import { readStdin } from "./read-stdin.ts";

/** What one command touches at most, one after the other. */
export const mostLetters = 1000;

/**
 * Letter ids from arguments; `-` reads them from standard input: one a line, or what `dlo list -o json` and `jsonl` print.
 *
 * @throws {OfficeError} `USAGE` for a line that is neither, for none, and for more than 1,000
 */
export async function readIds(given: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const id of given) {
    if (id === "-") ids.push(...idsIn(await readStdin("letter ids"), "standard input"));
    else ids.push(id);
  }
  const distinct = [...new Set(ids)];
  if (distinct.length === 0)
    throw usage("No letter ids came in. Give them as arguments, or one a line on standard input");
  if (distinct.length > mostLetters)
    throw usage(
      `${distinct.length} letters are too many at once: at most ${mostLetters}. Narrow the list, or take it in parts`,
    );
  return distinct;
}

export function readsStdin(given: readonly string[]): boolean {
  return given.includes("-");
}

/** Ids one a line, or as `dlo list` prints letters. */
export function idsIn(text: string, from: string): string[] {
  if (text.trimStart().startsWith("[")) return asList(parse(text, from)).map((item, i) => idOf(item, `Item ${i + 1}`));
  return text.split("\n").flatMap((line, i) => {
    const trimmed = line.trim();
    if (trimmed === "") return [];
    const where = `Line ${i + 1} of ${from}`;
    return trimmed.startsWith("{") ? [idOf(parse(trimmed, where), where)] : [trimmed];
  });
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usage(`${where} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function idOf(item: unknown, where: string): string {
  if (typeof item === "string") return item;
  const id = typeof item === "object" && item !== null ? (item as { id?: unknown }).id : undefined;
  if (typeof id === "string") return id;
  throw usage(`${where} has no "id"`);
}
