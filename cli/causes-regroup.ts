import { Command } from "@commander-js/extra-typings";
import type { Regrouping } from "../client/index.ts";
import { shortCauseIds } from "./cause-table.ts";
import { configFlag } from "./config-flag.ts";
import { cut, oneLine } from "./cut.ts";
import { announceTarget } from "./open-client.ts";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { signatureOf, withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function regroupCommand() {
  const command = new Command("regroup")
    .summary("Give old deaths the causes that they would get today")
    .description(
      "Applies the fingerprint rules of the office's configuration, and where none matches the built-in fingerprint, to deaths that are recorded already. Says what would move, and changes nothing unless --apply is given.",
    )
    .argument("[filter...]", "which letters, with all of their deaths; without one, all")
    .option("--apply", "move them")
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo causes regroup --config office.config.ts
  dlo causes regroup error:GatewayError --config office.config.ts --apply --reason "one gateway, one cause"`,
    );
  return withTarget(withSignature(command, "cause")).action(async (words, options) => {
    const { apply = false, output } = options;
    await announceTarget(options);
    const [{ loadConfig }, { withReader }] = await Promise.all([
      import("./load-config.ts"),
      import("./open-reader.ts"),
    ]);
    const loaded = await loadConfig(options.config);
    const rules = loaded?.config.fingerprint ?? [];
    const said =
      rules.length === 0
        ? "no rules, so the built-in fingerprint alone"
        : `${rules.length} ${rules.length === 1 ? "rule" : "rules"}`;
    notice(`From ${loaded?.from ?? "no configuration"}: ${said}.`);
    const regrouping = await withReader(
      options,
      async (reader) =>
        await reader.causes.regroup(words.join(" "), {
          ...signatureOf(options),
          rules,
          apply,
          progress: (letters) => {
            if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${letters} letters looked at …`);
          },
        }),
    ).finally(() => {
      if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
    });
    if (output !== "table") return printJson(output, output === "json" ? regrouping : regrouping.moves);
    print(regroupText(regrouping));
    if (!apply && regrouping.moves.length > 0) notice("Nothing was changed. To do it: the same with --apply");
  });
}

function regroupText({ moves, letters, applied }: Regrouping): string {
  if (moves.length === 0) return `All ${letters} letters have the cause that they would get today.`;
  const short = shortCauseIds(moves.flatMap(({ from, to }) => [from.id, to.id]));
  const named = ({ id, title }: { id: string; title: string }) => `${short.get(id)} "${cut(oneLine(title), 80)}"`;
  return moves
    .map(({ from, to, letters: moved, deaths }) => {
      const what = `${moved} ${moved === 1 ? "letter" : "letters"} and ${deaths} ${deaths === 1 ? "death" : "deaths"}`;
      const where = `from ${named(from)} to ${to.isNew ? "the new cause " : ""}${named(to)}`;
      return `${applied ? "Moved" : "Would move"} ${what} ${where}`;
    })
    .join("\n");
}
