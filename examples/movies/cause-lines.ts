import { cut, harmless, oneLine } from "../../cli/cut.ts";
import { paintCategory } from "../../cli/letter-table.ts";
import { paint } from "../../cli/paint.ts";
import { shortIds } from "../../cli/short-ids.ts";
import type { DeadOfCause } from "./dead-by-cause.ts";
import { count } from "./screen.ts";

/** A cause a paragraph: how many, of which category, what happened, and one letter as a sample. */
export function causeLines(causes: readonly DeadOfCause[], columns: number): string[] {
  const short = shortIds(causes.map(({ sampleId }) => sampleId));
  const counts = causes.map(({ letters }) => count(letters));
  const width = Math.max(0, ...counts.map(({ length }) => length));
  const categories = Math.max(0, ...causes.map(({ category }) => category.length));
  const indent = " ".repeat(width + categories + 6);
  return causes.flatMap(({ category, title, sampleId, sampleJob, sampleKey }, index) => {
    const head = `  ${counts[index]?.padStart(width)}  ${paintCategory(category)}${" ".repeat(categories - category.length + 2)}`;
    const [first = "", ...rest] = wrap(harmless(oneLine(title)), Math.max(30, columns - indent.length));
    const key = sampleKey === null ? "" : ` ${cut(harmless(sampleKey), 30)}`;
    const sample = paint("dim", `for example ${short.get(sampleId) ?? sampleId} ${sampleJob}${key}`);
    return [head + first, ...rest.map((line) => indent + line), indent + sample];
  });
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length >= columns) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}
