import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from "@temporalio/client";
import { defaultPayloadConverter } from "@temporalio/common";
import { applyPatch, type Operation } from "rfc6902";
import { decodeAll } from "../model/codecs.ts";
import type { Amendments } from "../model/amendments.ts";
import type { Codec } from "../model/config.ts";
import { letterType, letterWorkflowId } from "../model/ids.ts";
import { type LetterHome, reopeningStart } from "../model/letter-start.ts";
import type { LetterState } from "../model/letter-state.ts";
import { maximumInputBytes } from "../model/maximum-input.ts";
import { errorCodeOf } from "../model/office-error.ts";
import type { Amend } from "../model/redrive.ts";
import { isOpen } from "../model/status.ts";
import type { Db } from "../schema/database.ts";
import { type DueItem, lookAgain } from "../schema/drive-items.ts";
import { getLetter } from "../schema/get-letter.ts";
import type { Kind } from "../schema/kinds.ts";
import { letterOfRow } from "../schema/letter-of-row.ts";
import { noteLetter } from "../schema/note-letter.ts";
import type { DrivenRedrive } from "../schema/redrive-rows.ts";
import type { AskLetter } from "./drive-redrive.ts";
import { grpcAnswer, invalidArgument } from "../model/grpc-answer.ts";
import { payloadsOf, shown } from "./stored-payloads.ts";

export type AskNeeds = {
  /** Where letters that are opened again are to run. */
  readonly home: Omit<LetterHome, "namespace">;
  readonly db: Db;
  readonly client: Client;
  readonly codecs: readonly Codec[];
  readonly amendments: Amendments;
};

/** Asks a letter by signal: what comes of it, its own workflow writes to the item. */
export function askLetter(needs: AskNeeds): AskLetter {
  const { db, client } = needs;
  return async (redrive, item) => {
    const { id, spec } = redrive;
    if (spec.command.name === "reopen") return await reopenItem(needs, redrive, item);
    const isNote = spec.command.name === "note";
    if (isNote && item.status !== null && !isOpen(item.status)) return await noteClosed(db, redrive, item);
    const left = leftOut(item);
    if (left !== undefined) return left;
    let input: { readonly input?: unknown } = {};
    if (spec.amend !== null) {
      try {
        input = { input: sendable(await amendedInput(spec.amend, item, needs)) };
      } catch (error) {
        return { state: "refused", code: "amendment", why: `its input could not be changed: ${messageOf(error)}` };
      }
    }
    const { name, ...fields } = spec.command;
    const command = {
      ...fields,
      ...input,
      ...signatureOf(redrive),
      requestId: requestIdOf(redrive, item.letterId),
      redrive: id,
    };
    try {
      await client.workflow.getHandle(letterWorkflowId(item.workflowId)).signal(name, command);
      return undefined;
    } catch (error) {
      const answer = grpcAnswer(error);
      if (answer?.code === invalidArgument)
        return { state: "refused", code: "refused", why: `Temporal refuses to tell it: ${answer.details}` };
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      // It may have been asked before a crash, and have closed with its outcome.
      const { waits, status } = await lookAgain(db, id, item.n);
      if (!waits) return undefined;
      if (status !== null && !isOpen(status)) return isNote ? await noteClosed(db, redrive, item) : closed(status);
      return { state: "refused", code: "not_running", why: "its row is open, but its workflow is not running" };
    }
  };
}

/** @throws an `Error` that says why Temporal could not carry it */
function sendable(input: unknown): unknown {
  let bytes;
  try {
    bytes = defaultPayloadConverter.toPayload(input).data?.length ?? 0;
  } catch {
    throw new Error("what it became cannot be sent to a job: it must be plain JSON or bytes");
  }
  if (bytes > maximumInputBytes)
    throw new Error(`it would have ${bytes} bytes, and at most ${maximumInputBytes} pass through Temporal`);
  return input;
}

/** Begins the letter's workflow again, which brings its row back and tells the item. */
async function reopenItem(
  { db, client, home }: AskNeeds,
  redrive: DrivenRedrive,
  { letterId }: DueItem,
): Promise<Awaited<ReturnType<AskLetter>>> {
  const letter = await getLetter(db, letterId).catch((error: unknown) => {
    if (errorCodeOf(error) === "LETTER_NOT_FOUND") return undefined;
    throw error;
  });
  if (letter === undefined) return { state: "skipped", code: "closed", why: "its record is gone" };
  // Opened by this very redrive, before a crash, or by somebody else.
  if (isOpen(letter.status)) return { state: "skipped", code: "open", why: "it is open already" };
  const signature = { ...signatureOf(redrive), requestId: requestIdOf(redrive, letterId), redrive: redrive.id };
  const start = reopeningStart(letterOfRow(letter), letter.key, { ...home, namespace: letter.namespace }, signature);
  try {
    await client.workflow.start(letterType, start);
    return undefined;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    // Begun by this very redrive, before a crash: then it tells the item, as soon as it has come to it.
    const running = await client.workflow.getHandle(start.workflowId).query<LetterState>("state");
    if (running.letterId === letterId) return undefined;
    return { state: "refused", code: "refused", why: "another letter of its job is open" };
  }
}

/** What a letter has become since the snapshot, where that takes it out. */
function leftOut({ status, deaths, deathsThen }: DueItem): Awaited<ReturnType<AskLetter>> {
  if (status === null) return { state: "skipped", code: "closed", why: "its record is gone" };
  if (!isOpen(status)) return closed(status);
  if (deaths !== deathsThen)
    return { state: "skipped", code: "died_meanwhile", why: "it has died once more since the redrive began" };
  return undefined;
}

function closed(status: string): Awaited<ReturnType<AskLetter>> {
  return { state: "skipped", code: "closed", why: `it was closed meanwhile: ${status}` };
}

/** The workflow of a closed letter is gone: the note goes into its row's story. */
async function noteClosed(db: Db, redrive: DrivenRedrive, { letterId }: DueItem): Promise<{ readonly state: "done" }> {
  const { command } = redrive.spec;
  const data = command.name === "note" ? { text: command.text } : {};
  const requestId = requestIdOf(redrive, letterId);
  await noteLetter(db, letterId, { type: "noted", atMs: Date.now(), ...signatureOf(redrive), requestId, data });
  return { state: "done" };
}

function requestIdOf({ id }: DrivenRedrive, letterId: string): string {
  return `${id}/${letterId}`;
}

function signatureOf({ by, reason }: DrivenRedrive) {
  return { by, ...(reason === null ? {} : { reason }) };
}

/**
 * An input changed by a patch or by a function of the config.
 *
 * @throws an `Error` that says why not: a test of the patch that fails, a path that is not there, whatever the function throws
 */
export async function amendedInput(
  amend: Amend,
  { payloadData, letterId, kind }: Pick<DueItem, "payloadData" | "letterId"> & Partial<Pick<DueItem, "kind">>,
  { codecs, amendments }: Pick<AskNeeds, "codecs" | "amendments">,
): Promise<unknown> {
  const before = await inputOf(payloadData, codecs, kind);
  if ("patch" in amend) return patched(before, amend.patch);
  const change = Object.hasOwn(amendments, amend.by) ? amendments[amend.by] : undefined;
  if (change === undefined)
    throw new Error(
      `the office's config names no amendment "${amend.by}". It knows: ${Object.keys(amendments).join(", ") || "none"}`,
    );
  const after: unknown = await change(structuredClone(before), { letterId });
  if (after === undefined) throw new Error(`the amendment "${amend.by}" returned nothing`);
  return after;
}

/** The first argument that the job was started with; of what is no job a list, where there were several. */
export async function inputOf(
  payloadData: Uint8Array | null,
  codecs: readonly Codec[],
  kind?: Kind | null,
): Promise<unknown> {
  if (payloadData === null) throw new Error("it was stored without its payload");
  const values = (await decodeAll(payloadsOf(payloadData), codecs)).map((one) =>
    defaultPayloadConverter.fromPayload(one),
  );
  // Of what is no job bytes are what shows of them, since a command travels as JSON: its letter makes bytes of them again.
  if (kind !== "workflow" && kind !== "activity") return values[0];
  return values.length > 1 ? values.map(shown) : shown(values[0]);
}

/** rfc6902 applies what it can: all of it must fit, or nothing is changed. */
function patched(before: unknown, patch: readonly object[]): unknown {
  const document = { input: structuredClone(before) };
  const operations = (structuredClone(patch) as Operation[]).map(underInput);
  const [why] = applyPatch(document, operations).filter((error) => error !== null);
  if (why !== undefined) throw new Error(why.message.replaceAll("/input", ""));
  return document.input;
}

/** So that a patch of the whole input, at "", is one of a part. */
function underInput<T extends Operation>(operation: T): T {
  const from = "from" in operation ? { from: `/input${operation.from}` } : {};
  return { ...operation, ...from, path: `/input${operation.path}` };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
