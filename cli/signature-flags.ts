import type { Command, OptionValues } from "@commander-js/extra-typings";
import { whoAmI } from "./open-client.ts";

export type SignatureFlags = { readonly by?: string; readonly reason?: string; readonly requestId?: string };

/**
 * Adds the flags that sign a command.
 *
 * @param of what the command is carried out on
 */
export function withSignature<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
  of = "letter",
): Command<Args, Options & SignatureFlags> {
  return command
    .option("--by <who>", `who asks; recorded in the ${of}'s story (default: your user name)`)
    .option("--reason <text>", `why; recorded in the ${of}'s story`)
    .option(
      "--request-id <id>",
      `makes a repeat harmless: ${/^[aeiou]/.test(of) ? "an" : "a"} ${of} carries out a request once`,
    ) as never;
}

export function signatureOf({ by, reason, requestId }: SignatureFlags) {
  return {
    by: by ?? whoAmI(),
    ...(reason === undefined ? {} : { reason }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}
