import type { LetterDiff } from "../client/index.ts";
import { cut, oneLine } from "./cut.ts";
import { differenceText, pathText } from "./field-text.ts";
import { ownCommand } from "./own-command.ts";
import { paint } from "./paint.ts";
import { relativeTime } from "./relative-time.ts";
import { shortId } from "./short-ids.ts";
import { jsonDiff } from "./show-diff.ts";
import { pairs } from "./table.ts";

/** What sets a letter's input apart, for a person. */
export function diffText(diff: LetterDiff): string {
  const { letter, runs, unread, differences, equal } = diff;
  const sections = [
    [
      paint("bold", `${oneLine(letter.job)} ${oneLine(letter.workflowId)}`),
      paint("red", cut(oneLine(`${letter.errorType}: ${letter.errorMessage}`), 200)),
    ].join("\n"),
  ];
  if (runs.length === 0) sections.push(noneText(diff));
  else {
    const apart = differences.filter(({ kind }) => kind !== "differs");
    const rest = differences.filter(({ kind }) => kind === "differs");
    sections.push(comparedText(diff));
    if (apart.length > 0) sections.push(section("Sets it apart", lines(apart), apart.length - mostLines));
    if (rest.length > 0)
      sections.push(section(apart.length > 0 ? "Differs as well" : "Differs", lines(rest), rest.length - mostLines));
    if (differences.length === 0) sections.push("Its input is the same as theirs: look elsewhere than at the input.");
    if (equal.length > 0)
      sections.push(
        `${paint("bold", `The same in all (${equal.length})`)}\n  ${cut(equal.map(pathText).join(", "), 400)}`,
      );
  }
  if (unread.length > 0)
    sections.push(
      section(
        "Not compared",
        unread.map(({ workflowId, why }) => `  ${oneLine(workflowId)}: ${oneLine(why)}`).join("\n"),
      ),
    );
  if ("original" in diff)
    sections.push(
      section(
        letter.status === "recovered" ? "Recovered with an amended input" : "Amended since it died",
        indent(jsonDiff(diff.original, diff.payload)),
      ),
    );
  if (diff.cut) sections.push(paint("dim", "Some inputs have more fields than were looked at."));
  return sections.join("\n\n");
}

const mostLines = 25;

function lines(differences: LetterDiff["differences"]): string {
  return pairs(differences.slice(0, mostLines).map((one) => [`  ${pathText(one.path)}`, differenceText(one)]));
}

function comparedText({ runs }: LetterDiff): string {
  const closed = runs.flatMap(({ closedAt }) => (closedAt === null ? [] : [relativeTime(closedAt)]));
  const when = closed.length === 0 ? "" : ` (the newest ${closed[0]}, the oldest ${closed.at(-1)})`;
  return runs.length === 1
    ? `Against the one run that succeeded${closed.length === 0 ? "" : `, ${closed[0]}`}. Of a single one nobody can tell what is usual.`
    : `Against the last ${runs.length} runs that succeeded${when}`;
}

function noneText({ letter, unread }: LetterDiff): string {
  const short = shortId(letter.id);
  return [
    unread.length > 0
      ? `No input of a run of ${oneLine(letter.workflowType)} that succeeded can be read.`
      : `Temporal knows no run of ${oneLine(letter.workflowType)} that succeeded: it forgets them after the namespace's retention.`,
    "What else to try:",
    `  ${ownCommand} similar ${short}     letters like it, those that recovered among them`,
    `  ${ownCommand} reproduce ${short}   run the handler here, on this input or another`,
  ].join("\n");
}

function section(title: string, text: string, more = 0): string {
  return [paint("bold", title), text, ...(more > 0 ? [paint("dim", `  and ${more} more: -o json has them`)] : [])].join(
    "\n",
  );
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
