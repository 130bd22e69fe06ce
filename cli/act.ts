import type { Dlo, LetterRow } from "../client/index.ts";
import { errorCodeOf, type OfficeError, usage } from "../model/office-error.ts";
import type { OfficeFlag } from "./office-flag.ts";
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

export type ActFlags = TargetFlags &
  SignatureFlags &
  OfficeFlag & { readonly output: Output; readonly config?: string };

/** For many letters: `Retrying 1 of 3 …`, and at the end `2 retried, 1 of them did not recover, 1 not.` */
export type Words = { readonly doing: string; readonly done: string; readonly failed?: string };

export type Act = (dlo: Dlo, id: string, signature: ReturnType<typeof signatureOf>, office: string) => Promise<Done>;

/**
 * Carries out a command on one letter or, one after the other, on many. One that is refused does not hold up the others;
 * what concerns them all (no connection, no database, wrong usage) ends it.
 *
 * Sets the exit code to 1 where any was not done.
 */
export async function act(given: readonly string[], flags: ActFlags, does: Words, command: Act): Promise<void> {
  const ids = await readIds(given);
  if (ids.length > 1 && flags.requestId !== undefined)
    throw usage("--request-id names one request, so it takes one letter");
  await actingClient(flags, async (dlo, office) => {
    const signature = signatureOf(flags);
    const only = ids.length === 1 ? ids[0] : undefined;
    if (only !== undefined) return report(await command(dlo, only, signature, office), flags.output);
    await actOnMany(ids, flags, does, async (id) => await command(dlo, id, signature, office));
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
  { doing, done, failed: failedWord = "failed" }: Words,
  command: (id: string) => Promise<Done>,
): Promise<void> {
  const letters: LetterRow[] = [];
  let failed = 0;
  let refused = 0;
  try {
    for (const [i, id] of ids.entries()) {
      showProgress(`${doing} ${i + 1} of ${ids.length} …`);
      try {
        const outcome = await command(id);
        clearProgress();
        letters.push(outcome.letter);
        if (outcome.failed) failed++;
        if (output === "jsonl") printJson(output, outcome.letter);
        if (output === "table") print(outcome.said);
      } catch (error) {
        clearProgress();
        if (concernsAll(error)) throw error;
        refused++;
        // Most messages name the letter themselves.
        const names = error instanceof Error && error.message.includes(id);
        sayError(error, names ? undefined : id);
      }
    }
  } finally {
    clearProgress();
    if (output === "json") printJson(output, letters);
    const notTried = ids.length - letters.length - refused;
    notice(
      countText([
        [letters.length, done],
        [failed, `of them ${failedWord}`],
        [refused, "not"],
        [notTried, "not tried"],
      ]),
    );
  }
  if (failed + refused > 0) process.exitCode = 1;
}

/** The first count is said even where it is 0. */
function countText(counts: readonly (readonly [count: number, what: string])[]): string {
  const said = counts.filter(([count], i) => count > 0 || i === 0);
  return `${said.map(([count, what]) => `${count} ${what}`).join(", ")}.`;
}

function concernsAll(error: unknown): boolean {
  const code = errorCodeOf(error);
  if (code === undefined) return true;
  // Wrong usage of this letter, as its id tells, may be right for the next one.
  if (code === "USAGE") return (error as OfficeError).details["id"] === undefined;
  return [
    "TEMPORAL_UNREACHABLE",
    "DATABASE_UNREACHABLE",
    "DATABASE_ERROR",
    "DATABASE_UNSET",
    "SCHEMA_MISSING",
    "SCHEMA_TOO_OLD",
    "SCHEMA_TOO_NEW",
  ].includes(code);
}

function showProgress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${line}`);
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
}
