import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { letterOrders } from "../model/filter.ts";
import { usage } from "../model/office-error.ts";
import { endedItemStates, redriveControls } from "../model/redrive.ts";
import { didYouMean } from "../model/suggest.ts";
import { configFlag } from "./config-flag.ts";
import { filterArgument, filterArgumentHelp, filterOf, withFilter } from "./filter-flags.ts";
import { announceTarget } from "./open-client.ts";
import { officeFlag } from "./office-flag.ts";
import { outputFlag } from "./output-flag.ts";
import { durationArgument } from "./read-duration.ts";
import { positiveInteger } from "./read-number.ts";
import { outcomesOf } from "./read-outcomes.ts";
import { listRedrivesCommand } from "./redrive-list.ts";
import { decimal, numberOrNever, shareOrNever } from "./redrive-numbers.ts";
import { showRedriveCommand } from "./redrive-show.ts";
import { steerCommands } from "./redrive-steer.ts";
import { otherwise, runOf, withRun } from "./run-flags.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function redriveCommand() {
  const command = new Command("redrive")
    .enablePositionalOptions()
    .summary("Retry many dead letters, at a safe rate")
    .description(
      "Retries the letters that fit, as they are at this moment: what dies later is not touched. The office does it, at a rate, and writes down what became of each. It stops by itself when they die again of what they had died of before. " +
        "It is followed to its end; Ctrl-C leaves it running.",
    )
    .argument(filterArgument, `${filterArgumentHelp}; open letters, unless it says a status`)
    .option("--dry-run", "say how many it would take, and which not and why not; change nothing")
    .option(
      "--amend <patch>",
      "change each input first: a JSON Patch, @file, or the name of an amendment of the office's configuration",
    )
    .option("--yes", "do not ask")
    .option("--detach", "return once it has begun")
    .addOption(officeFlag("the office that runs it"))
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Exit code 1 if it stopped, was cancelled, or could take none of the letters.

Examples:
  dlo redrive 'cause:91aa category:network' --dry-run
  dlo redrive 'cause:91aa category:network' --canary 3 --ramp --rate 50 --reason "the gateway is back"
  dlo redrive job:import-movie --force --amend '[{"op":"replace","path":"/year","value":1927}]'
  dlo list --limit 20 --output jsonl | dlo redrive --ids - --yes
  dlo redrive --from 0197a3b2-1c4d --outcome died_again --force --on-build payments:1.4.2
  dlo redrive set 0197a3b2-1c4d --rate 2`,
    );
  const pacing = withSignature(command, "redrive")
    .optionsGroup("Which letters:")
    .option(
      "--ids <file>",
      "these in place of a filter: a file of ids, or of what dlo list prints as JSON; - for standard input",
    )
    .option("--from <redrive>", "those of an earlier redrive that died again, were refused or skipped")
    .option(
      "--outcome <states>",
      `with --from: those with this outcome, with commas between: ${endedItemStates.join(", ")}`,
      outcomesOf(endedItemStates),
    )
    .option("--force", "also those that need a person: data, auth, code, lost, unknown")
    .option("--max-retries <times>", "leave out letters that were retried so often", positiveInteger(1_000_000))
    .option("--first <letters>", "at most so many, in their order", positiveInteger(1_000_000_000))
    .addOption(
      new Option("--order <order>", "which go first: by first death, end of retention, or how often they died")
        .choices(letterOrders)
        .default("oldest" as const),
    )
    .optionsGroup("How fast:")
    .option("--rate <letters>", "letters a second, from 0.1 to 500", decimal, 10)
    .option("--max-in-flight <letters>", "that may be under way at a time", positiveInteger(1_000_000), 100)
    .option("--jitter <duration>", "ask each up to so much later than its turn, at random", durationArgument)
    .option("--when <probe>", "ask none while this probe of the office's configuration says no")
    .option("--settle <duration>", "how long to wait for the last outcomes (default: 1 hour)", durationArgument)
    .optionsGroup("When to stop:")
    .option(
      "--canary <letters>",
      "retry so many first, and go on only if all of them recover",
      positiveInteger(1_000_000),
    )
    .option("--ramp", "grow by steps of 1, 2, 5, 20, 50 …, each when all of the one before have recovered")
    .option("--stop-on-failure <share>", "stop when more of them die again, from 10 on; or never", shareOrNever, 0.1)
    .option(
      "--stop-on-same-cause <letters>",
      "stop when so many die of what they had died of before; or never",
      numberOrNever,
      1,
    );
  const running = withRun(pacing);
  // --reason signs the redrive; the reason of a death is asked for in the line.
  const redrive = withTarget(withFilter(running, ["reason"])).action(async (words, options) => {
    refuseMisspelt(words);
    const { reason: _, ...conditions } = options;
    const filter = filterOf(conditions, words);
    const [{ readRedriveFlags }, { runRedrive }] = await Promise.all([
      import("./read-redrive-flags.ts"),
      import("./run-redrive.ts"),
    ]);
    const redriving = await readRedriveFlags(filter, options);
    await announceTarget(options);
    await runRedrive(redriving, options, {
      doing: "Retry",
      ...(runOf(options) === undefined ? {} : { how: otherwise }),
      cannotAsk: (letters) => `It would retry ${letters}, and nobody can be asked here`,
    });
  });
  for (const subcommand of [listRedrivesCommand(), showRedriveCommand(), ...steerCommands()])
    (redrive as CommandUnknownOpts).addCommand(subcommand as CommandUnknownOpts);
  return redrive;
}

/** `dlo redrive puase 0197a3b2` would look for letters with these two texts. */
function refuseMisspelt([word = "", id = "", ...more]: readonly string[]): void {
  const subcommands = ["list", "show", ...redriveControls];
  const meant = didYouMean(word, subcommands);
  if (meant !== undefined && more.length === 0 && /^[0-9a-f]{4,8}(-[0-9a-f]*)*$/i.test(id))
    throw usage(`Unknown command "${word}" of dlo redrive. Did you mean ${meant}? There is ${subcommands.join(", ")}`);
}
