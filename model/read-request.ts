import { type Command, commandFields, type CommandName, commandNames } from "./command.ts";
import { errorCodeOf, officeErrorOf, usage } from "./office-error.ts";
import { readCommand } from "./read-command.ts";
import { readRedrive, type RedriveOptions } from "./read-redrive.ts";
import type { BulkCommand, RedriveSpec } from "./redrive.ts";
import { unknownWord } from "./suggest.ts";

/** A row of `dlo.requests` as somebody inserted it. */
export type RequestRow = {
  readonly id: string;
  readonly command: string;
  readonly letterId: string | null;
  readonly filter: string | null;
  /** JSON; null where there is none, or too much. */
  readonly options: string | null;
  readonly optionsBytes: number;
  readonly reason: string | null;
  readonly by: string;
  readonly askedAtMs: number;
};

/** What it asks for: a command of one letter, or a redrive. */
export type ReadRequest = { readonly letterId: string; readonly command: Command } | { readonly redrive: RedriveSpec };

const requestCommands = [...commandNames, "reopen"] as const;

/** What a request's options may weigh: they pass through Temporal, which refuses 2 MiB. */
export const mostOptionsBytes = 1_500_000;

/**
 * Checks a row of `dlo.requests`, in which anything may stand.
 *
 * @param redriveId of the redrive, where it asks for one
 * @throws {OfficeError} `USAGE`, `INPUT_TOO_LARGE`
 */
export function readRequest(row: RequestRow, redriveId: string): ReadRequest {
  try {
    return read(row, redriveId);
  } catch (error) {
    if (errorCodeOf(error) !== undefined) throw error;
    throw usage(`The request cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function read(row: RequestRow, redriveId: string): ReadRequest {
  const { letterId, filter, by } = row;
  const name = requestCommands.find((known) => known === row.command);
  if (name === undefined) throw usage(unknownWord("command", row.command, requestCommands));
  if ((letterId === null) === (filter === null))
    throw usage("Which letters? Give a letter_id or a filter; exactly one of them");
  const options = readOptions(row);
  for (const key of ["by", "reason", "requestId", "command"])
    if (Object.hasOwn(options, key))
      throw usage(`options has no place for "${key}": reason and command are columns, and by is the database user`);
  const signature = { by, ...(row.reason === null ? {} : { reason: row.reason }) };
  // A closed letter has no workflow to be asked: reopening one is a redrive of one.
  if (letterId !== null && name !== "reopen") {
    const known: readonly string[] = commandFields[name];
    for (const key of Object.keys(options))
      if (!known.includes(key)) throw usage(unknownWord(`option of "${name}" for one letter`, key, known));
    return { letterId, command: readCommand(name, { ...options, ...signature }) };
  }
  const { command, ...rest } = splitOptions(name, options);
  const asked = { by, atMs: row.askedAtMs };
  const which = letterId === null ? { filter: filter ?? "" } : { ids: [letterId] };
  const redrive = readRedrive(redriveId, which, { ...rest, command, ...signature }, asked);
  if ("filter" in redrive.members && redrive.members.filter.namespace !== undefined)
    throw usage("A filter cannot name a namespace here: a request is for letters of its own, in the column namespace");
  return { redrive };
}

function readOptions({ options, optionsBytes }: RequestRow): Readonly<Record<string, unknown>> {
  if (optionsBytes > mostOptionsBytes)
    throw officeErrorOf(
      "INPUT_TOO_LARGE",
      `options has ${optionsBytes} bytes, and at most ${mostOptionsBytes} are taken. Store the data elsewhere and give the job a reference to it`,
      { bytes: optionsBytes, maximumBytes: mostOptionsBytes },
    );
  const given: unknown = options === null ? null : JSON.parse(options);
  if (given === null) return {};
  if (typeof given !== "object" || Array.isArray(given))
    throw usage(`options must be an object, such as {"retention":"60 days"}`);
  return given as Record<string, unknown>;
}

/** What of the options is the command's own, and what is left for the redrive. */
function splitOptions(
  name: CommandName | "reopen",
  options: Readonly<Record<string, unknown>>,
): RedriveOptions & { readonly command: BulkCommand } {
  const fields: readonly string[] = name === "reopen" ? [] : commandFields[name];
  // All letters of a redrive have their turn by its rate, and its probe: there is nothing to be set for later.
  const own = fields.filter((field) => !["after", "when", "cancel"].includes(field));
  const entries = Object.entries(options);
  const command = { ...Object.fromEntries(entries.filter(([key]) => own.includes(key))), name } as BulkCommand;
  return { ...Object.fromEntries(entries.filter(([key]) => !own.includes(key))), command };
}
