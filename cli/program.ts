import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { adoptCommand } from "./adopt.ts";
import { amendCommand } from "./amend.ts";
import { applyPolicyCommand } from "./apply-policy.ts";
import { captureCommand } from "./capture.ts";
import { causesCommand } from "./causes.ts";
import { devCommand } from "./dev.ts";
import { diffCommand } from "./diff.ts";
import { discardCommand } from "./discard.ts";
import { doctorCommand } from "./doctor.ts";
import { expireCommand } from "./expire.ts";
import { exportCommand } from "./export.ts";
import { importCommand } from "./import.ts";
import { extendCommand } from "./extend.ts";
import { healthCommand } from "./health.ts";
import { listCommand } from "./list.ts";
import { moveCommand } from "./move.ts";
import { noteCommand } from "./note.ts";
import { officeCommand } from "./office.ts";
import { paint } from "./paint.ts";
import { pruneCommand } from "./prune.ts";
import { reconcileCommand } from "./reconcile.ts";
import { redriveCommand } from "./redrive.ts";
import { reopenCommand } from "./reopen.ts";
import { retryCommand } from "./retry.ts";
import { reproduceCommand } from "./reproduce.ts";
import { runCodeCommand } from "./run-code.ts";
import { setupCommand } from "./setup.ts";
import { showCommand } from "./show.ts";
import { similarCommand } from "./similar.ts";
import { startCommand } from "./start.ts";
import { statsCommand } from "./stats.ts";
import { watchCommand } from "./watch.ts";
import { workerCommand } from "./worker.ts";

/** The `dlo` command. Commands load what is heavy (Temporal, Postgres, native code) when they run. */
export function program(): CommandUnknownOpts {
  const dlo = new Command("dlo")
    .description("A dead letter queue for Temporal: see what died and why, mend it, run it again.")
    .version(version(), "-V, --version", "print the version")
    // What follows a command is its own, also where the command has subcommands with the same options.
    .enablePositionalOptions()
    .addHelpText(
      "after",
      `
Examples:
  dlo dev
  dlo causes
  dlo list 'job:import-movie failed:<4h "connection refused"'
  dlo show 0197a3b2-1c4d
  dlo list --category network --output jsonl | dlo retry - --reason "the gateway is back"
  dlo redrive cause:0f9a22b1 --canary 3 --ramp --rate 50

Temporal and Postgres are found by flags, then DLO_DATABASE_URL and Temporal's own environment
(TEMPORAL_ADDRESS, profiles), then a stack that runs in this folder (dlo dev).`,
    )
    .helpCommand(false);
  for (const [heading, commands] of groups) for (const command of commands) dlo.addCommand(command.helpGroup(heading));
  for (const command of withSubcommands(dlo)) settle(command);
  return dlo;
}

const groups: readonly (readonly [string, readonly CommandUnknownOpts[]])[] = [
  ["See what died, and why:", [causesCommand(), listCommand(), showCommand(), statsCommand(), watchCommand()] as never],
  ["Look closely:", [similarCommand(), diffCommand(), reproduceCommand()] as never],
  ["Act on many:", [redriveCommand(), pruneCommand()] as never],
  ["Let nothing escape:", [reconcileCommand(), adoptCommand(), captureCommand()] as never],
  [
    "Act on letters:",
    [
      retryCommand(),
      amendCommand(),
      extendCommand(),
      moveCommand(),
      runCodeCommand(),
      applyPolicyCommand(),
      noteCommand(),
      expireCommand(),
      discardCommand(),
      reopenCommand(),
    ] as never,
  ],
  ["Take them elsewhere:", [exportCommand(), importCommand()] as never],
  ["Jobs:", [startCommand()] as never],
  ["Processes:", [devCommand(), workerCommand(), officeCommand()] as never],
  ["Set-up:", [setupCommand(), doctorCommand(), healthCommand()] as never],
];

function withSubcommands(command: CommandUnknownOpts): CommandUnknownOpts[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

/** What every command has alike; commander hands none of it down to a command that is added whole. */
function settle(command: CommandUnknownOpts): void {
  command
    .exitOverride()
    .addHelpOption(new Option("-h, --help", "print this help").helpGroup("Options:"))
    .showHelpAfterError(`For what there is: ${commandLine(command)} --help`)
    .configureOutput({
      outputError: (text, write) =>
        write(
          text.replace(
            /^error: (.)/,
            (_, first: string) => `${paint("red", "Error:", process.stderr)} ${first.toUpperCase()}`,
          ),
        ),
    })
    .configureHelp({
      styleTitle: (title) => paint("bold", title),
      helpWidth: Math.min(process.stdout.columns ?? 100, 120),
    });
}

function commandLine(command: CommandUnknownOpts): string {
  return command.parent === null ? command.name() : `${commandLine(command.parent)} ${command.name()}`;
}

function version(): string {
  // From dist/cli/ as from cli/: the nearest package.json above is the package's.
  for (const path of ["../package.json", "../../package.json"]) {
    try {
      return (JSON.parse(readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8")) as { version: string })
        .version;
    } catch {
      continue;
    }
  }
  return "unknown";
}
