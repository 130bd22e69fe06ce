import { Command } from "@commander-js/extra-typings";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { targetOptions, withTarget } from "./target-flags.ts";

export function setupCommand() {
  const command = new Command("setup")
    .summary("Prepare a database and a namespace")
    .description(
      "Applies the database's migrations and registers the search attributes that the namespace lacks; where it may not, it prints the command for somebody who may. Run it before the first office and at every upgrade. It may be run again, and from several places at once.",
    )
    .addOption(outputFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo setup --database-url postgres://owner:secret@db.example.com:5432/letters
  DLO_DATABASE_URL=postgres://… dlo setup --address temporal.example.com:7233 --namespace orders
  dlo setup --output json | jq .schemaVersion`,
    );
  return withTarget(command).action(async (options) => {
    const [{ findTarget, shownDatabase }, { setUp }, { announceTarget }] = await Promise.all([
      import("../connect/target.ts"),
      import("../setup/setup.ts"),
      import("./open-client.ts"),
    ]);
    const target = findTarget(targetOptions(options));
    await announceTarget(options);
    if (target.database !== undefined)
      notice(`Database: ${shownDatabase(target.database.url)} (from ${target.database.from})`);
    const outcome = await setUp(target, { progress: notice });
    if (options.output !== "table") return printJson(options.output, outcome);
    const { applied, schemaVersion, searchAttributes } = outcome;
    print(
      applied.length === 0
        ? `The database is up to date, at migration ${schemaVersion}.`
        : `The database is at migration ${schemaVersion} now.`,
    );
    const { registered, missing, command: missingCommand } = searchAttributes;
    if (registered.length > 0) print(`Registered search attributes: ${registered.join(", ")}.`);
    if (missing.length === 0 && registered.length === 0) print("The namespace has all search attributes.");
    if (missingCommand !== undefined)
      print(
        `The search attributes ${missing.join(", ")} are missing, and may not be registered from here. All works without them but the search in Temporal Web UI. For somebody who may:\n  ${missingCommand}`,
      );
  });
}
