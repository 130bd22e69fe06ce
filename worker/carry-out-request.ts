import { setTimeout } from "node:timers/promises";
import type { Client } from "@temporalio/client";
import { v5 as uuidv5 } from "uuid";
import { commandLetter } from "../connect/command-letter.ts";
import { startRedrive } from "../connect/start-redrive.ts";
import type { Command } from "../model/command.ts";
import { redriveType } from "../model/ids.ts";
import { errorCodeOf, letterClosed, officeErrorOf, usage } from "../model/office-error.ts";
import { readRequest } from "../model/read-request.ts";
import { isOpen, type Status } from "../model/status.ts";
import { type ClaimedRequest, isRedriveThere, letterOfRequest, type RequestAnswer } from "../schema/answer-requests.ts";
import type { Db } from "../schema/database.ts";
import { noteLetter } from "../schema/note-letter.ts";

export type CarryOutNeeds = {
  readonly db: Db;
  readonly client: Client;
  readonly office: string;
  readonly databaseId: string;
  readonly signal: AbortSignal;
};

/**
 * Does what a request asks for, and says what came of it. A repeat changes nothing.
 *
 * @throws {OfficeError} what it is refused for; what passes by itself, too
 */
export async function carryOutRequest(needs: CarryOutNeeds, request: ClaimedRequest): Promise<RequestAnswer> {
  // After a restore the numbers are given once more.
  const requestId = `request/${request.id}@${Math.trunc(request.askedAtMs)}`;
  const read = readRequest(request, uuidv5(requestId, needs.databaseId));
  if ("letterId" in read) return await command(needs, read.letterId, { ...read.command, requestId });
  const { redrive } = read;
  await startRedrive(needs.client, redriveType, redrive, needs.office);
  await begun(needs, redrive.id);
  return {
    state: "done",
    redriveId: redrive.id,
    answer: `Redrive ${redrive.id} has begun. To follow it: dlo redrive show ${redrive.id} --follow; in SQL, its rows in dlo.redrives and dlo.redrive_items`,
  };
}

/** How long a redrive may take to begin before the request is put off. */
const beginMs = 5_000;

async function begun({ db, signal }: CarryOutNeeds, id: string): Promise<void> {
  const until = Date.now() + beginMs;
  while (!(await isRedriveThere(db, id))) {
    signal.throwIfAborted();
    if (Date.now() > until)
      throw officeErrorOf("WAIT_TIMEOUT", `Redrive ${id} was asked for, but no office has begun it`);
    await setTimeout(25);
  }
}

async function command(
  { db, client, signal }: CarryOutNeeds,
  letterId: string,
  { name, ...args }: Command & { readonly requestId: string },
): Promise<RequestAnswer> {
  const { requestId } = args;
  for (let tries = 1; ; tries++) {
    const letter = await letterOfRequest(db, letterId, requestId);
    if (letter.namespace !== client.options.namespace)
      throw usage(
        `Dead letter ${letterId} is in namespace "${letter.namespace}", and the request is for "${client.options.namespace}". Say that one in the column namespace`,
      );
    // Somebody did it and could not say so any more. Its letter may have been closed by it.
    if (letter.carriedOut) return done(letterId, name, letter.status);
    if (!isOpen(letter.status)) {
      if (!("text" in args)) throw letterClosed(letterId, letter.status);
      const { text, ...signature } = args;
      await noteLetter(db, letterId, { type: "noted", atMs: Date.now(), ...signature, data: { text } });
      return done(letterId, name, letter.status);
    }
    try {
      const statusNow = async () => (await letterOfRequest(db, letterId, requestId)).status;
      const { status } = await commandLetter(client, letter, name, args, { statusNow, signal });
      return done(letterId, name, status);
    } catch (error) {
      // It was closed in this very moment: by this command before a crash, or by another one, which a note survives.
      if (errorCodeOf(error) !== "LETTER_CLOSED" || tries > 1) throw error;
    }
  }
}

function done(letterId: string, name: Command["name"], status: Status): RequestAnswer {
  return {
    state: "done",
    answer: `Dead letter ${letterId} has taken "${name}", and is ${status} now. To see what comes of it: dlo show ${letterId}`,
  };
}
