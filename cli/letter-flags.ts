import type { Command, OptionValues } from "@commander-js/extra-typings";
import { type ChoiceFlags, withChoice, yesFlag } from "./chosen-letters.ts";
import { configFlag } from "./config-flag.ts";
import { type Output, outputFlag } from "./output-flag.ts";
import { type SignatureFlags, withSignature } from "./signature-flags.ts";
import { type TargetFlags, withTarget } from "./target-flags.ts";

/** What every command has that acts on letters, by ids or by a filter, and asks first where that fits several. */
export type LetterFlags = ChoiceFlags &
  SignatureFlags &
  TargetFlags & { readonly yes?: true; readonly output: Output; readonly config?: string };

/** For the argument `[id...]`. */
export const idsHelp = "letter ids, which may be shortened; workflow ids; or - to read ids from standard input";

/** @param office what the command has an office for, where not only to act on several letters */
export function withLetterFlags<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
  office?: string,
): Command<Args, Options & LetterFlags> {
  const flagged = command.addOption(yesFlag()).addOption(outputFlag()).addOption(configFlag());
  return withTarget(withSignature(withChoice(flagged, office))) as never;
}
