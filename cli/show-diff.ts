import { harmless } from "./cut.ts";
import { lineDiff } from "./line-diff.ts";
import { paint } from "./paint.ts";

/** What changed between two values, as JSON, in lines with - and +. */
export function jsonDiff(before: unknown, after: unknown, stream: NodeJS.WriteStream = process.stdout): string {
  return lineDiff(prettyJson(before), prettyJson(after))
    .map((line) => {
      if (line === null) return paint("dim", "  …", stream);
      const text = `${line.mark} ${harmless(line.text)}`;
      if (line.mark === " ") return text;
      return paint(line.mark === "-" ? "red" : "green", text, stream);
    })
    .join("\n");
}

export function prettyJson(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "undefined";
}
