import { utf8Bytes } from "./clean.ts";

/** Temporal's limit is 400 bytes, though its development server takes more; and a codec makes it longer. */
const longestBytes = 200;

/** The beginning of a text as one line that a summary may have: what shows beside a workflow in Temporal Web UI's list. */
export function summaryLine(text: string): string {
  const line = text.replaceAll(/\s+/g, " ");
  let [end, bytes] = [0, 0];
  for (const character of line) {
    // It travels as JSON, in which quotes have a backslash.
    bytes += utf8Bytes(JSON.stringify(character)) - 2;
    if (bytes > longestBytes) break;
    end += character.length;
  }
  return line.slice(0, end);
}
