import { Command } from "@commander-js/extra-typings";
import { configFlag } from "./config-flag.ts";
import { sayOpenLetters } from "./open-letters.ts";
import { notice, type Output, outputFlag, print, printJson } from "./output-flag.ts";
import { ownCommand } from "./own-command.ts";
import { keyValue } from "./read-headers.ts";
import { reportError } from "./report-error.ts";
import type { Started } from "./start-by-name.ts";
import { withTemporal } from "./target-flags.ts";

export function startCommand() {
  const command = new Command("start")
    .summary("Start a job")
    .description(
      "Starts a job by its name. Where dlo.config names the job, its input is checked first; otherwise it is started by its type alone. Needs no database.",
    )
    .argument("<job>", "the job's name")
    .option("--input <json>", "the job's input: JSON, @file, or - for standard input")
    .option("--id <id>", "workflow id: the lock against a second run (default: <job>/<uuid>)")
    .option("--header <name=value>", "reaches the handler; may be given several times", keyValue, {})
    .option("--key <key>", "what the job is about, such as an order's number")
    .option("--idempotency-key <key>", "stays the same over all retries (default: the workflow id)")
    .option("--batch <name>", "a group of runs, to find their records by")
    .option("--task-queue <name>", "of a job that no configuration names (default: jobs)")
    .option("--wait", "wait for the result, and print it; exit code 1 if the job dies")
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo start import-movie --input @movie.json
  dlo start charge-card --input '{"order":4711}' --id charge/4711 --key 4711 --wait
  dlo start send-mail --input '{"to":"ann@example.com"}' --header traceparent=00-4bf9…-01
  jq -c .order event.json | dlo start charge-card --input -`,
    );
  return withTemporal(command).action(async (name, options) => {
    const { startByName } = await import("./start-by-name.ts");
    if (!options.wait) return tell(name, await startByName(name, options), options.output);
    // A run that was waited for has ended, well or not, and says so first.
    try {
      tell(name, await startByName(name, options), options.output);
    } catch (error) {
      process.exitCode = reportError(error);
    }
    await sayOpenLetters(options);
  });
}

function tell(name: string, started: Started, output: Output): void {
  if (output !== "table") printJson(output, started);
  else if ("result" in started) print(JSON.stringify(started.result, null, 2) ?? "It succeeded, without a result.");
  else {
    print(`Started ${name}: workflow ${started.workflowId}, run ${started.runId}`);
    notice(`If it dies: ${ownCommand} list`);
  }
}
