import type { Progress } from "../model/ledger.ts";
import type { RecordedAttempt } from "../worker/reproduce-attempt.ts";
import { cut, oneLine } from "./cut.ts";
import { errorText } from "./death-text.ts";
import { valueText } from "./field-text.ts";
import { paintCategory } from "./letter-table.ts";
import { ownCommand } from "./own-command.ts";
import { paint } from "./paint.ts";
import type { RecordedLetter, RecordedRun } from "./recorded-run.ts";
import { tookTime } from "./relative-time.ts";
import type { Reproduction, ReproductionFlags } from "./reproduction.ts";
import { shortId } from "./short-ids.ts";

/** Before it runs: what, as what, and that it is for real. */
export function beginText(
  { letter, encoded }: RecordedRun,
  { attempt, memo, workflowId }: RecordedAttempt,
  { input, original }: ReproductionFlags,
  config: string,
): string {
  const dim = (text: string) => paint("dim", text, process.stderr);
  const headers = Object.keys(memo.headers ?? {});
  const which =
    input !== undefined
      ? "the one given"
      : encoded.original === null
        ? "as recorded"
        : original
          ? "as first recorded, before it was amended"
          : "as amended (the first one: --original)";
  const timed = letter.reason === "timed_out" || letter.category === "timeout" || letter.category === "lost";
  return [
    `Running ${oneLine(letter.job)} of ${config} as attempt ${attempt} of ${oneLine(workflowId)}`,
    dim(
      `  input: ${which}; headers: ${headers.length === 0 ? "none" : oneLine(headers.join(", "))}; idempotency key: ${oneLine(memo.idempotencyKey ?? workflowId)}${memo.key === undefined ? "" : `; key: ${oneLine(memo.key)}`}`,
    ),
    dim("  The letter does not notice, but what the handler does to the world, it does. Ctrl-C cancels it."),
    ...(timed ? [dim("  It died without an answer, or too late: here no time-out ends it.")] : []),
  ].join("\n");
}

export function heartbeatText(details: unknown): string {
  return paint("dim", `  heartbeat: ${cut(valueText(details), 200)}`, process.stderr);
}

export function progressText({ current, total, phase }: Progress): string {
  const of = total === undefined ? "" : ` of ${total}`;
  return paint(
    "dim",
    `  progress: ${current}${of}${phase === undefined ? "" : ` (${oneLine(phase)})`}`,
    process.stderr,
  );
}

/** How it ended, and what that says of the letter. */
export function endText(reproduction: Reproduction, letter: RecordedLetter): string {
  const took = tookTime(reproduction.tookMs);
  const short = shortId(letter.id);
  switch (reproduction.outcome) {
    case "succeeded":
      return [
        paint("green", `It succeeded here, in ${took}: ${cut(valueText(reproduction.result ?? null), 1000)}`),
        `The letter is ${letter.status} as before. To run the job for real: ${ownCommand} retry ${short}`,
      ].join("\n");
    case "cancelled":
      return `It was cancelled after ${took}.`;
    case "failed": {
      const { error, category, retryable } = reproduction.failure;
      const verdict = reproduction.sameCause
        ? paint("yellow", `It failed here, in ${took}, of the same cause as the letter:`)
        : paint("red", `It failed here, in ${took}, but of another cause than the letter:`);
      return [
        verdict,
        errorText(error, error.stack ?? null),
        `  ${paintCategory(category)}, ${retryable ? "may be tried again" : "not to be tried again"}`,
        ...(reproduction.sameCause
          ? []
          : [
              `The letter died of ${cut(oneLine(`${letter.errorType}: ${letter.errorMessage}`), 200)} (${letter.category})`,
            ]),
      ].join("\n");
    }
  }
}
