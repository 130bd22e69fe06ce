import type { Pruned, PruneOptions, PrunePreview } from "../client/index.ts";
import { cut, oneLine } from "./cut.ts";
import { paint } from "./paint.ts";
import { absoluteTime, bothTimes } from "./relative-time.ts";
import { shortIds } from "./short-ids.ts";
import { table } from "./table.ts";

/** What a prune would delete: how many, by job and status, and the first of them. */
export function prunePreviewText({ letters, oldestClosedAt, newestClosedAt, groups, samples }: PrunePreview): string {
  const short = shortIds(samples.map(({ id }) => id));
  const shown = groups.slice(0, mostGroups);
  const rest = groups.slice(mostGroups).reduce((sum, group) => sum + group.letters, 0);
  return [
    `${paint("bold", said(letters, "letter"))} would be deleted, closed ${betweenText(oldestClosedAt, newestClosedAt)}.`,
    "",
    table(
      ["JOB", "STATUS", "LETTERS"],
      [
        ...shown.map((group) => [name(group.job), group.status, group.letters.toLocaleString("en-US")]),
        ...(rest === 0 ? [] : [["others", "", rest.toLocaleString("en-US")]]),
      ],
    ),
    "",
    table(
      ["LETTER", "JOB", "ID", "STATUS", "CLOSED", "KEPT UNTIL"],
      samples.map(({ id, job, workflowId, status, closedAt, keepUntil }) => [
        ...[short.get(id) ?? id, name(job), name(workflowId), status],
        ...[
          closedAt === null ? "-" : absoluteTime(closedAt),
          keepUntil === null ? "for ever" : absoluteTime(keepUntil),
        ],
      ]),
    ),
    ...(letters > samples.length ? [`and ${said(letters - samples.length, "more", "more")}`] : []),
  ].join("\n");
}

/** What was deleted, and what is there now. */
export function prunedText({ letters, left, remaining, oldestClosedAt, newestClosedAt }: Pruned): string {
  const { open, closed } = remaining;
  return [
    letters === 0
      ? "No closed letters had to go, so nothing was deleted."
      : `Deleted ${said(letters, "letter")}, closed ${betweenText(oldestClosedAt, newestClosedAt)}.`,
    `Remaining: ${open.toLocaleString("en-US")} open, ${closed.toLocaleString("en-US")} closed.`,
    ...(left === 0
      ? []
      : [
          `${said(left, "letter")} more had to go, but could not yet: a redrive has them, or something is just being written to them. The next prune takes them.`,
        ]),
  ].join("\n");
}

export function nothingText({ filter, olderThan }: Pick<PruneOptions, "filter" | "olderThan">): string {
  const which = filter === undefined ? "No closed letters" : "No closed letters like that";
  return olderThan === undefined ? `${which} are past their keep time.` : `${which} were closed so long ago.`;
}

export function said(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}

const mostGroups = 20;

function betweenText(oldest: Date | null, newest: Date | null): string {
  if (oldest === null || newest === null) return "at no known time";
  if (oldest.getTime() === newest.getTime()) return `at ${bothTimes(oldest)}`;
  return `between ${bothTimes(oldest)} and ${bothTimes(newest)}`;
}

function name(text: string): string {
  return cut(oneLine(text), 60);
}
