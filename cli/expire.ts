import { idsHelp } from "./letter-flags.ts";
import { Command } from "@commander-js/extra-typings";
import { configFlag } from "./config-flag.ts";
import { withChoice } from "./chosen-letters.ts";
import { closeLetters } from "./close-letters.ts";
import { outputFlag } from "./output-flag.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function expireCommand() {
  const command = new Command("expire")
    .summary("End a dead letter's retention now")
    .description(
      "Does now what the end of the retention would do: closes the letter as expired, or retries it, or hands it on, as its policy says. Asks first on a terminal, and needs --yes elsewhere.",
    )
    .argument("[id...]", idsHelp)
    .option("--yes", "do not ask")
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo expire 0197a3b2-1c4d
  dlo expire 0197a3b2-1c4d --yes --reason "superseded by order 4711"
  dlo expire --filter 'job:send-reminder failed:>30d'
  dlo list --job send-reminder --output jsonl | dlo expire - --yes --reason "the event is over"`,
    );
  return withTarget(withSignature(withChoice(command))).action(
    async (ids, options) =>
      await closeLetters("expire", ids, options, { doing: "Expiring", done: "expired" }, (dlo, id, signature) =>
        dlo.letters.expire(id, signature),
      ),
  );
}
