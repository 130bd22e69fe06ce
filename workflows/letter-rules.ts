import { ActivityFailure, ApplicationFailure, TimeoutFailure } from "@temporalio/workflow";
import type { Command } from "../model/command.ts";
import { hundredYearsMs } from "../model/duration.ts";
import type { LetterState } from "../model/letter-state.ts";
import type { OwnCode } from "../model/own-code.ts";
import { isOpen } from "../model/status.ts";

/** Why a letter in this state does not take a command, or undefined where it does. */
export function refusal(state: LetterState, command: Command): ApplicationFailure | undefined {
  if (command.requestId !== undefined && state.requestIds.includes(command.requestId)) return undefined;
  if (!isOpen(state.status))
    return ApplicationFailure.nonRetryable(
      `Dead letter ${state.letterId} is closed (${state.status}) and takes no more commands`,
      "LETTER_CLOSED",
    );
  if (state.status === "retrying" && !waitsForOutcome(command))
    return ApplicationFailure.nonRetryable(
      `A retry of dead letter ${state.letterId} is running (run ${state.retryRunId}). Wait for its outcome, or cancel that run`,
      "LETTER_BUSY",
    );
  if (state.status === "retrying" && state.kept.length >= longestQueue)
    return ApplicationFailure.nonRetryable(
      `${longestQueue} commands wait already for the outcome of the retry of dead letter ${state.letterId}. Wait for it, or cancel run ${state.retryRunId}`,
      "LETTER_BUSY",
    );
  if (state.kind !== undefined) return foreignRefusal(state, command);
  if (command.name === "retry" && command.fromFailure === true)
    return ApplicationFailure.nonRetryable(
      `Dead letter ${state.letterId} is a job's, whose run is one activity: there is nothing before its failure to go back to. Retry it from the start`,
      "USAGE",
    );
  if (command.name === "expire" && state.code?.name === "onExpire" && codeRuns(state))
    return codeIsRunning(state, "onExpire");
  return command.name === "runCode" ? codeRefusal(state, command.code) : undefined;
}

/** What only a job has, or only a workflow. */
function foreignRefusal({ letterId, kind }: LetterState, command: Command): ApplicationFailure | undefined {
  const refused = (why: string) =>
    ApplicationFailure.nonRetryable(`Dead letter ${letterId} is no job's: ${why}`, "USAGE");
  if (command.name === "runCode") return refused("no job worker serves it, so there is no own code to run");
  if (command.name !== "retry") return undefined;
  if (command.fromFailure === true && kind === "activity")
    return refused("it is an activity, which has no history to go back in. Retry it from the start");
  const { taskQueue: _, ...run } = command.run ?? {};
  const [other] = Object.keys(run);
  if (other !== undefined)
    return refused(
      `its retry starts it as it was started, so of the options of run it takes taskQueue alone, not ${other}`,
    );
  return undefined;
}

function codeRefusal(state: LetterState, asked: OwnCode | undefined): ApplicationFailure | undefined {
  const { letterId, code } = state;
  const name = asked ?? code?.name;
  if (name === undefined)
    return ApplicationFailure.nonRetryable(
      `No own code of dead letter ${letterId} has failed, so there is none to run again. Say which is to run: code: "onDead" or "onExpire"`,
      "USAGE",
    );
  if (code?.name === name && codeRuns(state)) return codeIsRunning(state, name);
  // Its end waits for it: in its place another would leave the letter without any.
  if (code?.name === "onExpire" && name !== "onExpire")
    return ApplicationFailure.nonRetryable(
      `onExpire of dead letter ${letterId} ${codeRuns(state) ? "is running" : "has failed, and its end waits for it"}. First run that, or retry, extend or discard the letter`,
      "LETTER_BUSY",
    );
  return undefined;
}

function codeIsRunning({ letterId }: LetterState, name: OwnCode): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `${name} of dead letter ${letterId} is running. Wait for it: what fails is tried again by itself, up to 10 times`,
    "LETTER_BUSY",
  );
}

/** What waits is in the letter's memory alone, and cannot be handed on to a new run of it. */
const longestQueue = 100;

/** When a letter acts by itself: it is due to be retried, to warn, or to expire. */
export function nextRingMs({ status, retryAtMs, expiresAtMs, warnBeforeMs, warnedOfMs }: LetterState): number | null {
  if (status !== "parked") return null;
  if (retryAtMs !== null || expiresAtMs === null) return retryAtMs;
  return warnBeforeMs === undefined || warnedOfMs === expiresAtMs ? expiresAtMs : expiresAtMs - warnBeforeMs;
}

/** Whether the end of its retention files it under another queue. */
export function handsOn(state: LetterState): state is LetterState & { readonly handOnTo: string } {
  return state.onExpire === "hand_on" && state.handOnTo !== undefined;
}

/** How long after now its queue's policy retries it, if it does. */
export function automaticRetryMs(state: LetterState, nowMs: number): number | undefined {
  const { autoRetry, lastDeath, expiryRetries, firstDiedAtMs = lastDeath.atMs } = state;
  if (autoRetry === undefined || !autoRetry.categories.includes(lastDeath.category)) return undefined;
  if (expiryRetries >= Math.min(autoRetry.maximumRetries, state.maximumRetries)) return undefined;
  if (nowMs - firstDiedAtMs > autoRetry.withinMs) return undefined;
  // What grows like this leaves the range of dates at some time, and that of numbers.
  return Math.min(Math.round(autoRetry.afterMs * autoRetry.backoffCoefficient ** expiryRetries), hundredYearsMs);
}

/** The failure for a command that cannot be read: in a workflow a plain error would retry the task for ever. */
export function usageFailure(error: unknown): ApplicationFailure {
  return ApplicationFailure.nonRetryable(error instanceof Error ? error.message : String(error), "USAGE");
}

function waitsForOutcome(command: Command): boolean {
  return ["amend", "extend", "move", "applyPolicy", "note"].includes(command.name);
}

export function hasCode({ ownCode }: LetterState, name: OwnCode): boolean {
  return ownCode?.includes(name) === true;
}

/** Whether the job's own code runs now. */
export function codeRuns({ code }: LetterState): boolean {
  return code !== undefined && code.failed === undefined;
}

/** Whether `onDead` was not begun yet for the last death. */
export function isOnDeadDue(state: LetterState): boolean {
  return state.status === "parked" && hasCode(state, "onDead") && (state.codeDeaths ?? 0) < state.deaths;
}

/** Why the job's own code failed, in a line. */
export function codeFailure(failure: unknown): string {
  const cause = failure instanceof ActivityFailure ? failure.cause : failure;
  if (cause instanceof TimeoutFailure && cause.timeoutType === "SCHEDULE_TO_START")
    return "no worker took it within a day";
  if (cause instanceof ApplicationFailure) return `${cause.type ?? "Error"}: ${cause.message}`.slice(0, 1000);
  return cause instanceof Error ? `${cause.name}: ${cause.message}`.slice(0, 1000) : String(cause);
}
