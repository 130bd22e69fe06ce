import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { eventTypes, type EventType } from "../model/event.ts";
import { unknownWord } from "../model/suggest.ts";
import { filterArgument, filterArgumentHelp, filterOf, withFilter } from "./filter-flags.ts";
import { withTarget } from "./target-flags.ts";

export function watchCommand() {
  const command = new Command("watch")
    .summary("Follow live what happens to dead letters and causes")
    .description(
      "Prints each event as it happens, one a line, in the order of the office's one stream: deaths, retries and their outcomes, commands with who gave them and why, new and returned causes. None is missed, and none comes twice: when it ends, it says the position to go on from. A filter narrows it to letters that fit at that moment, and to their causes.",
    )
    .argument(filterArgument, filterArgumentHelp)
    .option("--type <types>", "only events of these types, with commas between them: see docs/events.md", eventTypesOf)
    .option("--letter <id>", "only events of this letter")
    .option("--after <position>", "begin after this position, 0 for the beginning (default: with what comes)", position)
    .option("--until-now", "end with the last event that there is by now; without --after, all from the beginning")
    .addOption(
      new Option("-o, --output <format>", "for people, or one JSON object a line")
        .choices(["table", "jsonl"] as const)
        .default("table" as const),
    )
    .addHelpText(
      "after",
      `
Examples:
  dlo watch
  dlo watch 'job:import-movie needs-person:yes'
  dlo watch --type cause_new,cause_returned
  dlo watch --after 1024 --output jsonl | tee --append events.jsonl
  dlo watch --until-now --type discarded --output jsonl | jq -r .by | sort | uniq --count`,
    );
  return withTarget(withFilter(command)).action(async (words, options) => {
    const filter = filterOf(options, words);
    const { watchEvents } = await import("./watch-events.ts");
    await watchEvents(filter, options);
  });
}

function position(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError("It must be the position of an event, or 0 for the beginning.");
  return value;
}

function eventTypesOf(text: string, before: readonly EventType[] = []): readonly EventType[] {
  const types = text.split(",").map((word) => word.trim());
  for (const type of types)
    if (!eventTypes.includes(type as EventType))
      throw new InvalidArgumentError(unknownWord("event type", type, eventTypes));
  return [...before, ...(types as EventType[])];
}
