import { Command, Option } from "@commander-js/extra-typings";
import { ownCodes } from "../model/own-code.ts";
import { actOnChosen } from "./act-on-chosen.ts";
import { chosenLetters } from "./chosen-letters.ts";
import { idsHelp, withLetterFlags } from "./letter-flags.ts";
import { announceTarget } from "./open-client.ts";
import { shortId } from "./short-ids.ts";

export function runCodeCommand() {
  const command = new Command("run-code")
    .summary("Run a job's own onDead or onExpire again")
    .description(
      "Runs the job's own code for its letter again, in the job's worker: what failed last, unless --code says otherwise. After onExpire the letter expires.",
    )
    .argument("[id...]", idsHelp)
    .addOption(new Option("--code <name>", "which, in place of what failed last").choices(ownCodes))
    .addHelpText(
      "after",
      `
Examples:
  dlo run-code 0197a3b2-1c4d
  dlo run-code 0197a3b2-1c4d --code onDead --reason "it had a bug"
  dlo run-code --filter 'failed-code:onDead job:charge-card'`,
    );
  return withLetterFlags(command).action(async (given, options) => {
    const code = options.code === undefined ? {} : { code: options.code };
    await announceTarget(options);
    const chosen = await chosenLetters(given, options);
    const words = { verb: "Run own code of", doing: "Asking", done: "asked" };
    await actOnChosen(chosen, { name: "runCode", ...code }, options, words, async (dlo, id, signature) => {
      const letter = await dlo.letters.runCode(id, { ...code, ...signature });
      const name = options.code ?? "own code";
      return {
        letter,
        said: `The ${name} of ${letter.job} ${letter.workflowId} is run. What comes of it: dlo show ${shortId(letter.id)}`,
      };
    });
  });
}
