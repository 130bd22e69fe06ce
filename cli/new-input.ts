import type { Config } from "../model/config.ts";
import { usage } from "../model/office-error.ts";
import { ask, canAsk } from "./confirm.ts";
import { loadConfig } from "./load-config.ts";
import { notice } from "./output-flag.ts";
import { readInput } from "./read-input.ts";
import { readsStdin } from "./read-ids.ts";
import type { TargetFlags } from "./target-flags.ts";

export type InputFlags = { readonly input?: string; readonly edit?: true };

/** For a question about several letters that would all get the new input. */
export const sameInput = " with one and the same input";

/** `none`: no new input was asked for; `stop`: its giver thought better of it. */
export type NewInput =
  | { readonly kind: "new"; readonly input: unknown }
  | { readonly kind: "none" }
  | { readonly kind: "stop" };

/**
 * The new input of `retry` and `amend`: from --input or --edit.
 *
 * @param whenUnchanged what would happen with an input that was not changed: a question, or null where it makes no sense
 * @throws {OfficeError} `USAGE` for flags that exclude each other
 */
export async function newInput(
  ids: readonly string[],
  flags: InputFlags & TargetFlags & { readonly config?: string },
  whenUnchanged: string | null,
): Promise<NewInput> {
  const { input, edit } = flags;
  if (input === undefined && edit === undefined) return { kind: "none" };
  if (input !== undefined && edit !== undefined) throw usage("--input and --edit exclude each other");
  const [only] = ids;
  if (ids.length !== 1 || only === undefined || only === "-")
    throw usage(`A new input is for one letter: give its id, and no other${readsStdin(ids) ? ", as an argument" : ""}`);
  if (input !== undefined) return { kind: "new", input: await readInput(input) };
  return await edited(only, flags, (await loadConfig(flags.config))?.config.codec, whenUnchanged);
}

async function edited(
  id: string,
  flags: TargetFlags,
  codec: Config["codec"],
  whenUnchanged: string | null,
): Promise<NewInput> {
  const { editInput } = await import("./edit-input.ts");
  const result = await editInput(id, flags, codec);
  if (result?.changed) return { kind: "new", input: result.input };
  if (result === undefined || whenUnchanged === null) {
    notice(result === undefined ? "Nothing was changed." : "The input was not changed, so there is nothing to do.");
    return { kind: "stop" };
  }
  if (!canAsk()) throw usage("The input was not changed. To go on with it as it is, leave out --edit");
  notice("The input was not changed.");
  return (await ask(whenUnchanged)) ? { kind: "none" } : { kind: "stop" };
}
