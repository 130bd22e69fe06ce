import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { causeOrders, causeStates } from "../model/cause-state.ts";
import { changeCauseCommands } from "./causes-change.ts";
import { regroupCommand } from "./causes-regroup.ts";
import { showCauseCommand } from "./causes-show.ts";
import { filterArgument, filterArgumentHelp, filterOf, withFilter } from "./filter-flags.ts";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { positiveInteger } from "./read-number.ts";
import { withTarget } from "./target-flags.ts";

export function causesCommand() {
  const command = new Command("causes")
    .enablePositionalOptions()
    .summary("Show what kills jobs, and say what is to become of it")
    .description(
      "Shows the causes of death, the one with the most open letters first. With a filter, those that have a letter which fits it, with how many fit. A cause that was resolved and has killed again is marked as a regression.",
    )
    .argument(filterArgument, filterArgumentHelp)
    .addOption(
      new Option("--state <state>", "in this state").choices([...causeStates, "all"] as const).default("open" as const),
    )
    .addOption(
      new Option("--order <order>", "most open letters, most deaths, last or first seen newest first")
        .choices(causeOrders)
        .default("open" as const),
    )
    .option("--limit <causes>", "at most so many, up to 1,000", positiveInteger(1000), 50)
    .option("--after <cursor>", "the page after this one; a full page says its cursor")
    .addOption(outputFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo causes
  dlo causes 'job:import-movie failed:<4h' --order deaths
  dlo causes --category network --failed '<4h' --not tag:vip
  dlo causes show 79746de0
  dlo causes resolve 79746de0 --in-build v12 --reason "the date is checked now"
  dlo causes --state all --output jsonl | jq -r 'select(.returned == "regression") | .id'`,
    );
  const causes = withTarget(withFilter(command)).action(async (words, options) => {
    const { state, order, limit, after, output } = options;
    const filter = filterOf(options, words);
    const [{ withReader }, { causeTable }] = await Promise.all([
      import("./open-reader.ts"),
      import("./cause-table.ts"),
    ]);
    const page = await withReader(
      options,
      async (reader) =>
        await reader.causes.list(filter, { state, order, limit, ...(after === undefined ? {} : { after }) }),
    );
    if (output !== "table") printJson(output, page.causes);
    else if (page.causes.length > 0)
      print(causeTable(page.causes, process.stdout.isTTY ? process.stdout.columns : undefined));
    else print(emptyText(state, Object.keys(filter).length > 0, after));
    if (!page.exact)
      notice(
        "More letters fit than are read: OPEN counts the newest. Narrow the filter, by time for one, for exact numbers.",
      );
    if (page.next !== undefined) notice(`More: repeat the command with --after ${page.next}`);
  });
  for (const subcommand of [showCauseCommand(), ...changeCauseCommands(), regroupCommand()])
    (causes as CommandUnknownOpts).addCommand(subcommand as CommandUnknownOpts);
  return causes;
}

function emptyText(state: string, filtered: boolean, after: string | undefined): string {
  if (after !== undefined) return "No more causes.";
  if (filtered) return `No ${state === "all" ? "" : `${state} `}cause has a letter like that.`;
  return state === "all"
    ? "No causes. Nothing has died here."
    : `No ${state} causes. For all of them: dlo causes --state all`;
}
