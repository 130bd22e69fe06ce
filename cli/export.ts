import { Command, Option } from "@commander-js/extra-typings";
import { type ExportFormat, exportFormats } from "../model/export-options.ts";
import { usage } from "../model/office-error.ts";
import { filterArgument, filterArgumentHelp, filterOf, withFilter } from "./filter-flags.ts";
import { withTarget } from "./target-flags.ts";

export function exportCommand() {
  const command = new Command("export")
    .summary("Write letters out as CSV, JSON lines or Parquet")
    .description(
      "Writes all letters that fit, by id, each once, however many there are: they stream through in constant memory. They are those of one moment; a letter that dies meanwhile is as it was.",
    )
    .argument(filterArgument, filterArgumentHelp)
    .addOption(
      new Option(
        "--format <format>",
        "for programs, spreadsheets or analysis (default: by the file's ending, or jsonl)",
      ).choices(exportFormats),
    )
    .option("--file <file>", "where to write; the name appears when all is there (default: standard output)")
    .option("--full", "all that is known of each letter: deaths, attempts, events, encoded inputs; for dlo import")
    .option("--columns <names>", "only these, separated by commas, such as id,job,failedAt", (text) =>
      text.split(",").map((name) => name.trim()),
    )
    .option("--spreadsheet", "CSV that Excel opens safely: no cell becomes a formula")
    .addHelpText(
      "after",
      `
Examples:
  dlo export --file letters.parquet
  dlo export 'job:import-movie failed:<7d' --format csv --columns id,errorType,failedAt > week.csv
  dlo export --status open --full | gzip > open.jsonl.gz`,
    );
  return withTarget(withFilter(command)).action(async (words, options) => {
    const { file, full, columns, spreadsheet } = options;
    const filter = filterOf(options, words);
    const format = options.format ?? formatOf(file);
    if (format === "parquet" && file === undefined && process.stdout.isTTY)
      throw usage("Parquet is no text for a terminal. Name a file (--file letters.parquet), or send it into one");
    const [{ withReader }, { exportTo }, { exportProgress }] = await Promise.all([
      import("./open-reader.ts"),
      import("./export-to.ts"),
      import("./export-progress.ts"),
    ]);
    await withReader(options, async (reader) => {
      const progress = exportProgress();
      const letters = reader.export(filter, {
        format,
        ...(full === undefined ? {} : { full }),
        ...(columns === undefined ? {} : { columns }),
        ...(spreadsheet === undefined ? {} : { spreadsheet }),
        onProgress: progress.show,
      });
      try {
        // Encoded inputs are not redacted: such a file is for its owner alone.
        await exportTo(letters, file, full ? 0o600 : 0o666);
      } finally {
        progress.clear();
      }
      progress.sum(file);
    });
  });
}

function formatOf(file: string | undefined): ExportFormat {
  const ending = file?.toLowerCase().split(".").at(-1);
  return exportFormats.find((format) => format === ending) ?? "jsonl";
}
