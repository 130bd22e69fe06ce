import { Command } from "@commander-js/extra-typings";
import { actOnChosen } from "./act-on-chosen.ts";
import { chosenLetters } from "./chosen-letters.ts";
import { idsHelp, withLetterFlags } from "./letter-flags.ts";
import { announceTarget } from "./open-client.ts";

export function reopenCommand() {
  const command = new Command("reopen")
    .summary("Open an expired or discarded letter again")
    .description(
      "Opens a closed letter again, parked and with a new retention, so that it can be retried. One whose job has succeeded is not opened again.",
    )
    .argument("[id...]", idsHelp)
    .addHelpText(
      "after",
      `
Examples:
  dlo reopen 0197a3b2-1c4d --reason "discarded by mistake"
  dlo reopen --filter 'status:expired cause:91aa' && dlo redrive cause:91aa`,
    );
  return withLetterFlags(command, "the office that is to keep it").action(async (given, options) => {
    await announceTarget(options);
    const chosen = await chosenLetters(given, options, { closedToo: true, several: true });
    const words = { verb: "Reopen", doing: "Reopening", done: "reopened" };
    await actOnChosen(chosen, { name: "reopen" }, options, words, async (dlo, id, signature, office) => {
      const letter = await dlo.letters.reopen(id, { ...signature, office });
      return { letter, said: `${letter.job} ${letter.workflowId} is open again, and waits.` };
    });
  });
}
