import { Command } from "@commander-js/extra-typings";
import { actOnChosen } from "./act-on-chosen.ts";
import { chosenLetters } from "./chosen-letters.ts";
import { idsHelp, withLetterFlags } from "./letter-flags.ts";
import { announceTarget } from "./open-client.ts";
import { bothTimes } from "./relative-time.ts";

export function applyPolicyCommand() {
  const command = new Command("apply-policy")
    .summary("Give letters the policy that their queue has now")
    .description(
      "A letter keeps the policy that its queue had when it died. This gives it the one that the office's configuration says now; " +
        "what its job's contract says, and a retention that was set by hand, still go before it. With --dry-run it shows what would change.",
    )
    .argument("[id...]", idsHelp)
    .addHelpText(
      "after",
      `
Examples:
  dlo apply-policy --filter 'queue:payments' --dry-run
  dlo apply-policy --filter 'queue:payments' --reason "kept for a week now"
  dlo apply-policy 0197a3b2-1c4d`,
    );
  return withLetterFlags(command).action(async (given, options) => {
    await announceTarget(options);
    const chosen = await chosenLetters(given, options);
    const words = { verb: "Apply the policy to", doing: "Applying the policy to", done: "brought under their policy" };
    await actOnChosen(chosen, { name: "applyPolicy" }, options, words, async (dlo, id, signature) => {
      const letter = await dlo.letters.applyPolicy(id, signature);
      const expiry = letter.expiresAt === null ? "has no clock now" : `expires ${bothTimes(letter.expiresAt)}`;
      return {
        letter,
        said: `${letter.job} ${letter.workflowId} has the policy of queue ${letter.queue}; it ${expiry}.`,
      };
    });
  });
}
