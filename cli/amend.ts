import { Command } from "@commander-js/extra-typings";
import type { BulkCommand } from "../client/index.ts";
import type { Filter } from "../model/filter.ts";
import { usage } from "../model/office-error.ts";
import { act } from "./act.ts";
import { cannotAskByFilter, chosenLetters, confirmChoice } from "./chosen-letters.ts";
import { type InputFlags, newInput, sameInput } from "./new-input.ts";
import { withLetterFlags } from "./letter-flags.ts";
import { announceTarget } from "./open-client.ts";
import { ownCommand } from "./own-command.ts";
import { readInput } from "./read-input.ts";
import type { RunRedriveFlags } from "./run-redrive.ts";
import { shortId } from "./short-ids.ts";
import { type SignatureFlags } from "./signature-flags.ts";

export function amendCommand() {
  const command = new Command("amend")
    .summary("Correct a dead letter's input without running it")
    .description(
      "Replaces the input that the next retry will get; the original stays beside it. The job's worker checks the new one first. The time to expiry stays as it is.",
    )
    .argument("[id]", "letter id, which may be shortened, or the job's workflow id")
    .option("--input <json>", "the new input: JSON, @file, or - for standard input")
    .option("--edit", "edit the input in $VISUAL or $EDITOR")
    .option(
      "--patch <patch>",
      "with --filter: change each letter's own input, by a JSON Patch, @file, or the name of an amendment of the office's configuration",
    )
    .option("--unchecked", "take it without asking the job's worker; recorded in the story")
    .addHelpText(
      "after",
      `
Examples:
  dlo amend 0197a3b2-1c4d --edit --reason "the title was a number"
  dlo amend 0197a3b2-1c4d --input '{"title":"1958"}'
  dlo amend 0197a3b2-1c4d --input @mended.json --by ann
  dlo amend --filter 'job:import-movie payload.year>2100' --patch @mend.json --dry-run
  jq '.payload.title |= tostring | .payload' letter.json | dlo amend 0197a3b2-1c4d --input -`,
    );
  return withLetterFlags(command).action(async (id, options) => {
    if (options.patch !== undefined && options.filter === undefined) throw usage("--patch goes with --filter");
    await announceTarget(options);
    const given = id === undefined ? [] : [id];
    // The office applies a patch, so that one letter is a redrive, too.
    const chosen = await chosenLetters(given, options, { several: options.patch !== undefined });
    if ("filter" in chosen) return await amendMany(chosen.filter, options);
    if (chosen.ids.length === 0) return;
    const changed = await newInput(chosen.ids, options, null);
    if (changed.kind === "stop") return;
    if (changed.kind === "none") throw usage("What is the new input? Give it with --input, or --edit the recorded one");
    if (!(await confirmChoice("Amend", chosen.ids, options))) return;
    const { input } = changed;
    const unchecked = options.unchecked ? { unchecked: true } : {};
    await act(chosen.ids, options, { doing: "Amending", done: "amended" }, async (dlo, letterId, signature) => {
      const letter = await dlo.letters.amend(letterId, { input, ...unchecked, ...signature });
      const said =
        letter.status === "retrying"
          ? `Taken: the new input holds from the next retry on, if this one fails.`
          : `Amended ${letter.job} ${letter.workflowId}; the original stays beside it. To run it: ${ownCommand} retry ${shortId(letter.id)}`;
      return { letter, said };
    });
  });
}

type AmendFlags = RunRedriveFlags & SignatureFlags & InputFlags & { patch?: string; unchecked?: true };

/** Several letters that a filter fits: one and the same input for all, or a change of each one's own. */
async function amendMany(filter: Filter, flags: AmendFlags): Promise<void> {
  const { input, edit, patch, unchecked } = flags;
  if (edit) throw usage("The filter fits several letters, and --edit is for one. To change them all: --patch");
  if ((input === undefined) === (patch === undefined))
    throw usage("What is the new input? Give --patch, which changes each letter's own, or --input, the same for all");
  const command: BulkCommand = {
    name: "amend",
    ...(input === undefined ? {} : { input: await readInput(input) }),
    ...(unchecked ? { unchecked } : {}),
  };
  const [{ redriveByFilter }, { readAmend }] = await Promise.all([
    import("./redrive-by-filter.ts"),
    import("./read-redrive-flags.ts"),
  ]);
  const amend = patch === undefined ? undefined : await readAmend(patch);
  const how = input === undefined ? {} : { how: sameInput };
  await redriveByFilter(
    filter,
    command,
    flags,
    { doing: "Amend", ...how, cannotAsk: cannotAskByFilter },
    amend === undefined ? {} : { amend },
  );
}
