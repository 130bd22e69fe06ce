import type { Command, CommandName, LetterSignature } from "./command.ts";
import { commandFields, signatureFields } from "./command.ts";
import { isQueueName, parseRetention } from "./contract.ts";
import { parseDuration } from "./duration.ts";
import { officeErrorOf } from "./office-error.ts";
import { checkProbeName } from "./probes.ts";
import { ownCodes } from "./own-code.ts";
import { readRunOptions } from "./run-options.ts";
import { unknownWord } from "./suggest.ts";

/**
 * Checks the shape of a command at the door: the client's, a plain signal's, an update's.
 *
 * @throws {OfficeError} `USAGE` with the field, what it is, and what it should be
 */
export function readCommand(name: CommandName, given: unknown): Command {
  const fields: Record<string, unknown> = given === undefined || given === null ? {} : asObject(name, given);
  const known: readonly string[] = [...commandFields[name], ...signatureFields];
  for (const key of Object.keys(fields)) if (!known.includes(key)) throw usage(name, unknownWord("field", key, known));
  for (const key of signatureFields)
    if (fields[key] !== undefined && typeof fields[key] !== "string")
      throw usage(name, `${key} must be a text, got ${JSON.stringify(fields[key])}`);
  // A letter carries these in its state, request ids by the hundred, and one answer must hold them all.
  for (const [key, longest] of Object.entries(longestTexts))
    if (typeof fields[key] === "string" && fields[key].length > longest)
      throw usage(name, `${key} has ${fields[key].length} characters, and at most ${longest} are possible`);
  if (fields["unchecked"] !== undefined && typeof fields["unchecked"] !== "boolean")
    throw usage(name, "unchecked must be true or false");
  if (fields["cancel"] !== undefined && typeof fields["cancel"] !== "boolean")
    throw usage(name, "cancel must be true or false");
  if (fields["fromFailure"] !== undefined && typeof fields["fromFailure"] !== "boolean")
    throw usage(name, "fromFailure must be true or false");
  const command = { name, ...fields } as Command;
  switch (command.name) {
    case "retry":
      if (command.after !== undefined) asUsage(name, () => parseDuration(command.after, "after", { minimumMs: 0 }));
      if (command.run !== undefined) asUsage(name, () => readRunOptions(command.run));
      if (command.when !== undefined) asUsage(name, () => checkProbeName(command.when));
      if (command.after !== undefined && command.when !== undefined)
        throw usage(name, "after waits for a time and when for a probe: give one of them");
      if (command.run !== undefined && (command.after ?? command.when) !== undefined)
        throw usage(name, "run is for a retry that begins at once, so it takes neither after nor when");
      if (command.fromFailure === true && (command.input ?? command.after ?? command.when ?? command.run) !== undefined)
        throw usage(
          name,
          "fromFailure goes back within the run that failed, at once and with the input that it had: it takes neither input, after, when nor run",
        );
      break;
    case "amend":
      if (command.input === undefined) throw usage(name, "input is missing: give the job's new input");
      break;
    case "extend":
      asUsage(name, () => parseRetention(command.retention, "retention"));
      break;
    case "move":
      if (!isQueueName(command.queue))
        throw usage(
          name,
          `queue must be a name of 1 to 100 letters, digits, or . - _ / :, got ${JSON.stringify(command.queue)}`,
        );
      break;
    case "runCode":
      if (command.code !== undefined && !ownCodes.includes(command.code))
        throw usage(name, unknownWord("code", String(command.code), ownCodes));
      break;
    case "note":
      if (typeof command.text !== "string" || command.text.trim() === "") throw usage(name, "text must be a text");
      break;
    case "expire":
    case "discard":
    case "applyPolicy":
      break;
  }
  return command;
}

const longestTexts = { by: 1000, reason: 10_000, requestId: 255, redrive: 36 } as const satisfies Record<
  keyof LetterSignature,
  number
>;

function asObject(name: CommandName, given: unknown): Record<string, unknown> {
  if (typeof given !== "object" || Array.isArray(given))
    throw usage(name, `expected an object such as {"by":"ann","reason":"…"}, got ${JSON.stringify(given)}`);
  return given as Record<string, unknown>;
}

function asUsage(name: CommandName, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    throw usage(name, error instanceof Error ? error.message : String(error));
  }
}

function usage(name: CommandName, problem: string) {
  return officeErrorOf("USAGE", `The command "${name}" cannot be read: ${problem}`);
}
