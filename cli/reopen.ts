import { Command } from "@commander-js/extra-typings";
import { actOnChosen } from "./act-on-chosen.ts";
import { chosenLetters, withChoice, yesFlag } from "./chosen-letters.ts";
import { configFlag } from "./config-flag.ts";
import { announceTarget } from "./open-client.ts";
import { outputFlag } from "./output-flag.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function reopenCommand() {
  const command = new Command("reopen")
    .summary("Open an expired or discarded letter again")
    .description(
      "Opens a closed letter again, parked and with a new retention, so that it can be retried. One whose job has succeeded is not opened again.",
    )
    .argument("[id...]", "letter ids, which may be shortened; workflow ids; or - to read ids from standard input")
    .option("--office <name>", "the office that is to keep it")
    .addOption(yesFlag())
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo reopen 0197a3b2-1c4d --reason "discarded by mistake"
  dlo reopen --filter 'status:expired cause:91aa' && dlo redrive cause:91aa`,
    );
  return withTarget(withSignature(withChoice(command))).action(async (given, options) => {
    await announceTarget(options);
    const chosen = await chosenLetters(given, options, { closedToo: true, several: true });
    const words = { verb: "Reopen", doing: "Reopening", done: "reopened" };
    await actOnChosen(chosen, { name: "reopen" }, options, words, async (dlo, id, signature) => {
      const { office } = options;
      const letter = await dlo.letters.reopen(id, { ...signature, ...(office === undefined ? {} : { office }) });
      return { letter, said: `${letter.job} ${letter.workflowId} is open again, and waits.` };
    });
  });
}
