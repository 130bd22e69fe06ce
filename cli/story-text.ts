import type { LetterRow } from "../client/index.ts";
import { needsPerson } from "../model/category.ts";
import type { Reason } from "../model/reason.ts";
import { type RecordSource, sourceText } from "../model/record-source.ts";
import { isOpen } from "../model/status.ts";
import { cut, harmless, oneLine } from "./cut.ts";
import { deathText, errorText } from "./death-text.ts";
import { eventLine } from "./event-line.ts";
import { paintCategory, paintStatus } from "./letter-table.ts";
import { ownCommand } from "./own-command.ts";
import { paint } from "./paint.ts";
import type { ReadStory, ShownInput } from "./read-story.ts";
import { bothTimes } from "./relative-time.ts";
import { shortId } from "./short-ids.ts";
import { jsonDiff, prettyJson } from "./show-diff.ts";
import { pairs } from "./table.ts";

/** All that is known of a letter, for a person: what and why first, then how it came to that, then what to do. */
export function storyText(story: ReadStory): string {
  const { letter, deaths, events, causeEvents } = story;
  const since = [...events, ...causeEvents].toSorted((one, other) => one.id - other.id);
  const sections = [
    section(undefined, [
      headline(letter),
      paint("red", cut(oneLine(`${letter.errorType}: ${letter.errorMessage}`), 500)),
      "",
      facts(story),
    ]),
    section("Error", [errorText(letter.failure, letter.stackTrace)]),
    ...(letter.failure?.extra === undefined
      ? []
      : [
          section(letter.kind === "job" || letter.kind === "record" ? "Added by the job" : "Where it failed", [
            indent(harmless(prettyJson(letter.failure.extra))),
          ]),
        ]),
    section(
      deaths.length === 1 ? "Death" : `Deaths (${letter.deaths})`,
      deaths.map((death) => deathText(death, letter.kind !== "record" || death.n > 1)),
    ),
    section("Input", inputLines(story.input)),
    ...sourceSections(letter),
    ...(Object.keys(headersOf(letter)).length === 0
      ? []
      : [section("Headers", [indent(harmless(prettyJson(letter.headers)))])]),
    section(
      "Since then",
      since.map((event) => `  ${eventLine(event)}`),
    ),
    section("Next", nextCommands(letter)),
  ];
  return sections.join("\n\n");
}

const kindInWords = {
  workflow: "a workflow of the app's own, adopted",
  activity: "a standalone activity, adopted",
  record: "a record from elsewhere",
  step: "a step of a workflow",
} as const;

/** Why a run ended, as a clause. */
function reasonInWords(reason: Reason): string {
  switch (reason) {
    case "exhausted":
      return "its attempts are used up";
    case "non_retryable":
      return "the error is not to be retried";
    case "timed_out":
      return "it ran out of time";
    case "given_up":
      return "the code gave up";
    case "lost":
      return "its run was terminated";
    case "failed":
      return "the workflow failed by itself";
  }
}

/** What else an adopted workflow was started with. */
function sourceSections({ kind, source }: LetterRow): string[] {
  if (kind !== "workflow" && kind !== "activity") return [];
  const { memo, searchAttributes, historyGone } = (source ?? {}) as Record<string, unknown>;
  return [
    ...(historyGone === true ? [section("History", ["  gone: input and error are not known any more"])] : []),
    ...(memo === undefined ? [] : [section("Memo", [indent(harmless(prettyJson(memo)))])]),
    ...(searchAttributes === undefined
      ? []
      : [section("Search attributes", [indent(harmless(prettyJson(searchAttributes)))])]),
  ];
}

function section(title: string | undefined, lines: readonly string[]): string {
  return [...(title === undefined ? [] : [paint("bold", title)]), ...lines].join("\n");
}

function headline({ job, workflowId, status }: LetterRow): string {
  return `${paint("bold", oneLine(job))} ${oneLine(workflowId)} is ${paintStatus(status)}`;
}

function facts({ letter, links }: ReadStory): string {
  const { category, reason } = letter;
  const isRecord = letter.kind === "record";
  // Its first death is no run's, and has no page.
  const hasRun = !isRecord || letter.retries > 0;
  const rows: (readonly [string, string | null | undefined])[] = [
    ["Letter", letter.id],
    ["Kind", letter.kind === "job" ? null : kindInWords[letter.kind]],
    [
      "Died because",
      `${isRecord && reason === "failed" ? "it failed outside Temporal" : reasonInWords(reason)} (${reason})`,
    ],
    ["Captured from", isRecord && letter.source !== null ? oneLine(sourceText(letter.source as RecordSource)) : null],
    [
      "Category",
      `${paintCategory(category)}, ${needsPerson(category) ? "needs a person" : "transient: a retry may do"}`,
    ],
    [
      "Died",
      `${bothTimes(letter.failedAt)}${letter.deaths > 1 ? `; ${letter.deaths} deaths, the first ${bothTimes(letter.firstFailedAt)}` : ""}`,
    ],
    [
      "Attempts",
      `${letter.attempts} in all${letter.retries > 0 ? `; ${letter.retries} ${letter.retries === 1 ? "retry" : "retries"}` : ""}`,
    ],
    ["Own code", letter.failedCode === null ? null : `${letter.failedCode} failed: see below`],
    [isOpen(letter.status) ? "Expires" : "Closed", isOpen(letter.status) ? expiryText(letter) : closingText(letter)],
    ["Queue", oneLine(letter.queue)],
    ["Key", oneLine(letter.key ?? "")],
    ["Run", hasRun ? letter.runId : null],
    ["Namespace", oneLine(letter.namespace)],
    ["Task queue", oneLine(letter.taskQueue)],
    ["Idempotency key", letter.idempotencyKey === letter.workflowId ? null : oneLine(letter.idempotencyKey)],
    ["Batch", oneLine(letter.batch ?? "")],
    ["Trace", oneLine(letter.traceId ?? "")],
    ["Tags", oneLine(letter.tags.join(", "))],
    [isRecord ? "Captured by" : "Started by", oneLine(letter.startedBy ?? "")],
    [
      "Cleaned",
      letter.cleaned
        ? "yes: it has characters that Postgres refuses, which are replaced here; a retry gets the true ones"
        : null,
    ],
    ["Job", hasRun ? links?.job : null],
    ["Its letter", links?.letter],
  ];
  return pairs(rows.flatMap(([name, value]) => (value ? [[name, value] as const] : [])));
}

function expiryText({ status, expiresAt, retryAt, retryWhen, failedCode, onExpire, ...letter }: LetterRow): string {
  const { expiryRetries, maximumRetries } = letter;
  if (retryAt !== null) return `not before its retry, ${bothTimes(retryAt)}`;
  if (retryWhen !== null) return `not before its retry, once the probe ${oneLine(retryWhen)} says yes`;
  if (status === "retrying") return "not while its retry runs";
  if (failedCode === "onExpire") return "not before its onExpire has run";
  if (expiresAt === null) return "never: it is held until somebody acts";
  const then = onExpire === "retry" && expiryRetries < maximumRetries ? ", and is retried then" : "";
  return bothTimes(expiresAt) + then;
}

function closingText({ closedAt, closeReason, keepUntil }: LetterRow): string {
  const why = closeReason === null ? "" : `: ${oneLine(closeReason)}`;
  const kept = keepUntil === null ? "" : `; its record is kept until ${bothTimes(keepUntil)}`;
  return `${closedAt === null ? "" : bothTimes(closedAt)}${why}${kept}`;
}

function inputLines({ current, original, unseen }: ShownInput): string[] {
  if (unseen !== undefined) return [`  ${unseen}`];
  if (original === undefined) return [indent(harmless(prettyJson(current)))];
  return [
    indent(harmless(prettyJson(current))),
    "",
    "  Amended; from the original it differs in:",
    indent(jsonDiff(original, current)),
  ];
}

function headersOf({ headers }: LetterRow): object {
  return typeof headers === "object" && headers !== null ? headers : {};
}

function nextCommands({ id, status, category, failedCode, kind }: LetterRow): string[] {
  const short = shortId(id);
  const retries = [`retry ${short}`, `retry ${short} --edit`];
  // Wrong data stays wrong: as it is, it would die again.
  if (category === "data") retries.reverse();
  const commands = !isOpen(status)
    ? [`note ${short} "…"`]
    : status === "retrying"
      ? [`show ${short}`, `note ${short} "…"`]
      : [
          ...retries,
          ...(kind === "workflow" ? [`retry ${short} --from-failure`] : []),
          ...(failedCode === null ? [] : [`run-code ${short}`]),
          `extend ${short} "60 days"`,
          `discard ${short} --reason "…"`,
        ];
  return commands.map((command) => `  ${ownCommand} ${command}`);
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
