import type { LetterStory } from "../client/index.ts";
import type { ErrorCause, ErrorRecord } from "../model/error-record.ts";
import { ownFrame } from "../model/own-frame.ts";
import { cut, harmless, oneLine } from "./cut.ts";
import { paint } from "./paint.ts";
import { absoluteTime, bothTimes, tookTime } from "./relative-time.ts";

type Death = LetterStory["deaths"][number];
type Attempt = Death["attemptRows"][number];

/**
 * One death with its attempts.
 *
 * @param hasRun false for a captured record, whose run never was
 */
export function deathText(
  { n, diedAt, reason, category, attempts, attemptRows, errorType, errorMessage, runId }: Death,
  hasRun = true,
): string {
  const head = `  ${n}. ${bothTimes(diedAt)}: ${reason}, ${category}, after ${attempts} attempt${attempts === 1 ? "" : "s"}${hasRun ? ` in run ${runId}` : ""}`;
  const missing = attempts - attemptRows.filter(({ state }) => state !== "interrupted").length;
  const lines = attemptRows.map((attempt) => attemptLine(attempt, `${errorType}: ${errorMessage}`));
  return [
    head,
    ...lines,
    ...(missing > 0 && attemptRows.length > 0 ? [`     … and ${missing} more, of which only the number is known`] : []),
  ].join("\n");
}

/** An error with what lay below it, and where in the user's own code each was thrown. */
export function errorText(failure: Partial<ErrorRecord> | null, stackTrace: string | null): string {
  const { causes = [] } = failure ?? {};
  const outer = oneError(
    {
      type: failure?.type ?? "",
      message: failure?.message ?? "",
      ...failure,
      ...(stackTrace === null ? {} : { stack: stackTrace }),
    },
    "  ",
  );
  return [outer, ...causes.map((cause) => oneError(cause, "  caused by "))].join("\n");
}

function oneError(error: ErrorCause, lead: string): string {
  const code = error.code === undefined ? "" : ` (${error.code})`;
  const [first = "", ...rest] = harmless(error.message).split("\n");
  const lines = [`${lead}${paint("red", harmless(error.type))}${code}: ${first}`, ...rest.map((line) => `    ${line}`)];
  const { frames, left } = ownFrames(error.stack ?? "");
  lines.push(...frames.map((frame) => paint("dim", `    ${harmless(frame)}`)));
  if (left > 0) lines.push(paint("dim", `    (${left} more frame${left === 1 ? "" : "s"}: -o json has them)`));
  if (error.properties !== undefined) lines.push(...propertyLines(error.properties));
  for (const member of error.errors ?? []) lines.push(oneError(member, "    - "));
  if (error.errorsTotal !== undefined) lines.push(`    (${error.errorsTotal} errors in all)`);
  return lines.join("\n");
}

/** The user's own frames; where there is none, the topmost ones. */
function ownFrames(stack: string): { frames: string[]; left: number } {
  const all = stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim());
  const own = all.filter((line) => ownFrame(`    ${line}`) !== undefined);
  const frames = (own.length > 0 ? own : all).slice(0, 8);
  return { frames, left: all.length - frames.length };
}

function propertyLines(properties: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(properties).map(([name, value]) => `    ${name}: ${cut(harmless(JSON.stringify(value)), 400)}`);
}

/** @param deathError what the death says already; an attempt repeats it only where it differs */
function attemptLine(attempt: Attempt, deathError: string): string {
  const { n, state, startedAt, endedAt, workerIdentity, buildId, errorType, errorMessage, progress } = attempt;
  const took = startedAt !== null && endedAt !== null ? `, ${tookTime(endedAt.getTime() - startedAt.getTime())}` : "";
  const where = [workerIdentity, buildId === null || buildId === undefined ? null : `build ${buildId}`]
    .filter(Boolean)
    .join(", ");
  const error = errorType === null ? "" : oneLine(`${errorType}: ${errorMessage ?? ""}`);
  const parts = [
    `${startedAt === null ? "start unknown" : absoluteTime(startedAt)}${took}`,
    state,
    ...(where === "" ? [] : [where]),
    ...(progress === null ? [] : [progressText(progress)]),
    ...(error === "" ? [] : [error === oneLine(deathError) ? "the same error" : cut(error, 200)]),
  ];
  return `     attempt ${n}: ${parts.join("; ")}`;
}

function progressText(progress: unknown): string {
  const { current, total, phase } = progress as { current?: number; total?: number; phase?: string };
  return `got to ${current ?? "?"}${total === undefined ? "" : ` of ${total}`}${phase === undefined ? "" : ` (${oneLine(phase)})`}`;
}
