import { usage } from "../model/office-error.ts";
import { notice } from "./output-flag.ts";

/** Whether somebody is there to be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks on a terminal; Ctrl-C and Escape are a no. */
export async function ask(question: string, initialValue = false): Promise<boolean> {
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message: question, initialValue, withGuide: false, output: process.stderr });
  return !isCancel(answer) && answer;
}

/** Why nothing is destroyed where nobody can be asked. */
export function cannotAsk(command: string): string {
  return `dlo ${command} closes letters, and nobody can be asked here`;
}

/**
 * Asks before something is destroyed.
 *
 * @throws {OfficeError} `USAGE` where nobody can be asked and --yes is missing
 */
export async function confirmDestruction(question: string, command: string, yes: true | undefined): Promise<boolean> {
  if (yes) return true;
  if (!canAsk()) throw usage(`${cannotAsk(command)}. To go ahead: --yes`);
  const agreed = await ask(question);
  if (!agreed) notice("Nothing was changed.");
  return agreed;
}
