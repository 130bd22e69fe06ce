import { Command } from "@commander-js/extra-typings";
import { formatDuration } from "../model/duration.ts";
import { usage } from "../model/office-error.ts";
import { configFlag } from "./config-flag.ts";
import { cut, oneLine } from "./cut.ts";
import { officeFlag } from "./office-flag.ts";
import { actingClient, announceTarget } from "./open-client.ts";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { absoluteTime } from "./relative-time.ts";
import { table } from "./table.ts";
import { withTarget } from "./target-flags.ts";

export function listWatchesCommand() {
  const command = new Command("list")
    .summary("Show what is adopted on a schedule")
    .description(
      "Shows the watches of an office: each is a Temporal Schedule that adopts what has failed since its last run.",
    )
    .addOption(officeFlag("the office that adopts"))
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText("after", "\nExamples:\n  dlo adopt list\n  dlo adopt list --output jsonl | jq -r .query");
  return withTarget(command).action(async ({ output, ...flags }) => {
    const { listWatches } = await import("../setup/adopt-watches.ts");
    const watches = await actingClient(flags, async ({ temporal }, office) => await listWatches(temporal, office));
    if (output !== "table") return printJson(output, watches);
    if (watches.length === 0) return print("Nothing is adopted on a schedule. To begin: dlo adopt --query … --watch");
    const time = (at: Date | null) => (at === null ? "-" : absoluteTime(at));
    print(
      table(
        ["NAME", "WHAT", "EVERY", "LAST RUN", "NEXT RUN", "QUERY"],
        watches.map(({ name, what, everyMs, paused, lastRunAt, nextRunAt, query }) => [
          ...[name, what, formatDuration(everyMs), time(lastRunAt)],
          ...[paused ? "paused" : time(nextRunAt), cut(oneLine(query), 100)],
        ]),
      ),
    );
  });
}

export function stopWatchCommand() {
  const command = new Command("stop")
    .summary("End adopting on a schedule")
    .description(
      "Ends a watch. What it has adopted stays, and the same watch made again goes on from where it stopped.",
    )
    .argument("<name>", "the watch's name, as dlo adopt list shows it")
    .addOption(officeFlag("the office that adopts"))
    .addOption(configFlag())
    .addHelpText("after", "\nExamples:\n  dlo adopt stop orders");
  return withTarget(command).action(async (name, flags) => {
    const { listWatches, stopWatch } = await import("../setup/adopt-watches.ts");
    await announceTarget(flags);
    await actingClient(flags, async ({ temporal }, office) => {
      if (await stopWatch(temporal, office, name)) return notice(`Watch ${name} was ended. What it has adopted stays.`);
      const names = (await listWatches(temporal, office)).map((watch) => watch.name);
      throw usage(`There is no watch "${name}" of office ${office}. There is: ${names.join(", ") || "none"}`);
    });
  });
}
