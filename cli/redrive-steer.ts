import { Command } from "@commander-js/extra-typings";
import type { Redrive, Redrives } from "../client/index.ts";
import { usage } from "../model/office-error.ts";
import { isOver } from "../model/redrive.ts";
import { announceTarget, withClient } from "./open-client.ts";
import { notice, outputFlag, print, printJson } from "./output-flag.ts";
import { durationArgument } from "./read-duration.ts";
import { positiveInteger } from "./read-number.ts";
import { decimal, numberOrNever, shareOrNever } from "./redrive-numbers.ts";
import { signatureOf, withSignature } from "./signature-flags.ts";
import { type TargetFlags, withTarget } from "./target-flags.ts";

/** Pause, resume, cancel, and change of a redrive. */
export function steerCommands() {
  return [
    steer(
      "pause",
      "Hold a redrive; what runs goes on",
      'dlo redrive pause 0197a3b2 --reason "the gateway is slow again"',
    ),
    steer("resume", "Go on after a pause, or after it stopped", "dlo redrive resume 0197a3b2"),
    steer(
      "cancel",
      "End a redrive; what was not tried is skipped",
      'dlo redrive cancel 0197a3b2 --reason "the wrong cause"',
    ),
    setCommand(),
  ];
}

function steer(name: "pause" | "resume" | "cancel", summary: string, example: string) {
  const command = new Command(name)
    .summary(summary)
    .description(`${summary}.`)
    .argument("<id>", "the redrive's id, which may be shortened")
    .addOption(outputFlag())
    .addHelpText("after", `\nExamples:\n  ${example}`);
  return withTarget(withSignature(command, "redrive")).action(async (id, options) => {
    await carryOut(options, async (redrives) => {
      const redrive = await redrives[name](id, signatureOf(options));
      return name === "cancel" ? await ended(redrives, redrive) : redrive;
    });
  });
}

function setCommand() {
  const command = new Command("set")
    .summary("Change the rate and limits of a redrive while it runs")
    .description("Changes the rate and limits of a redrive. What is not named stays as it is.")
    .argument("<id>", "the redrive's id, which may be shortened")
    .option("--rate <letters>", "letters a second, from 0.1 to 500", decimal)
    .option("--max-in-flight <letters>", "that may be under way at a time", positiveInteger(1_000_000))
    .option("--jitter <duration>", "ask each up to so much later than its turn", durationArgument)
    .option("--stop-on-failure <share>", "stop when more of them die again; or never", shareOrNever)
    .option(
      "--stop-on-same-cause <letters>",
      "stop when so many die of what they had died of before; or never",
      numberOrNever,
    )
    .addOption(outputFlag())
    .addHelpText(
      "after",
      "\nExamples:\n  dlo redrive set 0197a3b2 --rate 2\n  dlo redrive set 0197a3b2 --stop-on-same-cause never",
    );
  return withTarget(withSignature(command, "redrive")).action(async (id, options) => {
    const { rate, maxInFlight, jitter, stopOnFailure, stopOnSameCause } = options;
    const change = {
      ...(rate === undefined ? {} : { rate }),
      ...(maxInFlight === undefined ? {} : { maxInFlight }),
      ...(jitter === undefined ? {} : { jitter }),
      ...(stopOnFailure === undefined ? {} : { stopOnFailure }),
      ...(stopOnSameCause === undefined ? {} : { stopOnSameCause }),
    };
    if (Object.keys(change).length === 0)
      throw usage(
        "What is to change? Give --rate, --max-in-flight, --jitter, --stop-on-failure or --stop-on-same-cause",
      );
    await carryOut(options, async (redrives) => await redrives.set(id, { ...change, ...signatureOf(options) }));
  });
}

/** Until its letters are free for others; of a million that takes longer than one waits here. */
async function ended(redrives: Redrives, cancelled: Redrive): Promise<Redrive> {
  let last = cancelled;
  for await (const redrive of redrives.follow(cancelled.id, { everyMs: 100, signal: AbortSignal.timeout(30_000) }))
    last = redrive;
  return last;
}

async function carryOut(
  flags: TargetFlags & { readonly output: "table" | "json" | "jsonl" },
  work: (redrives: Redrives) => Promise<Redrive>,
): Promise<void> {
  await announceTarget(flags);
  await withClient(flags, undefined, async (dlo) => {
    const redrive = await work(dlo.redrives);
    if (flags.output !== "table") return printJson(flags.output, redrive);
    const [{ balanceText }, { howToFollow }] = await Promise.all([
      import("./redrive-progress.ts"),
      import("./follow-redrive.ts"),
    ]);
    print(balanceText(redrive));
    if (redrive.status !== "paused" && !isOver(redrive)) notice(howToFollow(redrive.id));
  });
}
