import { createReadStream } from "node:fs";
import { Command } from "@commander-js/extra-typings";
import type { CapturedRecord, CaptureReport, CaptureResult } from "../client/index.ts";
import { usage } from "../model/office-error.ts";
import { configFlag } from "./config-flag.ts";
import { officeFlag } from "./office-flag.ts";
import { actingClient, announceTarget, whoAmI } from "./open-client.ts";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { durationArgument } from "./read-duration.ts";
import { withTarget } from "./target-flags.ts";

export function captureCommand() {
  const command = new Command("capture")
    .summary("Make letters of records that failed outside Temporal")
    .description(
      "Reads JSON lines, one record each, and makes letters of them: parked, with payload, headers, source and error. A record's retry starts the job that it names. Once per source: what is here already is left alone, so that the same lines may simply be given again. Needs no database.",
    )
    .argument("<file>", "JSON lines; - reads standard input")
    .option("--job <name>", "the job that a retry starts, where a line does not say")
    .option("--task-queue <name>", 'where that job\'s worker polls, where a line does not say (default: "jobs")')
    .option("--queue <name>", "the dead letter queue, where a line does not say (default: the job's)")
    .addOption(officeFlag("the office that keeps them"))
    .option(
      "--wait-for <duration>",
      "how long to wait for the office, for each record (default: 20 seconds)",
      durationArgument,
    )
    .option("--dry-run", "only check what can be checked here; whether the office takes the job is not known then")
    .option("--by <who>", "who captures, where a line does not say (default: your user name)")
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo capture failed.jsonl --job book-order --dry-run
  kcat -C -b localhost -t orders.dlt -e -J | jq -c '{payload, key, error: {type: "Dlt", message: "see headers"},
      source: {system: "kafka", topic, partition, offset}}' | dlo capture - --job book-order
  echo '{"job":"book-order","payload":{"order":"A-1"},"source":{"system":"http","request":"7c1d"},"error":"502"}' | dlo capture -`,
    );
  return withTarget(command).action(async (file, options) => {
    const { output, dryRun, job, taskQueue, queue, waitFor, by = whoAmI(), ...flags } = options;
    if (file === "-" && process.stdin.isTTY)
      throw usage("- reads records from a pipe, and standard input is a terminal");
    if (!dryRun) await announceTarget(flags);
    const defaults: Partial<CapturedRecord> = {
      by,
      ...(job === undefined ? {} : { job }),
      ...(taskQueue === undefined ? {} : { taskQueue }),
      ...(queue === undefined ? {} : { queue }),
    };
    const progress = captureProgress();
    const report = await actingClient(flags, async (dlo, office) =>
      dlo.letters.captureLines(file === "-" ? process.stdin : createReadStream(file), {
        defaults,
        office,
        ...(waitFor === undefined ? {} : { waitFor }),
        ...(dryRun === undefined ? {} : { dryRun }),
        onRecord(result) {
          progress.clear();
          if (output === "jsonl") printJson(output, asLine(result));
          else say(result);
          progress.show(result.n);
        },
      }),
    );
    progress.clear();
    const { missing, ...counts } = report;
    if (output === "json") printJson(output, { ...counts, missing: missing.map(asLine) });
    if (output === "table") print(sumOf(report));
    else notice(sumOf(report));
    if (report.refused + report.waiting > 0) process.exitCode = 1;
  });
}

function asLine({ n, ...result }: CaptureResult) {
  return { line: n, ...result };
}

/** How far it is: a line that is drawn anew, where standard error is a terminal and no data goes to one. */
function captureProgress() {
  const drawn = process.stderr.isTTY && !process.stdout.isTTY;
  const line = "\r\u001b[2K";
  return {
    clear: () => void (drawn && process.stderr.write(line)),
    show: (n: number) => void (drawn && process.stderr.write(`${line}line ${n.toLocaleString("en-US")}`)),
  };
}

/** Only what needs somebody; the rest is counted. */
function say({ n, outcome, code, why }: CaptureResult): void {
  if (outcome === "refused" || outcome === "waiting") notice(`Line ${n}: ${code}: ${why}`);
}

function sumOf({ captured, here, waiting, refused, checked }: CaptureReport): string {
  const parts = [
    ...(checked > 0 ? [`${checked} to capture`] : []),
    ...(captured > 0 || checked + here + waiting + refused === 0 ? [`${captured} captured`] : []),
    ...(here > 0 ? [`${here} here already`] : []),
    ...(waiting > 0 ? [`${waiting} in Temporal, waiting for the office`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
  ];
  return `${parts.join(", ")}.`;
}
