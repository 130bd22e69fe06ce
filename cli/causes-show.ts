import { Command } from "@commander-js/extra-typings";
import { outputFlag, print, printJson } from "./output-flag.ts";
import { withTarget } from "./target-flags.ts";

export function showCauseCommand() {
  const command = new Command("show")
    .summary("Tell all about a cause")
    .description(
      "Shows a cause: its state and who set it, how often it kills, in which jobs and builds, its newest letter, what happened to it, and the next commands.",
    )
    .argument("<id>", "cause id, which may be shortened")
    .addOption(outputFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo causes show 79746de0
  dlo causes show 79746de0 --output json | jq .builds`,
    );
  return withTarget(command).action(async (id, options) => {
    const [{ withReader }, { causeText }] = await Promise.all([import("./open-reader.ts"), import("./cause-text.ts")]);
    const cause = await withReader(options, async (reader) => await reader.causes.get(id));
    if (options.output === "table") print(causeText(cause));
    else printJson(options.output, cause);
  });
}
