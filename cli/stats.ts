import { Command, Option } from "@commander-js/extra-typings";
import { breakdowns } from "../model/breakdown.ts";
import { filterArgument, filterArgumentHelp, filterOf, withFilter } from "./filter-flags.ts";
import { outputFlag, print, printJson } from "./output-flag.ts";
import { durationArgument } from "./read-duration.ts";
import { positiveInteger } from "./read-number.ts";
import { withTarget } from "./target-flags.ts";

export function statsCommand() {
  const command = new Command("stats")
    .summary("Count what died, what became of it, and how long that took")
    .description(
      "Shows the numbers of the namespace's dead letters, or of those that fit a filter. With --by it ranks the deaths of a time, or lays them out along it: by hour, day or week without gaps.",
    )
    .argument(filterArgument, filterArgumentHelp)
    .addOption(new Option("--by <what>", "what deaths are counted by").choices(breakdowns))
    .option("--since <when>", "a time (2026-11-01, 2026-11-01T09:30), or a span that counts back from now", "7 days")
    .option("--until <when>", "as --since; absent: now")
    .option("--tz <zone>", "time zone of hours, days and weeks, such as Europe/Berlin; absent: this machine's")
    .option("--limit <rows>", "at most so many rows of a ranking, up to 1,000", positiveInteger(1000), 20)
    .option("--timeout <duration>", "how long Postgres may take for one question", durationArgument, "10 seconds")
    .addOption(outputFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo stats
  dlo stats job:import-movie --by day --since "30 days" --tz Europe/Berlin
  dlo stats category:network --by hour --since 2026-11-24 --until 2026-11-25
  dlo stats --by any-error --output jsonl | jq -r .value`,
    );
  return withTarget(withFilter(command)).action(async (words, options) => {
    const { by, since, until, tz, limit, timeout, output } = options;
    const [{ withReader }, { ownTimeZone }, text] = await Promise.all([
      import("./open-reader.ts"),
      import("../model/time-zone.ts"),
      import("./stats-text.ts"),
    ]);
    const filter = filterOf(options, words);
    const asked = {
      since,
      timeZone: tz ?? ownTimeZone(),
      timeout: timeout as never,
      ...(until === undefined ? {} : { until }),
    };
    const columns = process.stdout.isTTY ? process.stdout.columns : undefined;
    await withReader(options, async ({ stats }) => {
      switch (by) {
        case undefined: {
          if (output !== "table") return printJson(output, await stats(filter, asked));
          const [numbers, hours, causes, jobs] = await Promise.all([
            stats(filter, asked),
            stats(filter, { ...asked, since: "23 hours", until: new Date(), by: "hour" }),
            stats(filter, { ...asked, by: "cause", limit: 5 }),
            stats(filter, { ...asked, by: "job", limit: 5 }),
          ]);
          return print(text.statsText({ numbers, hours, rankings: [causes, jobs] }, columns));
        }
        case "hour":
        case "day":
        case "week": {
          const timed = await stats(filter, { ...asked, by });
          return output === "table" ? print(text.timedText(timed, columns)) : printRows(output, timed);
        }
        case "hour-of-day": {
          const hours = await stats(filter, { ...asked, by });
          return output === "table" ? print(text.hoursText(hours, columns)) : printRows(output, hours);
        }
        default: {
          const ranked = await stats(filter, { ...asked, by, limit });
          return output === "table" ? print(text.rankedText(ranked, columns)) : printRows(output, ranked);
        }
      }
    });
  });
}

/** As JSON the whole answer, as JSON lines its rows. */
function printRows(output: "json" | "jsonl", answer: { readonly rows: readonly unknown[] }): void {
  printJson(output, output === "json" ? answer : answer.rows);
}
