import Table from "cli-table3";
import { paint } from "./paint.ts";

/** Columns without borders, as Temporal's own command line has them; lines have no blanks at their ends. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const grid = new Table({
    head: head.map((title) => paint("bold", title)),
    chars: noBorders,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
  });
  for (const row of rows) grid.push([...row]);
  return grid
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Name and value pairs, aligned. */
export function pairs(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length)) + 2;
  return rows
    .map(([name, value]) => paint("dim", name.padEnd(width)) + value.split("\n").join(`\n${" ".repeat(width)}`))
    .join("\n");
}

const noBorders = Object.fromEntries(
  [
    "top",
    "top-mid",
    "top-left",
    "top-right",
    "bottom",
    "bottom-mid",
    "bottom-left",
    "bottom-right",
    "left",
    "left-mid",
    "mid",
    "mid-mid",
    "right",
    "right-mid",
    "middle",
  ].map((part) => [part, ""]),
);
