import { Command, Option } from "@commander-js/extra-typings";
import { pruneType } from "../model/ids.ts";
import type { SchedulesOutcome } from "../setup/schedules.ts";
import { configFlag } from "./config-flag.ts";
import { officeFlag, officeOf } from "./office-flag.ts";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { targetOptions, withTarget } from "./target-flags.ts";

export function setupCommand() {
  const command = new Command("setup")
    .summary("Prepare a database and a namespace")
    .description(
      "Applies the database's migrations, makes the roles dlo_reader and dlo_operator and gives them their rights, registers the search attributes that the namespace lacks, and makes the schedules that prune closed letters each night and reconcile each hour; what it may not do it prints for somebody who may. Run it before the first office and at every upgrade. It may be run again, and from several places at once.",
    )
    .option("--no-schedules", "makes no schedules: somebody has to run dlo prune and dlo reconcile")
    .addOption(officeFlag("the office that the schedules are for"))
    .addOption(outputFlag())
    .addOption(configFlag())
    .addOption(
      indexFlag(
        "--index <name>",
        "builds an index that costs extra, and keeps it: text, payload, or a path in payloads",
      ),
    )
    .addOption(indexFlag("--drop-index <name>", "drops such an index"))
    .addHelpText(
      "after",
      `
Examples:
  dlo setup --database-url postgres://owner:secret@db.example.com:5432/letters
  DLO_DATABASE_URL=postgres://… dlo setup --address temporal.example.com:7233 --namespace orders
  dlo setup --output json | jq .schemaVersion
  dlo setup --index text --index payload.order.total
  dlo setup --drop-index text`,
    );
  return withTarget(command).action(async (options) => {
    const [{ findTarget, shownDatabase }, { setUp }, { announceTarget }, { loadConfig }] = await Promise.all([
      import("../connect/target.ts"),
      import("../setup/setup.ts"),
      import("./open-client.ts"),
      import("./load-config.ts"),
    ]);
    const { index: on = [], dropIndex: off = [], schedules, config } = options;
    // Who makes no schedules, or names their office, may be where the configuration cannot be loaded.
    const loaded = schedules && options.office === undefined ? await loadConfig(config) : undefined;
    const target = findTarget(targetOptions(options));
    await announceTarget(options);
    if (target.database !== undefined)
      notice(`Database: ${shownDatabase(target.database.url)} (from ${target.database.from})`);
    const outcome = await setUp(target, {
      ...{ progress: notice, indexes: { on, off }, schedules },
      office: officeOf(options, loaded?.config),
    });
    if (options.output !== "table") return printJson(options.output, outcome);
    const { applied, schemaVersion, roles, searchAttributes, indexes } = outcome;
    print(
      applied.length === 0
        ? `The database is up to date, at migration ${schemaVersion}.`
        : `The database is at migration ${schemaVersion} now.`,
    );
    if (roles.made.length > 0)
      print(`Made the roles ${roles.made.join(" and ")}. Nobody logs in as them: grant them to those who shall.`);
    if (roles.sql === undefined) print("The roles dlo_reader and dlo_operator have their rights.");
    else
      print(
        `The roles dlo_reader and dlo_operator could not be given their rights from here. For somebody who may:\n  ${roles.sql.split("\n").join("\n  ")}`,
      );
    if (indexes.built.length > 0) print(`Built indexes: ${indexes.built.join(", ")}.`);
    if (indexes.dropped.length > 0) print(`Dropped indexes: ${indexes.dropped.join(", ")}.`);
    print(`Indexes switched on: ${indexes.on.length === 0 ? "none" : indexes.on.join(", ")}.`);
    const { registered, missing, command: missingCommand } = searchAttributes;
    if (registered.length > 0) print(`Registered search attributes: ${registered.join(", ")}.`);
    if (missing.length === 0 && registered.length === 0) print("The namespace has all search attributes.");
    if (missingCommand !== undefined)
      print(
        `The search attributes ${missing.join(", ")} are missing, and may not be registered from here. All works without them but the search in Temporal Web UI. For somebody who may:\n  ${missingCommand}`,
      );
    if (outcome.schedules !== undefined) printSchedules(outcome.schedules);
  });
}

function printSchedules({ made, there, missing, why, command }: SchedulesOutcome): void {
  const does = (id: string) =>
    id.endsWith(`/${pruneType}`)
      ? "closed letters past their keep time are deleted daily at 02:00 UTC"
      : "what differs between Temporal and Postgres is mended hourly, at 17 past";
  for (const id of made) print(`Made the schedule ${id}: ${does(id)}.`);
  for (const id of there) print(`The schedule ${id} is there, and stays as it is.`);
  if (missing.length === 0) return;
  print(
    `The schedules ${missing.join(" and ")} are missing, and could not be made from here (${why}). Until then somebody has to run dlo prune and dlo reconcile. For somebody who may:\n  ${command?.replaceAll("\n", "\n  ")}`,
  );
}

/** May be given several times. */
function indexFlag<Flags extends string>(flags: Flags, description: string) {
  return new Option(flags, description).argParser((name: string, before?: string[]) => [...(before ?? []), name]);
}
