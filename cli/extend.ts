import { Command } from "@commander-js/extra-typings";
import { usage } from "../model/office-error.ts";
import { actOnChosen } from "./act-on-chosen.ts";
import { chosenLetters } from "./chosen-letters.ts";
import { withLetterFlags } from "./letter-flags.ts";
import { announceTarget } from "./open-client.ts";
import { retentionArgument } from "./read-duration.ts";
import { bothTimes } from "./relative-time.ts";

export function extendCommand() {
  const command = new Command("extend")
    .summary("Set how long a dead letter waits before it expires")
    .description(
      "Sets the retention, counted from now. Shorter is possible too; indefinite holds the letter until somebody acts.",
    )
    .usage("[options] <id> <retention>")
    .argument("[id]", "letter id, which may be shortened; the job's workflow id; or - to read ids from standard input")
    .argument("[retention]", 'how long from now, such as 60d or "30 days", or indefinite')
    .addHelpText(
      "after",
      `
Examples:
  dlo extend 0197a3b2-1c4d "60 days" --reason "waiting for the supplier"
  dlo extend 0197a3b2-1c4d indefinite
  dlo extend --filter 'queue:payments expires:<2d' 30d
  dlo list --queue payments --output jsonl | dlo extend - 90d --by ann`,
    );
  return withLetterFlags(command).action(async (first, second, options) => {
    // With a filter there is no id before it.
    const [id, span] = options.filter === undefined || second !== undefined ? [first, second] : [undefined, first];
    if (span === undefined) throw usage('How long from now? Give a retention such as 60d or "30 days", or indefinite');
    const retention = readRetention(span);
    await announceTarget(options);
    const chosen = await chosenLetters(id === undefined ? [] : [id], options);
    const words = { verb: "Extend", doing: "Extending", done: "extended" };
    await actOnChosen(
      chosen,
      { name: "extend", retention: String(retention) },
      options,
      words,
      async (dlo, letterId, signature) => {
        const letter = await dlo.letters.extend(letterId, { retention, ...signature });
        const expiry =
          letter.expiresAt !== null
            ? `expires ${bothTimes(letter.expiresAt)}`
            : letter.status === "retrying" || (letter.retryAt ?? letter.retryWhen) !== null
              ? `has a retry before it; the new retention counts from its next parking`
              : "is held until somebody acts";
        return { letter, said: `${letter.job} ${letter.workflowId} ${expiry}.` };
      },
    );
  });
}

function readRetention(text: string): ReturnType<typeof retentionArgument> {
  try {
    return retentionArgument(text);
  } catch (error) {
    throw usage(`The retention "${text.slice(0, 100)}" cannot be meant. ${(error as Error).message}`);
  }
}
