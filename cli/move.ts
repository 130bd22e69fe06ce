import { Command } from "@commander-js/extra-typings";
import { actOnChosen } from "./act-on-chosen.ts";
import { chosenLetters } from "./chosen-letters.ts";
import { idsHelp, withLetterFlags } from "./letter-flags.ts";
import { announceTarget } from "./open-client.ts";

export function moveCommand() {
  const command = new Command("move")
    .summary("File a dead letter under another queue")
    .description("Files the letter under another dead letter queue. Nothing is run, and its clock stays as it is.")
    .argument("[id...]", idsHelp)
    .requiredOption("--to <queue>", "the dead letter queue to file it under")
    .addHelpText(
      "after",
      `
Examples:
  dlo move 0197a3b2-1c4d --to by-hand
  dlo move --filter 'queue:default category:data' --to by-hand --reason "for the data team"`,
    );
  return withLetterFlags(command).action(async (given, options) => {
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
