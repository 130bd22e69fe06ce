import { Command, Option } from "@commander-js/extra-typings";
import { usage } from "../model/office-error.ts";
import { configFlag } from "./config-flag.ts";
import { outputFlag } from "./output-flag.ts";
import { withTarget } from "./target-flags.ts";
import { inspectorPort } from "./wait-for-debugger.ts";

export function reproduceCommand() {
  const command = new Command("reproduce")
    .summary("Run a dead letter's handler here, once, as it ran when it died")
    .description(
      "Runs the handler that dlo.config has for the job, in this process, on the recorded input and headers, as the attempt that died. The letter does not notice: no retry is counted, nothing is written to Postgres, nothing is asked of Temporal. But what the handler itself does to the world, it does.",
    )
    .argument("[id]", "letter id, which may be shortened, or the job's workflow id (its newest letter)")
    .option("--from <file>", "a letter that was exported with --full, in place of an id; - for standard input")
    .option("--input <json>", "another input: JSON, @file, or - for standard input")
    .option("--original", "the input as it was first recorded, where it has been amended since")
    .addOption(
      new Option("--inspect-brk [port]", "wait for a debugger before the handler runs").argParser(inspectorPort),
    )
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Exit code 0: it succeeded; 1: it failed, of the same cause or another, or was cancelled (Ctrl-C).

Examples:
  dlo reproduce 0197a3b2-1c4d
  dlo reproduce import-movie/1946 --input '{"title":"1946"}'
  dlo reproduce 0197a3b2-1c4d --inspect-brk=9230
  dlo export --workflow-id import-movie/1946 --full --file letter.jsonl
  dlo reproduce --from letter.jsonl
  gunzip -c letter.jsonl.gz | dlo reproduce --from -`,
    );
  return withTarget(command).action(async (id, { output, config, inspectBrk, ...options }) => {
    const { from, input, original, ...flags } = options;
    if ((id === undefined) === (from === undefined))
      throw usage("Which letter? Give its id, or a file that it was exported to: --from letter.jsonl");
    if (input !== undefined && original) throw usage("--input and --original exclude each other");
    if (input === "-" && from === "-") throw usage("--input and --from cannot both be standard input");
    const { reproduce } = await import("./run-reproduction.ts");
    await reproduce(
      id === undefined ? { from: from ?? "-" } : { id },
      { ...flags, ...(config === undefined ? {} : { config }) },
      {
        output,
        ...(input === undefined ? {} : { input }),
        ...(original ? { original } : {}),
        ...(inspectBrk === undefined ? {} : { inspectBrk }),
      },
    );
  });
}
