import type { Category } from "../model/category.ts";
import { needsPerson } from "../model/category.ts";
import type { Status } from "../model/status.ts";
import { isOpen } from "../model/status.ts";
import type { LetterRow } from "../client/index.ts";
import { cut, oneLine } from "./cut.ts";
import { paint } from "./paint.ts";
import { relativeTime } from "./relative-time.ts";
import { shortIds } from "./short-ids.ts";
import { table } from "./table.ts";

/** @param columns the terminal's width, to which errors are cut; absent: they are shown at some length */
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
    failed: relativeTime(letter.failedAt),
    expires: expiry(letter),
  }));
  const widths = Object.fromEntries(
    heads.map(([column, title]) => [column, Math.max(title.length, ...cells.map((cell) => cell[column].length)) + gap]),
  );
  const others = heads.reduce((sum, [column]) => sum + (column === "error" ? 0 : (widths[column] ?? 0)), 0);
  const room = columns === undefined ? longestError : Math.max(shortestError, columns - others - gap);
  return table(
    heads.map(([, title]) => title),
    cells.map((cell) =>
      heads.map(([column]) => {
        if (column === "error") return cut(cell.error, room);
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

const heads = [
  ["id", "ID"],
  ["status", "STATUS"],
  ["job", "JOB"],
  ["about", "ABOUT"],
  ["category", "CATEGORY"],
  ["error", "ERROR"],
  ["deaths", "DEATHS"],
  ["failed", "FAILED"],
  ["expires", "EXPIRES"],
] as const;

const gap = 2;
const shortestError = 20;
const longestError = 120;

/** The job's name has a column of its own. */
function shortWorkflowId({ workflowId, job }: LetterRow): string {
  return workflowId.startsWith(`${job}/`) ? workflowId.slice(job.length + 1) : workflowId;
}

function expiry({ status, expiresAt, retryAt }: LetterRow): string {
  if (!isOpen(status)) return "-";
  if (retryAt !== null) return `retry ${relativeTime(retryAt)}`;
  if (status === "retrying") return "-";
  return expiresAt === null ? "never" : relativeTime(expiresAt);
}
