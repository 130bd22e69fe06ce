import { Command, Option } from "@commander-js/extra-typings";
import { categories } from "../model/category.ts";
import { reasons } from "../model/reason.ts";
import { statuses } from "../model/status.ts";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { positiveInteger } from "./read-number.ts";
import { withTarget } from "./target-flags.ts";

export function listCommand() {
  const command = new Command("list")
    .summary("Show dead letters, newest failure first")
    .description(
      "Shows the dead letters of the namespace, of every status, the newest failure first. Flags together narrow the list: a letter must fit all of them.",
    )
    .option("--job <name>", "of this job")
    .option("--queue <name>", "in this dead letter queue")
    .addOption(new Option("--status <status>", "in this state").choices(statuses))
    .addOption(new Option("--category <category>", "whose error is of this kind").choices(categories))
    .addOption(new Option("--reason <reason>", "that died for this reason").choices(reasons))
    .option("--key <key>", "about this order, customer or whatever the job's key is")
    .option("--workflow-id <id>", "of the job with this workflow id")
    .option("--limit <letters>", "at most so many, up to 1,000", positiveInteger(1000), 50)
    .option("--after <cursor>", "the page after this one; a full page says its cursor")
    .addOption(outputFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo list
  dlo list --status parked --job import-movie
  dlo list --category data --limit 200 --output json
  dlo list --category network --output jsonl | dlo retry - --reason "the gateway is back"`,
    );
  return withTarget(command).action(async (options) => {
    const { job, queue, status, category, reason, key, workflowId, limit, after, output } = options;
    const filter = {
      ...(job === undefined ? {} : { job }),
      ...(queue === undefined ? {} : { queue }),
      ...(status === undefined ? {} : { status }),
      ...(category === undefined ? {} : { category }),
      ...(reason === undefined ? {} : { reason }),
      ...(key === undefined ? {} : { key }),
      ...(workflowId === undefined ? {} : { workflowId }),
    };
    const [{ withReader }, { letterTable }] = await Promise.all([
      import("./open-reader.ts"),
      import("./letter-table.ts"),
    ]);
    const { letters, next } = await withReader(options, async (reader) => {
      const { namespace } = reader.target.temporal;
      return await reader.list({ ...filter, namespace }, { limit, ...(after === undefined ? {} : { after }) });
    });
    if (output !== "table") printJson(output, letters);
    else if (letters.length === 0) print(emptyText(filter, after));
    else print(letterTable(letters, process.stdout.isTTY ? process.stdout.columns : undefined));
    if (next !== undefined) notice(`More: repeat the command with --after ${next}`);
  });
}

function emptyText(filter: object, after: string | undefined): string {
  if (after !== undefined) return "No more dead letters.";
  if (Object.keys(filter).length === 0) return "No dead letters. Nothing has died here.";
  return "No dead letters like that. Without flags, dlo list shows all there are.";
}
