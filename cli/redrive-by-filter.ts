import type { BulkCommand, StartRedriveOptions } from "../client/index.ts";
import type { Filter } from "../model/filter.ts";
import { signedStart } from "./read-redrive-flags.ts";
import { type RedriveWords, runRedrive, type RunRedriveFlags } from "./run-redrive.ts";
import type { SignatureFlags } from "./signature-flags.ts";

/** What `retry --filter`, `discard --filter` and the like do with several letters: a redrive with their command. */
export async function redriveByFilter(
  filter: Filter,
  command: BulkCommand,
  flags: RunRedriveFlags & SignatureFlags,
  words: RedriveWords,
  more: Pick<StartRedriveOptions, "amend" | "when"> = {},
): Promise<void> {
  const options: StartRedriveOptions = {
    command,
    ...signedStart(flags),
    // A retry loads what just came back; to close or to note loads nothing but the office. Who names letters has looked at them.
    ...(command.name === "retry" ? { rate: 10, force: true } : { rate: 100 }),
    ...more,
  };
  await runRedrive({ which: { filter }, options }, flags, words);
}
