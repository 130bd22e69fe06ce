import { Command } from "@commander-js/extra-typings";
import type { ItemState } from "../client/index.ts";
import { usage } from "../model/office-error.ts";
import { itemStates } from "../model/redrive.ts";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { positiveInteger } from "./read-number.ts";
import { outcomesOf } from "./read-outcomes.ts";
import { withTarget } from "./target-flags.ts";

export function showRedriveCommand() {
  const command = new Command("show")
    .summary("Show one redrive, and what became of each of its letters")
    .description(
      "Shows what was asked for, how far it is, and its balance; with --items letter by letter, with the run of each.",
    )
    .argument("<id>", "the redrive's id, which may be shortened")
    .option("--items", "letter by letter")
    .option(
      "--outcome <states>",
      `those letters with this outcome, with commas between: ${itemStates.join(", ")}`,
      outcomesOf(itemStates),
    )
    .option("--limit <letters>", "with --items: at most so many, up to 10,000", positiveInteger(10_000), 100)
    .option("--after <n>", "with --items: those after this number", positiveInteger(999_999_999))
    .option("--follow", "follow it to its end")
    .addOption(outputFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo redrive show 0197a3b2-1c4d
  dlo redrive show 0197a3b2-1c4d --outcome died_again,refused
  dlo redrive show 0197a3b2-1c4d --items --limit 10000 --output jsonl | jq -r .why | sort | uniq --count
  dlo redrive show 0197a3b2-1c4d --follow`,
    );
  return withTarget(command).action(async (id, { items, outcome, limit, after, follow, output, ...flags }) => {
    const showsItems = items === true || outcome !== undefined || after !== undefined;
    if (follow && showsItems) throw usage("--follow shows how far it is; for its letters leave it out");
    if (follow) {
      const [{ withClient }, { followRedrive }] = await Promise.all([
        import("./open-client.ts"),
        import("./follow-redrive.ts"),
      ]);
      return await withClient(
        flags,
        undefined,
        async (dlo) => await followRedrive(dlo, (await dlo.redrives.get(id)).id, output),
      );
    }
    const [{ withReader }, { itemTable, redriveDetailsText }] = await Promise.all([
      import("./open-reader.ts"),
      import("./redrive-text.ts"),
    ]);
    await withReader(flags, async (reader) => {
      if (!showsItems) {
        const redrive = await reader.redrives.get(id);
        return output === "table" ? print(redriveDetailsText(redrive)) : printJson(output, redrive);
      }
      const found = await reader.redrives.items(id, { ...chosen(outcome, after), limit });
      if (output !== "table") printJson(output, found);
      else print(found.length === 0 ? "No letters like that." : itemTable(found));
      if (found.length === limit) notice(`More: repeat the command with --after ${found.at(-1)?.n}`);
    });
  });
}

function chosen(states: readonly ItemState[] | undefined, after: number | undefined) {
  return { ...(states === undefined ? {} : { states }), ...(after === undefined ? {} : { after }) };
}
