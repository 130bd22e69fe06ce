import { idsHelp } from "./letter-flags.ts";
import { Command } from "@commander-js/extra-typings";
import { configFlag } from "./config-flag.ts";
import { withChoice } from "./chosen-letters.ts";
import { closeLetters } from "./close-letters.ts";
import { outputFlag } from "./output-flag.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function discardCommand() {
  const command = new Command("discard")
    .summary("Close a dead letter for good, without another run")
    .description(
      "Closes the letter as discarded. Its record stays until it is pruned, but its job is not run again. Asks first on a terminal, and needs --yes elsewhere.",
    )
    .argument("[id...]", idsHelp)
    .option("--yes", "do not ask")
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo discard 0197a3b2-1c4d
  dlo discard 0197a3b2-1c4d --yes --reason "a test order"
  dlo discard --filter 'job:demo batch:load-test'
  dlo list --job demo --output jsonl | dlo discard - --yes --reason "from the demo"`,
    );
  return withTarget(withSignature(withChoice(command))).action(
    async (ids, options) =>
      await closeLetters("discard", ids, options, { doing: "Discarding", done: "discarded" }, (dlo, id, signature) =>
        dlo.letters.discard(id, signature),
      ),
  );
}
