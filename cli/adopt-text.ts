import type { AdoptOutcome, NotAdopted } from "../client/index.ts";
import { notAdoptedInWords } from "../model/adopt.ts";
import { cut, oneLine } from "./cut.ts";
import { paint } from "./paint.ts";
import { said } from "./prune-text.ts";
import { absoluteTime } from "./relative-time.ts";
import { table } from "./table.ts";

/** What would be adopted: how many, by type, into which queue, the first of them; and which not, and why not. */
export function adoptPreviewText(outcome: AdoptOutcome): string {
  const { adopted, samples } = outcome;
  if (adopted === 0) return nothingToAdopt(outcome);
  return [
    `${paint("bold", said(adopted, "failed run"))} would become ${adopted === 1 ? "a dead letter" : "dead letters"}.`,
    "",
    groupsTable(outcome),
    "",
    table(
      ["TYPE", "ID", "ENDED", "CLOSED", "TASK QUEUE", "QUEUE"],
      samples.map(({ type, id, ended, closedAt, taskQueue, queue }) => [
        ...[name(type), name(id), ended.replace("_", " "), absoluteTime(new Date(closedAt)), name(taskQueue), queue],
      ]),
    ),
    ...(adopted > samples.length ? [`and ${said(adopted - samples.length, "more", "more")}`] : []),
    ...skippedLines(outcome),
  ].join("\n");
}

/** What was adopted. */
export function adoptedText(outcome: AdoptOutcome): string {
  return [
    `${paint("green", "✓")} ${said(outcome.adopted, "dead letter")} made.`,
    "",
    groupsTable(outcome),
    ...skippedLines(outcome),
    "",
    "To look at them: dlo list kind:workflow,activity status:parked",
  ].join("\n");
}

export function nothingToAdopt(outcome: AdoptOutcome): string {
  if (outcome.unsupported) return "This Temporal server has no standalone activities, so there are none to adopt.";
  return ["Nothing that failed is to be adopted.", ...skippedLines(outcome)].join("\n");
}

function groupsTable({ groups }: AdoptOutcome): string {
  return table(
    ["TYPE", "QUEUE", "LETTERS"],
    groups.map(({ type, queue, count }) => [name(type), queue, count.toLocaleString("en-US")]),
  );
}

function skippedLines({ skipped, left }: AdoptOutcome): string[] {
  const whys = Object.entries(skipped) as [NotAdopted, number][];
  if (whys.length === 0) return [];
  return [
    "",
    "Not adopted:",
    ...whys.map(([why, count]) => {
      const example = left.find((run) => run.why === why);
      const such = example === undefined ? "" : `, such as ${name(example.type)} ${name(example.id)}`;
      const said = example?.said === undefined ? "" : `: ${cut(oneLine(example.said), 200)}`;
      return `  ${count.toLocaleString("en-US")} ${notAdoptedInWords[why]}${such}${said}`;
    }),
  ];
}

function name(text: string): string {
  return cut(oneLine(text), 60);
}
