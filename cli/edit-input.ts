import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LetterRow } from "../client/index.ts";
import { decodeInput } from "../client/decode-input.ts";
import { openReader } from "../client/reader.ts";
import type { Codec } from "../model/config.ts";
import { errorCodeOf, officeErrorOf, payloadOmitted, usage } from "../model/office-error.ts";
import { ask, canAsk } from "./confirm.ts";
import { notice } from "./output-flag.ts";
import { hasRedacted, hideAsShown, restoreHidden } from "./redacted-input.ts";
import { parseInput } from "./read-input.ts";
import { describeError } from "./report-error.ts";
import { jsonDiff, prettyJson } from "./show-diff.ts";
import { type TargetFlags, targetOptions } from "./target-flags.ts";

export type Edited = { readonly letter: LetterRow; readonly input: unknown; readonly changed: boolean };

/**
 * Opens a letter's input in the editor and returns what came of it; undefined where its reader gave up.
 *
 * What the tables hide is hidden there too, and put back where it was left alone.
 *
 * @throws {OfficeError} `INPUT_INVALID` for what is no JSON, where nobody can be asked to edit again
 */
export async function editInput(
  id: string,
  flags: TargetFlags,
  codec: Codec | readonly Codec[] | undefined,
): Promise<Edited | undefined> {
  const { letter, actual } = await readLetterInput(id, flags, codec);
  const shown = hideAsShown(actual, letter.payload);
  const before = prettyJson(shown);
  const folder = await mkdtemp(join(tmpdir(), "dlo-edit-"));
  try {
    const file = join(folder, `${letter.id}.json`);
    await writeFile(file, `${before}\n`, { mode: 0o600 });
    for (;;) {
      await runEditor(file);
      const edited = await readEdited(file);
      if ("problem" in edited) {
        if (!canAsk()) throw edited.problem;
        notice(describeError(edited.problem));
        if (await ask("Edit it again?", true)) continue;
        return undefined;
      }
      const input = restoreHidden(edited.value, actual);
      if (hasRedacted(input) && !hasRedacted(actual))
        throw usage(
          "A [redacted] stands where nothing was hidden: a hidden value can be replaced or left, but not moved",
        );
      const changed = prettyJson(edited.value) !== before;
      if (changed) notice(jsonDiff(shown, edited.value, process.stderr));
      return { letter, input, changed };
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readLetterInput(id: string, flags: TargetFlags, codec: Codec | readonly Codec[] | undefined) {
  const reader = openReader(targetOptions(flags));
  try {
    const letter = await reader.get(id);
    const { current } = await reader.encodedInputs(letter.id);
    if (current === null) throw payloadOmitted(letter.id);
    const args = await decodeInput(current, codec);
    if (args.length !== 1)
      throw usage(
        `The job of dead letter ${letter.id} was started with ${args.length} arguments, and an edited input is one. Retry it as it is`,
      );
    return { letter, actual: args[0] };
  } finally {
    await reader.close();
  }
}

async function readEdited(file: string): Promise<{ value: unknown } | { problem: Error }> {
  try {
    const value = parseInput(await readFile(file, "utf8"), "The edited input");
    return { value };
  } catch (error) {
    if (errorCodeOf(error) === undefined || !(error instanceof Error)) throw error;
    return { problem: error };
  }
}

async function runEditor(file: string): Promise<void> {
  const chosen = process.env["VISUAL"] || process.env["EDITOR"];
  if (!chosen && !canAsk())
    throw usage("--edit opens an editor, and there is no terminal here. To give the new input without one: --input");
  const editor = chosen || "vi";
  // As git does: the variable may hold arguments ("code --wait"), so the shell reads it.
  const child = spawn(`${editor} "${file}"`, { shell: true, stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0)
    throw officeErrorOf(
      "USAGE",
      `The editor (${editor}) ended with ${code ?? "a signal"}, so nothing was changed. $VISUAL or $EDITOR names another`,
    );
}
