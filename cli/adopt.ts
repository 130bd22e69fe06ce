import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import { usage } from "../model/office-error.ts";
import { listWatchesCommand, stopWatchCommand } from "./adopt-watches.ts";
import { configFlag } from "./config-flag.ts";
import { officeFlag } from "./office-flag.ts";
import { outputFlag } from "./output-flag.ts";
import { durationArgument } from "./read-duration.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function adoptCommand() {
  const command = new Command("adopt")
    .enablePositionalOptions()
    .summary("Make dead letters of workflows that failed without us")
    .description(
      "Makes dead letters of workflows of any type and any SDK that failed, timed out or were terminated, with no change to their code: with their input, memo and search attributes, why and where they failed, and a retry that starts them again as they were started. " +
        "It says first which, and which not and why not, and asks. The office does it, as its configuration says by workflow type. What has its letter is left alone, so it can be repeated.",
    )
    .option(
      "--query <query>",
      "which ones: a Visibility query, such as \"WorkflowType = 'OrderWorkflow'\"; that they failed is asked in any case",
    )
    .option("--activities", "standalone activities in place of workflows")
    .option("--watch [name]", "keep adopting on a schedule, from where it stopped (name: default)")
    .option("--every <duration>", "with --watch: how often (default: 1 minute)", durationArgument)
    .option("--dry-run", "say what would be adopted, and change nothing")
    .option("--yes", "do not ask")
    .addOption(officeFlag("the office that adopts"))
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo adopt --query "WorkflowType = 'OrderWorkflow'" --dry-run
  dlo adopt --query "WorkflowType = 'OrderWorkflow' AND CloseTime > '2026-11-01T00:00:00Z'" --yes
  dlo adopt --query "TaskQueue = 'orders'" --watch orders --every "5 minutes" --yes
  dlo adopt --activities --query "ActivityType = 'charge'"
  dlo adopt --query "WorkflowType IS NOT NULL" --dry-run --output json | jq .skipped
  dlo adopt stop orders`,
    );
  const adopt = withTarget(withSignature(command, "adoption")).action(async (options) => {
    const { query, every, watch } = options;
    if (query === undefined)
      throw usage("Which ones? Give a Visibility query, such as --query \"WorkflowType = 'OrderWorkflow'\"");
    if (every !== undefined && watch === undefined)
      throw usage("--every says how often a watch looks: give --watch, too");
    const { runAdopt } = await import("./run-adopt.ts");
    await runAdopt(query, options);
  });
  for (const subcommand of [listWatchesCommand(), stopWatchCommand()])
    (adopt as CommandUnknownOpts).addCommand(subcommand as CommandUnknownOpts);
  return adopt;
}
