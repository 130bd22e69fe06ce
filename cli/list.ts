import { Command, Option } from "@commander-js/extra-typings";
import { letterOrders } from "../model/filter.ts";
import type { LetterPage } from "../client/index.ts";
import { filterArgument, filterArgumentHelp, filterOf, withFilter } from "./filter-flags.ts";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { positiveInteger } from "./read-number.ts";
import { absoluteTime } from "./relative-time.ts";
import { withTarget } from "./target-flags.ts";

export function listCommand() {
  const command = new Command("list")
    .summary("Show dead letters, newest failure first")
    .description(
      "Shows the dead letters of the namespace, of every status. A filter narrows the list, in one line or by flags, which take the same values: a letter must fit all of it.",
    )
    .argument(filterArgument, filterArgumentHelp)
    .addOption(
      new Option("--order <order>", "newest or oldest failure, soonest to expire, or most deaths first")
        .choices(letterOrders)
        .default("newest" as const),
    )
    .option("--limit <letters>", "at most so many, up to 1,000", positiveInteger(1000), 50)
    .option("--after <cursor>", "the page after this one; a page that is not the last says its cursor")
    .option("--count", "say only how many there are")
    .addOption(outputFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo list
  dlo list 'job:import-movie category:network failed:<4h -tag:vip "connection refused"'
  dlo list --status open --order expiring
  dlo list 'payload.order.total>=100' --limit 200 --output json
  dlo list --count 'status:open needs-person:yes'
  dlo list --category network --output jsonl | dlo retry - --reason "the gateway is back"`,
    );
  return withTarget(withFilter(command)).action(async (words, options) => {
    const { order, limit, after, count, output } = options;
    const filter = filterOf(options, words);
    const [{ withReader }, { letterTable }] = await Promise.all([
      import("./open-reader.ts"),
      import("./letter-table.ts"),
    ]);
    if (count) {
      const counted = await withReader(options, async (reader) => await reader.count(filter));
      if (output !== "table") return printJson(output, counted);
      return print(`${counted.exact ? "" : "at least "}${counted.count}`);
    }
    const page = await withReader(
      options,
      async (reader) => await reader.list(filter, { order, limit, ...(after === undefined ? {} : { after }) }),
    );
    if (output !== "table") printJson(output, page.letters);
    else if (page.letters.length === 0) print(emptyText(page, Object.keys(filter).length > 0, after));
    else print(letterTable(page.letters, process.stdout.isTTY ? process.stdout.columns : undefined));
    if (page.next !== undefined) notice(howToGoOn(page, page.next));
  });
}

function howToGoOn({ searched }: LetterPage, next: string): string {
  if (searched === undefined) return `More: repeat the command with --after ${next}`;
  const { letters, downTo } = searched;
  return `Looked through ${letters.toLocaleString("en")} letters, up to ${absoluteTime(downTo)}, and there are more. To go on: repeat the command with --after ${next}`;
}

function emptyText({ complete }: LetterPage, filtered: boolean, after: string | undefined): string {
  if (!complete) return "No dead letters like that so far.";
  if (after !== undefined) return "No more dead letters.";
  if (!filtered) return "No dead letters. Nothing has died here.";
  return "No dead letters like that. Without a filter, dlo list shows all there are.";
}
