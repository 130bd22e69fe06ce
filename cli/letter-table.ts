import type { Category } from "../model/category.ts";
import { needsPerson } from "../model/category.ts";
import type { Status } from "../model/status.ts";
import { isOpen } from "../model/status.ts";
import type { LetterRow } from "../client/index.ts";
import { cut, oneLine } from "./cut.ts";
import { paint } from "./paint.ts";
import { briefTime } from "./relative-time.ts";
import { shortIds } from "./short-ids.ts";
import { table } from "./table.ts";

/**
 * @param columns the terminal's width: errors are cut to it, and where they would have no room at all, the columns that can
 *   be done without are left out, and then what letters are about is cut, too. Absent: errors are shown at some length
 */
export function letterTable(letters: readonly LetterRow[], columns: number | undefined): string {
  const short = shortIds(letters.map(({ id }) => id));
  const cells = letters.map((letter) => ({
    id: short.get(letter.id) ?? letter.id,
    status: letter.status,
    job: cut(oneLine(letter.job), 30),
    about: cut(oneLine(letter.key ?? shortWorkflowId(letter)), 32),
    category: letter.category,
    error: oneLine(`${letter.errorType}: ${letter.errorMessage}`),
    deaths: String(letter.deaths),
    failed: briefTime(letter.failedAt),
    expires: expiry(letter),
  }));
  const widthOf = (column: Column) => Math.max(heads[column].length, ...cells.map((cell) => cell[column].length)) + gap;
  let shown: readonly Column[] = Object.keys(heads) as Column[];
  const room = () =>
    columns === undefined
      ? longestError
      : columns - shown.reduce((sum, column) => sum + (column === "error" ? 0 : widthOf(column)), 0);
  for (const column of dispensable) if (room() < shortestError) shown = shown.filter((one) => one !== column);
  const missing = Math.max(0, shortestError - room());
  const aboutLength = Math.max(shortestAbout, widthOf("about") - gap - missing);
  for (const cell of cells) cell.about = cut(cell.about, aboutLength);
  const errorLength = Math.max(room(), shortestError);
  return table(
    shown.map((column) => heads[column]),
    cells.map((cell) =>
      shown.map((column) => {
        if (column === "error") return cut(cell.error, errorLength);
        if (column === "status") return paintStatus(cell.status);
        return column === "category" ? paintCategory(cell.category) : cell[column];
      }),
    ),
  );
}

export function paintStatus(status: Status): string {
  switch (status) {
    case "parked":
      return paint("yellow", status);
    case "retrying":
      return paint("cyan", status);
    case "recovered":
    case "superseded":
      return paint("green", status);
    case "expired":
    case "discarded":
      return paint("dim", status);
  }
}

export function paintCategory(category: Category): string {
  return paint(needsPerson(category) ? "red" : "magenta", category);
}

const heads = {
  id: "ID",
  status: "STATUS",
  job: "JOB",
  about: "ABOUT",
  category: "CATEGORY",
  error: "ERROR",
  deaths: "DEATHS",
  failed: "FAILED",
  expires: "EXPIRES",
} as const;

type Column = keyof typeof heads;

/** What a narrow terminal does without, first things first. */
const dispensable: readonly Column[] = ["deaths", "expires", "job"];

const gap = 2;
const shortestError = 20;
const shortestAbout = 12;
const longestError = 120;

/** The job's name has a column of its own. */
function shortWorkflowId({ workflowId, job }: LetterRow): string {
  return workflowId.startsWith(`${job}/`) ? workflowId.slice(job.length + 1) : workflowId;
}

function expiry({ status, expiresAt, retryAt, retryWhen }: LetterRow): string {
  if (!isOpen(status)) return "-";
  if (retryAt !== null) return `retry ${briefTime(retryAt)}`;
  if (retryWhen !== null) return `retry when ${cut(oneLine(retryWhen), 20)}`;
  if (status === "retrying") return "-";
  return expiresAt === null ? "never" : briefTime(expiresAt);
}
