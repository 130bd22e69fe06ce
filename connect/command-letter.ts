import {
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from "@temporalio/client";
import { ApplicationFailure } from "@temporalio/common";
import type { CommandName, LetterSignature } from "../model/command.ts";
import { formatDuration } from "../model/duration.ts";
import { letterWorkflowId } from "../model/ids.ts";
import type { LetterState } from "../model/letter-state.ts";
import { errorCodeOf, letterClosed, officeErrorOf } from "../model/office-error.ts";
import { isOpen, type Status } from "../model/status.ts";

export type CommandLetterOptions = {
  /** The status of its row at this moment. */
  readonly statusNow: () => Promise<Status>;
  /** Gives up the waiting; what was asked may be carried out all the same. */
  readonly signal?: AbortSignal;
};

/** How long the office may take for a command. A new input is checked by the job's worker within 10 seconds. */
const officeMs = 20_000;

/** How long a letter may take to begin once its row is there: one activity writes it, then starts the workflow. */
const beginMs = 3000;

/**
 * Has a letter carry out a command, once for its request id.
 *
 * @throws {OfficeError} what the letter refuses it for; `LETTER_CLOSED` too where its workflow is gone, `WAIT_TIMEOUT` where no
 *   office answers
 */
export async function commandLetter(
  temporal: Client,
  letter: { readonly id: string; readonly workflowId: string },
  name: CommandName,
  args: LetterSignature & { readonly requestId: string },
  { statusNow, signal }: CommandLetterOptions,
): Promise<LetterState> {
  const { connection, workflow } = temporal;
  const handle = workflow.getHandle(letterWorkflowId(letter.workflowId));
  const update = async (): Promise<LetterState> =>
    await connection.withDeadline(
      Date.now() + officeMs,
      async () => await handle.executeUpdate(name, { args: [args], updateId: args.requestId }),
    );
  const begunBy = Date.now() + beginMs;
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted();
    try {
      // A signal of its own: the connection never forgets its listeners.
      return await (signal === undefined ? update() : connection.withAbortSignal(AbortSignal.any([signal]), update));
    } catch (error) {
      // The letter was just continuing as new. It remembers the request id, so asking again is harmless.
      if (isTaskFailure(error) && tries < 5) continue;
      if (!(error instanceof WorkflowNotFoundError)) throw translate(error, letter.id, name);
      const status = await statusNow();
      if (!isOpen(status)) throw letterClosed(letter.id, status);
      if (Date.now() >= begunBy) throw translate(error, letter.id, name);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function translate(error: unknown, id: string, name: CommandName): unknown {
  if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
    const code = errorCodeOf({ code: error.cause.type });
    if (code !== undefined) return officeErrorOf(code, error.cause.message, { id }, { cause: error });
  }
  if (error instanceof WorkflowNotFoundError)
    return officeErrorOf(
      "LETTER_CLOSED",
      `Dead letter ${id} takes no commands: its row is open, but its workflow is not running. Somebody terminated it, or its office fell before it began (docs/operate.md)`,
      { id },
      { cause: error },
    );
  if (isDeadline(error))
    return officeErrorOf(
      "WAIT_TIMEOUT",
      `No office carried out "${name}" of dead letter ${id} within ${formatDuration(officeMs)}. Is one running? (dlo office, or dlo dev)`,
      { id },
      { cause: error },
    );
  return error;
}

function isTaskFailure(error: unknown): boolean {
  return /unexpected workflow task failure|Workflow Task in failed state/i.test(messagesOf(error));
}

function isDeadline(error: unknown): boolean {
  return error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || /DEADLINE_EXCEEDED/i.test(messagesOf(error));
}

function messagesOf(error: unknown): string {
  return error instanceof Error ? `${error.message} ${messagesOf(error.cause)}` : "";
}
