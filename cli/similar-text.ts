import type { SimilarLetter, SimilarLetters } from "../client/index.ts";
import { cut, oneLine } from "./cut.ts";
import { cellText, differenceText, pathText, valueText } from "./field-text.ts";
import { paintStatus } from "./letter-table.ts";
import { ownCommand } from "./own-command.ts";
import { paint } from "./paint.ts";
import { briefTime } from "./relative-time.ts";
import { shortIds } from "./short-ids.ts";
import { pairs, table } from "./table.ts";

/** @param columns the terminal's width: as many fields as it has room for are columns, the others are lines below */
export function similarText(similar: SimilarLetters, columns: number | undefined): string {
  const { letter, others } = similar;
  const error = paint("red", cut(oneLine(`${letter.errorType}: ${letter.errorMessage}`), 200));
  if (others.length === 0)
    return `${error}\n\nNo other letter is like this one: none of its cause, and none of job ${oneLine(letter.job)} with this type of error.`;
  const sections = [[error, countText(others)].join("\n"), sideBySide(similar, columns)];
  if (similar.comparison.varying.length === 0 && similar.compared.length > 1)
    sections.push("Their inputs are the same.");
  const { equal, cut: isCut } = similar.comparison;
  if (equal.length > 0 && similar.compared.length > 1)
    sections.push(
      section(
        `The same in all ${similar.compared.length}`,
        pairs(equal.slice(0, mostEqual).map(({ path, value }) => [`  ${pathText(path)}`, cut(valueText(value), 80)])),
        equal.length - mostEqual,
      ),
    );
  if (similar.hints.length > 0)
    sections.push(
      section(
        `Unlike ${similar.recovered === 1 ? "the one" : `all ${similar.recovered}`} that recovered`,
        pairs(similar.hints.map((hint) => [`  ${pathText(hint.path)}`, differenceText(hint)])),
      ),
    );
  const unread = unreadLines(similar);
  if (unread.length > 0) sections.push(section("Not compared", unread.join("\n")));
  if (isCut) sections.push(paint("dim", "Some inputs have more fields than were looked at."));
  const recovered = others.find(({ letter: { status } }) => status === "recovered");
  const next = [
    `diff ${shortOf(similar, letter.id)}`,
    `show ${shortOf(similar, (recovered ?? others[0])?.letter.id ?? "")}`,
  ];
  sections.push(section("Next", next.map((line) => `  ${ownCommand} ${line}`).join("\n")));
  return sections.join("\n\n");
}

const mostEqual = 20;
const widestField = 28;
/** Where there is no terminal to fit. */
const defaultColumns = 160;

function countText(others: readonly SimilarLetter[]): string {
  const ofCause = others.filter(({ likeness }) => likeness === "cause").length;
  const ofError = others.length - ofCause;
  const parts = [
    ...(ofCause === 0 ? [] : [`${ofCause} of the same cause`]),
    ...(ofError === 0 ? [] : [`${ofError} of the same job and type of error, but another cause`]),
  ];
  return `${others.length} like it: ${parts.join(", ")}`;
}

function sideBySide(similar: SimilarLetters, columns = defaultColumns): string {
  const { letter, others, compared, comparison } = similar;
  const rows = [
    { letter, like: "this one" },
    ...others.map((other) => ({ letter: other.letter, like: other.likeness === "cause" ? "cause" : "error" })),
  ];
  const fixed = rows.map((row) => [
    shortOf(similar, row.letter.id),
    row.like,
    paintStatus(row.letter.status),
    briefTime(row.letter.failedAt),
  ]);
  const fields = comparison.varying.map(({ path, cells, distinct }) => {
    const texts = rows.map((row) => {
      const at = compared.indexOf(row.letter.id);
      return at < 0 ? "?" : cellText(cells[at] ?? null, widestField);
    });
    return {
      path,
      cells,
      distinct,
      texts,
      width: Math.max(pathText(path).length, ...texts.map((text) => text.length)) + 2,
    };
  });
  let room = columns - fixedWidth(similar);
  const shown: typeof fields = [];
  const left: typeof fields = [];
  for (const field of fields) {
    if (left.length === 0 && field.width <= room) {
      shown.push(field);
      room -= field.width;
    } else left.push(field);
  }
  const grid = table(
    ["ID", "LIKE", "STATUS", "FAILED", ...shown.map(({ path }) => pathText(path))],
    fixed.map((cells, i) => [...cells, ...shown.map(({ texts }) => texts[i] ?? "")]),
  );
  if (left.length === 0) return grid;
  const lines = pairs(left.slice(0, mostEqual).map(({ path, cells }) => [`  ${pathText(path)}`, tallyText(cells)]));
  return `${grid}\n\n${section("Differ as well", lines, left.length - mostEqual)}`;
}

function fixedWidth({ letter, others }: SimilarLetters): number {
  const ids = [letter.id, ...others.map((other) => other.letter.id)];
  const id = Math.max(...[...shortIds(ids).values()].map((text) => text.length));
  return id + 2 + "this one".length + 2 + "superseded".length + 2 + "59m ago".length + 3;
}

function tallyText(cells: SimilarLetters["comparison"]["varying"][number]["cells"]): string {
  const times = new Map<string, number>();
  for (const cell of cells) {
    const text = cell === null ? "missing" : cellText(cell, 40);
    times.set(text, (times.get(text) ?? 0) + 1);
  }
  const all = [...times].toSorted(([, a], [, b]) => b - a);
  const texts = all.slice(0, 4).map(([text, n]) => (n === 1 ? text : `${text} (${n})`));
  return [...texts, ...(all.length > 4 ? [`${all.length - 4} more`] : [])].join(", ");
}

function unreadLines(similar: SimilarLetters): string[] {
  return [similar, ...similar.others].flatMap(({ letter: { id }, input }) =>
    input.unread === undefined ? [] : [`  ${shortOf(similar, id)}: ${oneLine(input.unread)}`],
  );
}

function section(title: string, text: string, more = 0): string {
  return [paint("bold", title), text, ...(more > 0 ? [paint("dim", `  and ${more} more: -o json has them`)] : [])].join(
    "\n",
  );
}

function shortOf({ letter, others }: SimilarLetters, id: string): string {
  return shortIds([letter.id, ...others.map((other) => other.letter.id)]).get(id) ?? id;
}
