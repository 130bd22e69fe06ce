import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowFailedError } from "@temporalio/client";
import { ApplicationFailure } from "@temporalio/common";
import { v7 as uuidv7 } from "uuid";
import { registeredSearchAttributes } from "../connect/registered-search-attributes.ts";
import type { Signature } from "../model/command.ts";
import { defaultOffice, letterType } from "../model/ids.ts";
import { reopeningStart } from "../model/letter-start.ts";
import { letterBusy, notReopened, waitTimeout } from "../model/office-error.ts";
import { isOpen, reopenable } from "../model/status.ts";
import type { Db } from "../schema/database.ts";
import { getLetter } from "../schema/get-letter.ts";
import { letterOfRow } from "../schema/letter-of-row.ts";
import type { LetterRow } from "../schema/rows.ts";

/** How long an office may take. */
const officeMs = 20_000;

export type ReopenCommand = Signature & {
  /** The office that is to keep it. @default "dead-letter-office" */
  readonly office?: string;
};

/** Begins the workflow of a closed letter again: it brings its row back, and parks it with a new retention. */
export async function reopenLetter(
  temporal: Client,
  db: Db,
  letter: LetterRow,
  { office = defaultOffice, ...signature }: ReopenCommand,
): Promise<LetterRow> {
  const { status } = letter;
  if (isOpen(status)) throw letterBusy(letter.id, "reopen");
  if (!(reopenable as readonly string[]).includes(status)) throw notReopened(letter.id, status);
  const { namespace, identity } = temporal.options;
  const searchAttributes = await registeredSearchAttributes(temporal);
  const signed = { by: identity, requestId: uuidv7(), ...signature };
  const home = { namespace, taskQueue: office, searchAttributes };
  const handle = await temporal.workflow
    .start(letterType, reopeningStart(letterOfRow(letter), letter.key, home, signed))
    .catch((error: unknown) => {
      throw error instanceof WorkflowExecutionAlreadyStartedError ? letterBusy(letter.id, "reopen") : error;
    });
  for (const until = Date.now() + officeMs; ;) {
    const now = await getLetter(db, letter.id);
    if (isOpen(now.status)) return now;
    // To wait for its result would be a long poll, which holds the client's end up for 20 seconds.
    if ((await handle.describe()).status.name !== "RUNNING") {
      await handle.result().catch((error: unknown) => {
        throw refused(letter.id, error);
      });
      return await getLetter(db, letter.id);
    }
    if (Date.now() > until) throw waitTimeout(`The reopening of dead letter ${letter.id}`, "20 seconds");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function refused(id: string, failure: unknown): unknown {
  const cause = failure instanceof WorkflowFailedError ? failure.cause : failure;
  return cause instanceof ApplicationFailure && cause.type === "LETTER_BUSY" ? letterBusy(id, "reopen") : failure;
}
