import { Command } from "@commander-js/extra-typings";
import { largestBatch } from "../model/prune.ts";
import { configFlag } from "./config-flag.ts";
import { filterArgument, filterArgumentHelp, filterOf, withFilter } from "./filter-flags.ts";
import { officeFlag } from "./office-flag.ts";
import { outputFlag } from "./output-flag.ts";
import { durationArgument } from "./read-duration.ts";
import { positiveInteger } from "./read-number.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function pruneCommand() {
  const command = new Command("prune")
    .summary("Delete closed letters past their keep time")
    .description(
      "Deletes closed letters whose keep time is over, with their deaths, attempts and events; with a filter those that fit it, with --older-than by an age of your own. Open letters are never deleted. " +
        "It says first what would go, and asks. The office deletes, in batches; a row in dlo.prunes tells of it. The schedule that dlo setup makes does the same each night.",
    )
    .argument(filterArgument, `${filterArgumentHelp}; absent: all closed letters`)
    .option(
      "--older-than <duration>",
      "closed longer ago than this, in place of their own keep time; also those that are kept for ever",
      durationArgument,
    )
    .option("--dry-run", "say what would be deleted, and delete nothing")
    .option("--yes", "do not ask")
    .option(
      "--batch <letters>",
      `letters that are deleted at a time, up to ${largestBatch}`,
      positiveInteger(largestBatch),
    )
    .addOption(officeFlag("the office that deletes"))
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo prune --dry-run
  dlo prune --yes
  dlo prune status:recovered --older-than 7d
  dlo prune 'job:send-mail error:TimeoutError' --older-than "30 days" --reason "issue 512" --yes
  dlo prune closed:<2026-01-01 --dry-run --output json | jq .letters`,
    );
  // --batch and --reason are the prune's own; those of letters are asked for in the line.
  const signed = withSignature(command, "prune");
  return withTarget(withFilter(signed, ["batch", "reason"])).action(async (words, options) => {
    const { batch: _, reason: __, ...conditions } = options;
    const filter = filterOf(conditions, words);
    const { runPrune } = await import("./run-prune.ts");
    // An empty line in place of a filter is a variable that was not set, not a wish to delete all.
    await runPrune(words.length === 0 && Object.keys(filter).length === 0 ? undefined : filter, options);
  });
}
