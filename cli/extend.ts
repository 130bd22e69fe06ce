import { Command } from "@commander-js/extra-typings";
import { act } from "./act.ts";
import { configFlag } from "./config-flag.ts";
import { announceTarget } from "./open-client.ts";
import { outputFlag } from "./output-flag.ts";
import { retentionArgument } from "./read-duration.ts";
import { bothTimes } from "./relative-time.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function extendCommand() {
  const command = new Command("extend")
    .summary("Set how long a dead letter waits before it expires")
    .description(
      "Sets the retention, counted from now. Shorter is possible too; indefinite holds the letter until somebody acts.",
    )
    .argument("<id>", "letter id, which may be shortened; the job's workflow id; or - to read ids from standard input")
    .argument("<retention>", 'how long from now, such as 60d or "30 days", or indefinite', retentionArgument)
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo extend 0197a3b2-1c4d "60 days" --reason "waiting for the supplier"
  dlo extend 0197a3b2-1c4d indefinite
  dlo list --queue payments --output jsonl | dlo extend - 90d --by ann`,
    );
  return withTarget(withSignature(command)).action(async (id, retention, options) => {
    await announceTarget(options);
    await act([id], options, { doing: "Extending", done: "extended" }, async (dlo, letterId, signature) => {
      const letter = await dlo.letters.extend(letterId, { retention, ...signature });
      const expiry =
        letter.expiresAt !== null
          ? `expires ${bothTimes(letter.expiresAt)}`
          : letter.status === "retrying" || letter.retryAt !== null
            ? `has a retry before it; the new retention counts from its next parking`
            : "is held until somebody acts";
      return { letter, said: `${letter.job} ${letter.workflowId} ${expiry}.` };
    });
  });
}
