import { Command } from "@commander-js/extra-typings";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { positiveInteger } from "./read-number.ts";
import { withTarget } from "./target-flags.ts";

export function listRedrivesCommand() {
  const command = new Command("list")
    .summary("Show the redrives, newest first")
    .description("Shows all redrives of the namespace, also those that have ended, with how far each is.")
    .option("--limit <redrives>", "at most so many, up to 1,000", positiveInteger(1000), 20)
    .option("--after <redrive>", "those before this one; a full page says which")
    .addOption(outputFlag())
    .addHelpText(
      "after",
      "\nExamples:\n  dlo redrive list\n  dlo redrive list --output jsonl | jq -r 'select(.status == \"stopped\") | .id'",
    );
  return withTarget(command).action(async ({ limit, after, output, ...flags }) => {
    const [{ withReader }, { redriveTable }] = await Promise.all([
      import("./open-reader.ts"),
      import("./redrive-text.ts"),
    ]);
    const page = await withReader(
      flags,
      async (reader) => await reader.redrives.list({ limit, ...(after === undefined ? {} : { after }) }),
    );
    if (output !== "table") printJson(output, page.redrives);
    else
      print(
        page.redrives.length === 0 ? "No redrives yet. To begin one: dlo redrive --help" : redriveTable(page.redrives),
      );
    if (page.next !== undefined) notice(`More: repeat the command with --after ${page.next}`);
  });
}
