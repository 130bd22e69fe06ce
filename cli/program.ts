import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { amendCommand } from "./amend.ts";
import { devCommand } from "./dev.ts";
import { discardCommand } from "./discard.ts";
import { doctorCommand } from "./doctor.ts";
import { expireCommand } from "./expire.ts";
import { extendCommand } from "./extend.ts";
import { listCommand } from "./list.ts";
import { noteCommand } from "./note.ts";
import { officeCommand } from "./office.ts";
import { paint } from "./paint.ts";
import { retryCommand } from "./retry.ts";
import { setupCommand } from "./setup.ts";
import { showCommand } from "./show.ts";
import { startCommand } from "./start.ts";
import { workerCommand } from "./worker.ts";

/** The `dlo` command. Commands load what is heavy (Temporal, Postgres, native code) when they run. */
export function program(): CommandUnknownOpts {
  const dlo = new Command("dlo")
    .description("A dead letter queue for Temporal: see what died and why, mend it, run it again.")
    .version(version(), "-V, --version", "print the version")
    .addHelpText(
      "after",
      `
Examples:
  dlo dev
  dlo list --status parked
  dlo show 0197a3b2-1c4d
  dlo list --category network --output jsonl | dlo retry - --reason "the gateway is back"

Temporal and Postgres are found by flags, then DLO_DATABASE_URL and Temporal's own environment
(TEMPORAL_ADDRESS, profiles), then a stack that runs in this folder (dlo dev).`,
    )
    .helpCommand(false);
  for (const [heading, commands] of groups) for (const command of commands) dlo.addCommand(command.helpGroup(heading));
  for (const command of [dlo, ...dlo.commands]) settle(command as CommandUnknownOpts);
  return dlo;
}

const groups: readonly (readonly [string, readonly CommandUnknownOpts[]])[] = [
  [
    "Dead letters:",
    [
      listCommand(),
      showCommand(),
      retryCommand(),
      amendCommand(),
      extendCommand(),
      noteCommand(),
      expireCommand(),
      discardCommand(),
    ] as never,
  ],
  ["Jobs:", [startCommand()] as never],
  ["Processes:", [devCommand(), workerCommand(), officeCommand()] as never],
  ["Set-up:", [setupCommand(), doctorCommand()] as never],
];

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
  return command.parent === null ? command.name() : `${command.parent.name()} ${command.name()}`;
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
