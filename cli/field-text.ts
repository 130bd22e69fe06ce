import type { Difference } from "../client/index.ts";
import { cut, harmless } from "./cut.ts";

type Cell = NonNullable<Difference["here"]>;

/** What a payload has in a field, on one line: `"1999"`, `3 items`, `"a", "b" (of 7)`; a dash where it has no such field. */
export function cellText(cell: Cell | null, length: number): string {
  if (cell === null) return "-";
  const { values, count, items } = cell;
  if (items !== undefined) return items === 1 ? "1 item" : `${items} items`;
  const text = values.map(valueText).join(", ");
  return count === undefined ? cut(text, length) : `${cut(text, length)} (of ${count})`;
}

/** A value as JSON on one line. */
export function valueText(value: unknown): string {
  return harmless(JSON.stringify(value) ?? "nothing");
}

/** The whole payload has no name of its own. */
export function pathText(path: string): string {
  return path === "" ? "the whole input" : harmless(path);
}

/** What is remarkable about a difference, on one line: `"1999" (string), always number in 5 of 5: 1999, 2001`. */
export function differenceText(difference: Difference): string {
  const { kind, here, types, have, of, range } = difference;
  const mine = cellText(here, 60);
  const seen = seenText(difference);
  switch (kind) {
    case "type":
      return `${mine} (${here?.type ?? ""}); ${types.join(" or ")} in ${have} of ${of}: ${seen}`;
    case "missing":
      return `missing; there in ${of} of ${of}: ${seen}`;
    case "extra":
      return `${mine}; there in none of ${of}`;
    case "value":
      return `${mine}; ${difference.distinct === 1 ? "always" : "only"} ${seen} in ${have} of ${of}`;
    case "form":
      return `${mine}; made another way in ${have} of ${of}: ${seen}`;
    case "range":
      return `${mine}; ${rangeText(difference, range)} in ${have} of ${of}`;
    case "differs":
      return `${here === null ? "missing" : mine}; ${seen}${have === of ? "" : `; missing in ${of - have} of ${of}`}`;
  }
}

function seenText({ seen, distinct, types }: Difference): string {
  if (types.length === 1 && (types[0] === "object" || types[0] === "list")) return cut(valueText(seen[0]?.value), 60);
  const texts = seen
    .slice(0, 3)
    .map(({ value, times }) => `${cut(valueText(value), 40)}${times > 1 ? ` (${times})` : ""}`);
  const more = distinct - texts.length;
  return [...texts, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

function rangeText({ here, types }: Difference, range: Difference["range"]): string {
  const [smallest, largest] = range ?? [];
  const span = smallest === largest ? String(smallest) : `${smallest} to ${largest}`;
  if (here?.type === "list" && types.includes("list")) return span === "1" ? "1 item" : `${span} items`;
  return here?.type === "string" ? `${span} characters` : span;
}
