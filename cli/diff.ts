import { Command } from "@commander-js/extra-typings";
import { configFlag } from "./config-flag.ts";
import { loadConfig } from "./load-config.ts";
import { withClient } from "./open-client.ts";
import { outputFlag, print, printJson } from "./output-flag.ts";
import { positiveInteger } from "./read-number.ts";
import { withTarget } from "./target-flags.ts";

export function diffCommand() {
  const command = new Command("diff")
    .summary("Compare a dead letter's input with those of runs that succeeded")
    .description(
      "Reads from Temporal what the last runs of the same job that succeeded were started with, and says what sets the dead one apart, what stands out most first: values of a type that none of them has, fields that all or none of them have, values and forms that never occur, numbers out of their range. Of an amended letter it shows the amendment, too.",
    )
    .argument("<id>", "letter id, which may be shortened, or the job's workflow id (its newest letter)")
    .option("--runs <runs>", "against so many of the newest, up to 100", positiveInteger(100), 5)
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Exit code 1: no run of the job that succeeded is known.

Examples:
  dlo diff 0197a3b2-1c4d
  dlo diff import-movie/1946 --runs 50
  dlo diff 0197a3b2-1c4d --output json | jq -r '.differences[] | select(.kind != "differs").path'`,
    );
  return withTarget(command).action(async (id, { runs, output, config, ...flags }) => {
    const { codec, redact = [] } = (await loadConfig(config))?.config ?? {};
    const diff = await withClient(flags, codec, async (dlo) => await dlo.letters.diff(id, { runs, redact }));
    if (diff.runs.length === 0) process.exitCode = 1;
    if (output !== "table") return printJson(output, diff);
    const { diffText } = await import("./diff-text.ts");
    print(diffText(diff));
  });
}
