import type { Dlo, LetterRow } from "../client/index.ts";
import { errorCodeOf, usage } from "../model/office-error.ts";
import { actingClient } from "./open-client.ts";
import { notice, type Output, print, printJson } from "./output-flag.ts";
import { readIds } from "./read-ids.ts";
import { sayError } from "./report-error.ts";
import { type SignatureFlags, signatureOf } from "./signature-flags.ts";
import type { TargetFlags } from "./target-flags.ts";

/** What became of one letter. */
export type Done = {
  readonly letter: LetterRow;
  /** A sentence for people. */
  readonly said: string;
  /** The command was taken, but did not lead where it should: a retry that died again. */
  readonly failed?: true;
};

export type ActFlags = TargetFlags & SignatureFlags & { readonly output: Output; readonly config?: string };

export type Act = (dlo: Dlo, id: string, signature: ReturnType<typeof signatureOf>) => Promise<Done>;

/**
 * Carries out a command on one letter or, one after the other, on many. One that is refused does not hold up the others;
 * what concerns them all (no connection, no database) ends it.
 *
 * Sets the exit code to 1 where any was not done.
 */
export async function act(
  given: readonly string[],
  flags: ActFlags,
  does: { doing: string; done: string },
  command: Act,
): Promise<void> {
  const ids = await readIds(given);
  if (ids.length > 1 && flags.requestId !== undefined)
    throw usage("--request-id names one request, so it takes one letter");
  await actingClient(flags, async (dlo) => {
    const signature = signatureOf(flags);
    const only = ids.length === 1 ? ids[0] : undefined;
    if (only !== undefined) return report(await command(dlo, only, signature), flags.output);
    await actOnMany(ids, flags, does, async (id) => await command(dlo, id, signature));
  });
}

function report({ letter, said, failed }: Done, output: Output): void {
  if (output === "table") print(said);
  else printJson(output, letter);
  if (failed) process.exitCode = 1;
}

async function actOnMany(
  ids: readonly string[],
  { output }: ActFlags,
  { doing, done }: { doing: string; done: string },
  command: (id: string) => Promise<Done>,
): Promise<void> {
  const letters: LetterRow[] = [];
  let tried = 0;
  let failed = 0;
  try {
    for (const [i, id] of ids.entries()) {
      showProgress(`${doing} ${i + 1} of ${ids.length} …`);
      try {
        const outcome = await command(id);
        clearProgress();
        tried++;
        letters.push(outcome.letter);
        if (outcome.failed) failed++;
        if (output === "jsonl") printJson(output, outcome.letter);
        if (output === "table") print(outcome.said);
      } catch (error) {
        clearProgress();
        if (concernsAll(error)) throw error;
        tried++;
        failed++;
        // Most messages name the letter themselves.
        const names = error instanceof Error && error.message.includes(id);
        sayError(error, names ? undefined : id);
      }
    }
  } finally {
    clearProgress();
    if (output === "json") printJson(output, letters);
    notice(countText(done, { done: tried - failed, failed, notTried: ids.length - tried }));
  }
  if (failed > 0) process.exitCode = 1;
}

function countText(
  verb: string,
  { done, failed, notTried }: { done: number; failed: number; notTried: number },
): string {
  const parts = [`${done} ${verb}`];
  if (failed > 0) parts.push(`${failed} not`);
  if (notTried > 0) parts.push(`${notTried} not tried`);
  return `${parts.join(", ")}.`;
}

function concernsAll(error: unknown): boolean {
  const code = errorCodeOf(error);
  if (code === undefined) return true;
  return [
    "TEMPORAL_UNREACHABLE",
    "DATABASE_UNREACHABLE",
    "DATABASE_ERROR",
    "DATABASE_UNSET",
    "SCHEMA_MISSING",
    "SCHEMA_TOO_OLD",
    "SCHEMA_TOO_NEW",
    "USAGE",
  ].includes(code);
}

function showProgress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${line}`);
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
}
