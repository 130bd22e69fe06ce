import { createReadStream } from "node:fs";
import { Command } from "@commander-js/extra-typings";
import type { ImportedLine } from "../client/index.ts";
import { usage } from "../model/office-error.ts";
import { configFlag } from "./config-flag.ts";
import { officeFlag } from "./office-flag.ts";
import { actingClient, announceTarget } from "./open-client.ts";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { signatureOf } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function importCommand() {
  const command = new Command("import")
    .summary("Bring exported letters back, here or elsewhere")
    .description(
      "Reads JSON lines, best those of dlo export --full, and makes letters of them: parked, with their deaths, attempts, errors, tags and inputs as recorded. What is here already is left alone, so that an interrupted import may simply be repeated.",
    )
    .argument("<file>", "JSON lines; - reads standard input")
    .option("--closed", "letters that were closed come back as well, parked (default: they are skipped)")
    .addOption(officeFlag("the office that is to keep them"))
    .option("--dry-run", "only say what would come of each line")
    .option("--by <who>", "who imports; recorded in each letter's story (default: your user name)")
    .option("--reason <text>", "why; recorded in each letter's story")
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo import open.jsonl --dry-run
  gunzip -c open.jsonl.gz | dlo import - --namespace staging --reason "to reproduce incident 512"
  dlo export --full --workflow-id import-movie/1946 | dlo import - --address localhost:7233 --database-url "$LOCAL"`,
    );
  return withTarget(command).action(async (file, options) => {
    const { output, closed, dryRun, ...flags } = options;
    if (file === "-" && process.stdin.isTTY)
      throw usage("- reads letters from a pipe, and standard input is a terminal");
    if (!dryRun) await announceTarget(flags);
    const report = await actingClient(flags, async (dlo, office) => {
      const { by, reason } = signatureOf(flags);
      return await dlo.letters.import(file === "-" ? process.stdin : createReadStream(file), {
        by,
        ...(reason === undefined ? {} : { reason }),
        ...(closed === undefined ? {} : { closed }),
        ...(dryRun === undefined ? {} : { dryRun }),
        office,
        onLine: (line) => (output === "jsonl" ? printJson(output, line) : say(line)),
      });
    });
    const { imported, here, closed: left, refused } = report;
    if (output === "json") printJson(output, report);
    const sum = [
      `${imported} ${dryRun ? "to import" : "imported"}`,
      ...(here > 0 ? [`${here} here already`] : []),
      ...(left > 0 ? [`${left} closed where they come from (--closed brings them back)`] : []),
      ...(refused > 0 ? [`${refused} refused`] : []),
    ].join(", ");
    if (output === "table") print(`${sum}.`);
    else notice(`${sum}.`);
    if (refused > 0) process.exitCode = 1;
  });
}

/** Only what needs somebody; the rest is counted. */
function say({ line, outcome, why }: ImportedLine): void {
  if (outcome === "refused") notice(`Line ${line}: ${why}`);
}
