import type { Command, OptionValues } from "@commander-js/extra-typings";
import { whoAmI } from "./open-client.ts";

export type SignatureFlags = { readonly by?: string; readonly reason?: string; readonly requestId?: string };

/** Adds the flags that sign a command. */
export function withSignature<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
): Command<Args, Options & SignatureFlags> {
  return command
    .option("--by <who>", "who asks; recorded in the letter's story (default: your user name)")
    .option("--reason <text>", "why; recorded in the letter's story")
    .option("--request-id <id>", "makes a repeat harmless: a letter carries out a request once") as never;
}

export function signatureOf({ by, reason, requestId }: SignatureFlags) {
  return {
    by: by ?? whoAmI(),
    ...(reason === undefined ? {} : { reason }),
    ...(requestId === undefined ? {} : { requestId }),
  };
}
