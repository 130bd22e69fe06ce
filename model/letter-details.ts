import { needsPerson } from "./category.ts";
import { formatDuration } from "./duration.ts";
import { letterWorkflowId } from "./ids.ts";
import { type LetterState, waitsToRetry } from "./letter-state.ts";
import { sourceText } from "./record-source.ts";
import { isOpen } from "./status.ts";
import { summaryLine } from "./summary-line.ts";

/**
 * A letter in Markdown, for Temporal Web UI: what died, why, how often, when it expires, and the commands that act on it.
 *
 * @param namespace of Temporal, which the commands name unless it is `default`
 */
export function letterDetails(letter: LetterState, namespace: string): string {
  const { lastDeath: death } = letter;
  const lines = [
    `**${letter.job}** ${code(letter.jobWorkflowId)} — ${headline(letter)}`,
    "",
    ...(letter.kind === undefined ? [] : [`- **Adopted** ${kindInWords[letter.kind]}`]),
    `- **Died** ${timesOf(letter.deaths)}, last at ${at(death.atMs)}: ${reasonInWords[death.reason]}`,
    `- **Error** ${code(`${death.errorType}: ${oneLine(death.errorMessage)}`)}`,
    ...(letter.source === undefined ? [] : [`- **Captured from** ${code(oneLine(sourceText(letter.source)))}`]),
    `- **Category** ${death.category}${needsPerson(death.category) ? " (needs a person)" : " (transient)"}`,
    `- **Queue** ${letter.queue}`,
    `- **Retries** ${letter.retries}${letter.retryRunId === undefined ? "" : `, last run \`${letter.retryRunId}\``}${resetText(letter)}`,
    ...(letter.code === undefined ? [] : [`- **Own code** ${ownCode(letter.code)}`]),
    ...(isOpen(letter.status) ? [`- **Expires** ${expiry(letter)}`] : []),
    ...(isOpen(letter.status) ? ["", "Commands:", "", "```", ...commands(letter, namespace), "```"] : []),
  ];
  return lines.join("\n");
}

function resetText({ resetTo }: LetterState): string {
  return resetTo === undefined ? "" : `, gone back to ${code(resetTo)}`;
}

/** One line: what shows beside a letter in Temporal Web UI's list. */
export function letterSummary(letter: Pick<LetterState, "job" | "lastDeath">): string {
  const { category, errorType, errorMessage } = letter.lastDeath;
  return summaryLine(`${letter.job} · ${category} · ${errorType}: ${errorMessage}`);
}

const kindInWords = {
  workflow: "a workflow of the app's own: its retry starts it as it was started, or resets it",
  activity: "a standalone activity: its retry starts it as it was started",
} as const;

const reasonInWords = {
  exhausted: "its attempts are used up",
  non_retryable: "the error is not to be retried",
  timed_out: "it ran out of time",
  given_up: "the code gave up",
  lost: "its run was terminated",
  failed: "it failed",
} as const;

function headline(letter: LetterState): string {
  switch (letter.status) {
    case "parked":
      if (letter.retryAtMs !== null) return `parked, to be retried at ${at(letter.retryAtMs)}`;
      if (letter.pendingRetry?.when !== undefined)
        return `parked, to be retried when the probe ${code(letter.pendingRetry.when)} says yes`;
      return letter.following ? "parked, waiting for a run of the same id that the app started" : "parked";
    case "retrying":
      return "a retry is running";
    case "recovered":
      return "recovered";
    case "expired":
      return "expired";
    case "discarded":
      return "discarded";
    case "superseded":
      return "superseded: the app's own run of the id succeeded";
  }
}

function expiry(letter: LetterState): string {
  if (letter.status === "retrying") return "the clock stands still while a retry runs";
  if (waitsToRetry(letter)) return "the clock stands still until the retry";
  if (letter.code?.name === "onExpire")
    return letter.code.failed ? "not before its onExpire has run" : "when its onExpire has run";
  if (letter.expiresAtMs === null) return "never: it is held until somebody acts";
  const then =
    letter.onExpire === "retry" && letter.expiryRetries < letter.maximumRetries
      ? ", then it is retried"
      : letter.onExpire === "hand_on"
        ? `, then it is filed under ${letter.handOnTo}`
        : "";
  const retention = letter.retentionMs === "indefinite" ? "" : ` (retention ${formatDuration(letter.retentionMs)})`;
  return at(letter.expiresAtMs) + retention + then;
}

function ownCode({ name, failed }: NonNullable<LetterState["code"]>): string {
  return failed === undefined ? `${name} is running` : `${name} failed: ${code(oneLine(failed))}`;
}

function commands(letter: LetterState, namespace: string): string[] {
  const workflow = `--workflow-id ${quoted(letterWorkflowId(letter.jobWorkflowId))}`;
  const where = namespace === "default" ? workflow : `--namespace ${quoted(namespace)} ${workflow}`;
  const signal = (name: string, input: string) => `temporal workflow signal ${where} --name ${name} --input '${input}'`;
  const show = `dlo show ${letter.letterId}`;
  // While a retry runs only what waits for its outcome is taken.
  if (letter.status === "retrying") return [show, signal("note", '{"text":"…","by":"you"}')];
  return [
    show,
    `dlo retry ${letter.letterId}`,
    ...(letter.kind === "workflow" ? [`dlo retry ${letter.letterId} --from-failure`] : []),
    signal("retry", '{"by":"you","reason":"…"}'),
    ...(letter.code?.failed === undefined ? [] : [signal("runCode", `{"code":"${letter.code.name}","by":"you"}`)]),
    signal("extend", '{"retention":"60 days","by":"you"}'),
    signal("discard", '{"by":"you","reason":"…"}'),
  ];
}

/** For a shell: an id is its caller's to choose. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** As Markdown code, in which nothing is a link or a picture. */
function code(text: string): string {
  return `\`${text.replaceAll("`", "'")}\``;
}

function timesOf(deaths: number): string {
  return deaths === 1 ? "once" : `${deaths} times`;
}

function at(ms: number): string {
  return `${new Date(ms).toISOString().replace("T", " ").slice(0, 19)} UTC`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").slice(0, 300);
}
