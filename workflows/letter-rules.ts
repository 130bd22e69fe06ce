import { ApplicationFailure } from "@temporalio/workflow";
import type { Command } from "../model/command.ts";
import type { LetterState } from "../model/letter-state.ts";
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
  return undefined;
}

/** What waits is in the letter's memory alone, and cannot be handed on to a new run of it. */
const longestQueue = 100;

/** The failure for a command that cannot be read: in a workflow a plain error would retry the task for ever. */
export function usageFailure(error: unknown): ApplicationFailure {
  return ApplicationFailure.nonRetryable(error instanceof Error ? error.message : String(error), "USAGE");
}

function waitsForOutcome(command: Command): boolean {
  return command.name === "amend" || command.name === "extend" || command.name === "note";
}
