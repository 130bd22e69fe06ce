import { Command } from "@commander-js/extra-typings";
import { configFlag } from "./config-flag.ts";
import { officeFlag } from "./office-flag.ts";
import { outputFlag } from "./output-flag.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function reconcileCommand() {
  const command = new Command("reconcile")
    .summary("Mend what differs between Temporal and Postgres")
    .description(
      "Gives jobs that were terminated, or that ended without a letter, their letter; brings back workflows and rows of letters that are gone, with the time that they had left; settles rows that say otherwise than their workflow; and closes letters whose job has succeeded since. " +
        "The office does it, in bounded steps, and says what it found; a row in dlo.reconciles tells of it. The schedule that dlo setup makes does the same each hour. Exit code 1: something was found that could not be mended.",
    )
    .option("--dry-run", "say what is amiss, and change nothing")
    .option(
      "--thorough",
      "ask each open letter for its state, and look at all runs that Temporal still knows: after a restore",
    )
    .option("--job <name...>", "jobs to look for besides those that died before and those that our client started")
    .addOption(officeFlag("the office that looks"))
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo reconcile --dry-run
  dlo reconcile
  dlo reconcile --thorough --reason "restored last night's backup"
  dlo reconcile --job import-movie --job send-mail
  dlo reconcile --output json | jq .found`,
    );
  return withTarget(withSignature(command, "reconcile")).action(async (options) => {
    const { runReconcile } = await import("./run-reconcile.ts");
    await runReconcile(options);
  });
}
