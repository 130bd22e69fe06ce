import { type TargetFlags, targetOptions } from "./target-flags.ts";
import { notice } from "./output-flag.ts";
import { ownCommand } from "./own-command.ts";

/** Long enough for a database that is there; who runs jobs alone may know of one that isn't. */
const patienceMs = 3_000;

/**
 * The last line of a run, also of one that succeeded: how many letters are open. Nothing where no database is known, or it
 * does not answer: whoever runs jobs needs none.
 */
export async function sayOpenLetters(flags: TargetFlags): Promise<void> {
  const line = await openLettersLine(flags);
  if (line !== undefined) notice(line);
}

export async function openLettersLine(flags: TargetFlags): Promise<string | undefined> {
  const [{ findTarget }, { openReader }] = await Promise.all([
    import("../connect/target.ts"),
    import("../client/reader.ts"),
  ]);
  const target = targetOptions(flags);
  if (findTarget(target).database === undefined) return undefined;
  const reader = openReader(target);
  const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), patienceMs).unref());
  try {
    return await Promise.race([reader.openTotals().then(lineOf), late]);
  } catch {
    return undefined;
  } finally {
    void reader.close();
  }
}

function lineOf({ open, causes }: { readonly open: number; readonly causes: number }): string {
  if (open === 0) return "No dead letters are open.";
  const letters = open === 1 ? "1 dead letter is open" : `${open} dead letters are open`;
  return `${letters} (${causes === 1 ? "1 cause" : `${causes} causes`}). To look: ${ownCommand}`;
}
