import type { Dlo, LetterRow } from "../client/index.ts";
import { usage } from "../model/office-error.ts";
import { type ActFlags, act } from "./act.ts";
import { type ChoiceFlags, chosenLetters } from "./chosen-letters.ts";
import { canAsk, cannotAsk, confirmDestruction } from "./confirm.ts";
import { cut, oneLine } from "./cut.ts";
import { announceTarget } from "./open-client.ts";
import { readsStdin } from "./read-ids.ts";
import type { signatureOf } from "./signature-flags.ts";

/** What `expire` and `discard` have in common: they ask before they close. */
export async function closeLetters(
  name: "expire" | "discard",
  given: readonly string[],
  flags: ActFlags & ChoiceFlags & { readonly yes?: true },
  words: { doing: string; done: string },
  command: (dlo: Dlo, id: string, signature: ReturnType<typeof signatureOf>) => Promise<LetterRow>,
): Promise<void> {
  await announceTarget(flags);
  const chosen = await chosenLetters(given, flags);
  if ("filter" in chosen) {
    const { redriveByFilter } = await import("./redrive-by-filter.ts");
    return await redriveByFilter(chosen.filter, { name }, flags, {
      doing: capital(name),
      cannotAsk: () => cannotAsk(name),
    });
  }
  const { ids } = chosen;
  if (ids.length === 0) return;
  const asks = !flags.yes && canAsk();
  // With ids on a pipe there is no terminal left to ask on.
  if (!flags.yes && readsStdin(ids))
    throw usage(`dlo ${name} closes letters, and with ids from a pipe nobody can be asked. To go ahead: --yes`);
  const question = asks ? await questionFor(name, ids, flags) : "";
  if (!(await confirmDestruction(question, name, flags.yes))) return;
  await act(ids, flags, words, async (dlo, id, signature) => {
    const letter = await command(dlo, id, signature);
    const became = letter.status === "retrying" ? "retries, as its policy says" : letter.status;
    return { letter, said: `${letter.job} ${letter.workflowId}: ${became}.` };
  });
}

async function questionFor(name: string, ids: readonly string[], flags: ActFlags): Promise<string> {
  const verb = capital(name);
  const [only] = ids;
  if (ids.length > 1 || only === undefined) return `${verb} ${ids.length} dead letters?`;
  const { withReader } = await import("./open-reader.ts");
  const { job, workflowId, errorType, errorMessage } = await withReader(
    flags,
    async (reader) => await reader.get(only),
  );
  return `${verb} ${job} ${workflowId} (${cut(oneLine(`${errorType}: ${errorMessage}`), 100)})?`;
}

function capital(name: string): string {
  return `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
}
