import { Command } from "@commander-js/extra-typings";
import { usage } from "../model/office-error.ts";
import { act } from "./act.ts";
import { configFlag } from "./config-flag.ts";
import { newInput } from "./new-input.ts";
import { announceTarget } from "./open-client.ts";
import { outputFlag } from "./output-flag.ts";
import { ownCommand } from "./own-command.ts";
import { shortId } from "./short-ids.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function amendCommand() {
  const command = new Command("amend")
    .summary("Correct a dead letter's input without running it")
    .description(
      "Replaces the input that the next retry will get; the original stays beside it. The job's worker checks the new one first. The time to expiry stays as it is.",
    )
    .argument("<id>", "letter id, which may be shortened, or the job's workflow id")
    .option("--input <json>", "the new input: JSON, @file, or - for standard input")
    .option("--edit", "edit the input in $VISUAL or $EDITOR")
    .option("--unchecked", "take it without asking the job's worker; recorded in the story")
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo amend 0197a3b2-1c4d --edit --reason "the title was a number"
  dlo amend 0197a3b2-1c4d --input '{"title":"1958"}'
  dlo amend 0197a3b2-1c4d --input @mended.json --by ann
  jq '.payload.title |= tostring | .payload' letter.json | dlo amend 0197a3b2-1c4d --input -`,
    );
  return withTarget(withSignature(command)).action(async (id, options) => {
    await announceTarget(options);
    const given = await newInput([id], options, null);
    if (given.kind === "stop") return;
    if (given.kind === "none") throw usage("What is the new input? Give it with --input, or --edit the recorded one");
    const { input } = given;
    const unchecked = options.unchecked ? { unchecked: true } : {};
    await act([id], options, { doing: "Amending", done: "amended" }, async (dlo, letterId, signature) => {
      const letter = await dlo.letters.amend(letterId, { input, ...unchecked, ...signature });
      const said =
        letter.status === "retrying"
          ? `Taken: the new input holds from the next retry on, if this one fails.`
          : `Amended ${letter.job} ${letter.workflowId}; the original stays beside it. To run it: ${ownCommand} retry ${shortId(letter.id)}`;
      return { letter, said };
    });
  });
}
