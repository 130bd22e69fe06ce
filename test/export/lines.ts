import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

/** The lines of an export. */
export async function linesOf(letters: Readable): Promise<string[]> {
  return (await text(letters)).split("\n").slice(0, -1);
}

export function jsonLines(lines: readonly string[]): Record<string, any>[] {
  return lines.map((line) => JSON.parse(line) as Record<string, any>);
}
