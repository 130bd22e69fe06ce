import { createHash } from "node:crypto";
import type { RecordSource } from "./record-source.ts";

/**
 * The workflow id of a record, made of its source alone, in whatever order its coordinates stand:
 * `kafka:offset=4711,partition=3,topic=orders`. A long one is cut, and ends with a hash of the whole.
 *
 * Different sources have different ids; the number 3 and the text "3" are the same.
 */
export function recordId({ system, ...coordinates }: RecordSource): string {
  const pairs = Object.entries(coordinates)
    .map(([name, value]) => `${escaped(name, inNames)}=${escaped(String(value), inValues)}`)
    .toSorted();
  const id = (system === undefined ? "" : `${escaped(String(system), inNames)}:`) + pairs.join(",");
  if (id.length <= longestId) return id;
  return `${id.slice(0, readableLength)}~${createHash("sha256").update(id).digest("hex").slice(0, 40)}`;
}

const longestId = 200;
const readableLength = 150;

// A slash in a name would let an id look like a letter's, "dead-letter/…"; the tilde is for the hash alone.
const inNames = /[^\x21-\x7e]|[%,=~:/]/gu;
const inValues = /[^\x21-\x7e]|[%,=~]/gu;

/** As in a URL: each byte of UTF-8 as a percent sign and two digits. */
function escaped(text: string, special: RegExp): string {
  return text.replaceAll(special, (char) =>
    [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(""),
  );
}
