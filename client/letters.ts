import {
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from "@temporalio/client";
import { ApplicationFailure } from "@temporalio/common";
import { v7 as uuidv7 } from "uuid";
import type {
  AmendCommand,
  CommandName,
  DiscardCommand,
  ExpireCommand,
  ExtendCommand,
  NoteCommand,
  RetryCommand,
  Signature,
} from "../model/command.ts";
import { type Duration, formatDuration, parseDuration } from "../model/duration.ts";
import { letterWorkflowId } from "../model/ids.ts";
import { errorCodeOf, letterClosed, officeErrorOf, usage, waitTimeout } from "../model/office-error.ts";
import { readCommand } from "../model/read-command.ts";
import { isOpen } from "../model/status.ts";
import type { Db } from "../schema/database.ts";
import { getLetter } from "../schema/get-letter.ts";
import { type LetterStory, letterStory } from "../schema/letter-story.ts";
import type { LetterFilter } from "../schema/list-letters.ts";
import { noteLetter } from "../schema/note-letter.ts";
import type { LetterRow } from "../schema/rows.ts";
import { type LetterPage, listPage, type PageOptions } from "./letter-page.ts";

/** How long a command may wait for the office, and a retry for its outcome. */
export type WaitOptions = {
  /**
   * How long to wait for the retry's outcome before the letter comes back as it is.
   *
   * Bounds the wait, not the work. 0 returns once the retry was taken.
   *
   * @default 0
   * @throws {OfficeError} `WAIT_TIMEOUT` if it still runs after this long
   */
  readonly waitFor?: Duration;
};

/**
 * Dead letters: look and act. An id may be shortened while it is unambiguous; a job's workflow id finds its newest letter.
 *
 * Commands return the letter as it is after them. All may be repeated with the same `requestId`.
 *
 * @throws {OfficeError} `LETTER_NOT_FOUND`, `LETTER_AMBIGUOUS`, `LETTER_CLOSED`, `LETTER_BUSY`, `INPUT_INVALID`, `NO_WORKER`,
 *   `PAYLOAD_OMITTED`, `USAGE`; `WAIT_TIMEOUT` where no office answers
 */
export type Letters = {
  /** A page, newest failure first; of the client's own namespace, unless the filter names another. */
  list(filter?: LetterFilter, page?: PageOptions): Promise<LetterPage>;
  get(id: string): Promise<LetterRow>;
  /** All that happened to a letter: its deaths with their attempts, and its events, in order. */
  story(id: string): Promise<LetterStory>;
  /** Runs the job again under its own id. */
  retry(id: string, command?: RetryCommand & WaitOptions): Promise<LetterRow>;
  /** Does now what the end of the retention does: closes the letter, or retries it, by its policy. */
  expire(id: string, command?: ExpireCommand): Promise<LetterRow>;
  /** Closes the letter for good, without another run. */
  discard(id: string, command?: DiscardCommand): Promise<LetterRow>;
  /** Replaces the recorded input; the original stays beside it. */
  amend(id: string, command: AmendCommand): Promise<LetterRow>;
  /** Sets how long it waits, counted from now; `"indefinite"` holds it. */
  extend(id: string, command: ExtendCommand): Promise<LetterRow>;
  /** Writes a line into its story; a closed letter takes it too. */
  note(id: string, command: NoteCommand): Promise<LetterRow>;
};

type Needs = { readonly temporal: Client; readonly database: () => Db };

export function lettersOf({ temporal, database }: Needs): Letters {
  const { namespace } = temporal.options;
  const command = async (id: string, name: CommandName, given: Signature): Promise<LetterRow> => {
    const { name: _, ...checked } = readCommand(name, given);
    const letter = await getLetter(database(), id, { namespace });
    // A job of the same id may have died here as well: the command would reach that one's letter.
    if (letter.namespace !== namespace)
      throw usage(
        `Dead letter ${letter.id} is in namespace "${letter.namespace}", and this client is connected to "${namespace}". Connect to that one (--namespace)`,
      );
    const requestId = given.requestId ?? uuidv7();
    const signed = { by: temporal.options.identity, ...checked, requestId };
    if (!isOpen(letter.status)) {
      if (name !== "note") throw letterClosed(letter.id, letter.status);
      const { text, ...signature } = signed as NoteCommand & { requestId: string };
      await noteLetter(database(), letter.id, { type: "noted", atMs: Date.now(), ...signature, data: { text } });
    } else await update(temporal, letter, name, signed);
    return await getLetter(database(), letter.id);
  };
  return {
    list: async (filter = {}, page = {}) => await listPage(database(), { namespace, ...filter }, page),
    get: async (id) => await getLetter(database(), id, { namespace }),
    story: async (id) => await letterStory(database(), (await getLetter(database(), id, { namespace })).id),
    async retry(id, { waitFor = 0, ...given } = {}) {
      const waitMs = parseDuration(waitFor, "waitFor", { minimumMs: 0 });
      const letter = await command(id, "retry", given);
      return waitMs === 0 ? letter : await outcome(database(), letter, waitMs);
    },
    expire: async (id, given = {}) => await command(id, "expire", given),
    discard: async (id, given = {}) => await command(id, "discard", given),
    amend: async (id, given) => await command(id, "amend", given),
    extend: async (id, given) => await command(id, "extend", given),
    note: async (id, given) => await command(id, "note", given),
  };
}

/** How long the office may take for a command. A new input is checked by the job's worker within 10 seconds. */
const officeMs = 20_000;

async function update(
  temporal: Client,
  letter: LetterRow,
  name: CommandName,
  args: { requestId: string },
): Promise<void> {
  const handle = temporal.workflow.getHandle(letterWorkflowId(letter.workflowId));
  for (let tries = 1; ; tries++) {
    try {
      await temporal.connection.withDeadline(
        Date.now() + officeMs,
        async () => await handle.executeUpdate(name, { args: [args], updateId: args.requestId }),
      );
      return;
    } catch (error) {
      // The letter was just continuing as new. It remembers the request id, so asking again is harmless.
      if (isTaskFailure(error) && tries < 5) continue;
      throw translate(error, letter, name);
    }
  }
}

function translate(error: unknown, letter: LetterRow, name: CommandName): unknown {
  if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
    const code = errorCodeOf({ code: error.cause.type });
    if (code !== undefined) return officeErrorOf(code, error.cause.message, { id: letter.id }, { cause: error });
  }
  if (error instanceof WorkflowNotFoundError)
    return officeErrorOf(
      "LETTER_CLOSED",
      `Dead letter ${letter.id} takes no commands: its workflow is not running. If its row is still open, somebody terminated it`,
      { id: letter.id },
      { cause: error },
    );
  if (isDeadline(error))
    return officeErrorOf(
      "WAIT_TIMEOUT",
      `No office carried out "${name}" of dead letter ${letter.id} within ${formatDuration(officeMs)}. Is one running? (dlo office, or dlo dev)`,
      { id: letter.id },
      { cause: error },
    );
  return error;
}

async function outcome(db: Db, letter: LetterRow, waitMs: number): Promise<LetterRow> {
  const until = Date.now() + waitMs;
  let seen = letter;
  for (let pauseMs = 50; seen.status === "retrying"; pauseMs = Math.min(pauseMs * 1.5, 1000)) {
    if (Date.now() >= until) throw waitTimeout(`The retry of dead letter ${letter.id}`, formatDuration(waitMs));
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    seen = await getLetter(db, letter.id);
  }
  return seen;
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
