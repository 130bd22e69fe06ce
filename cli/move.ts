import { Command } from "@commander-js/extra-typings";
import { actOnChosen } from "./act-on-chosen.ts";
import { chosenLetters, withChoice, yesFlag } from "./chosen-letters.ts";
import { configFlag } from "./config-flag.ts";
import { announceTarget } from "./open-client.ts";
import { outputFlag } from "./output-flag.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function moveCommand() {
  const command = new Command("move")
    .summary("File a dead letter under another queue")
    .description("Files the letter under another dead letter queue. Nothing is run, and its clock stays as it is.")
    .argument("[id...]", "letter ids, which may be shortened; workflow ids; or - to read ids from standard input")
    .requiredOption("--to <queue>", "the dead letter queue to file it under")
    .addOption(yesFlag())
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo move 0197a3b2-1c4d --to by-hand
  dlo move --filter 'queue:default category:data' --to by-hand --reason "for the data team"`,
    );
  return withTarget(withSignature(withChoice(command))).action(async (given, options) => {
    const { to: queue } = options;
    await announceTarget(options);
    const chosen = await chosenLetters(given, options);
    const words = { verb: "Move", doing: "Moving", done: "moved" };
    await actOnChosen(chosen, { name: "move", queue }, options, words, async (dlo, id, signature) => {
      const letter = await dlo.letters.move(id, { queue, ...signature });
      return { letter, said: `${letter.job} ${letter.workflowId} is filed under ${letter.queue}.` };
    });
  });
}
