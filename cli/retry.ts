import { Command } from "@commander-js/extra-typings";
import type { LetterRow } from "../client/index.ts";
import type { RetryCommand } from "../model/command.ts";
import { usage } from "../model/office-error.ts";
import { act, type Done } from "./act.ts";
import { configFlag } from "./config-flag.ts";
import { newInput } from "./new-input.ts";
import { announceTarget } from "./open-client.ts";
import { outputFlag } from "./output-flag.ts";
import { ownCommand } from "./own-command.ts";
import { durationArgument } from "./read-duration.ts";
import { awaitOutcome } from "./retry-outcome.ts";
import { shortId } from "./short-ids.ts";
import { withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function retryCommand() {
  const command = new Command("retry")
    .summary("Run a dead letter's job again")
    .description(
      "Starts the job again under its own workflow id, with its recorded input unless --input or --edit gives another. " +
        "A new input is checked by the job's worker first. On a terminal it waits for the outcome, elsewhere it returns once the run has started.",
    )
    .argument("<id...>", "letter ids, which may be shortened; workflow ids; or - to read ids from standard input")
    .option("--input <json>", "a new input: JSON, @file, or - for standard input")
    .option("--edit", "edit the input in $VISUAL or $EDITOR first")
    .option("--after <duration>", 'wait so long first, such as 10m or "2 hours"', durationArgument)
    .option("--unchecked", "take the new input without asking the job's worker; recorded in the story")
    .option("--wait", "wait for the outcome, also off a terminal")
    .option("--no-wait", "return once the run has started, also on a terminal")
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Exit code 1 if a retry that was waited for died again.

Examples:
  dlo retry 0197a3b2-1c4d
  dlo retry 0197a3b2-1c4d --edit --reason "the release date was in the wrong century"
  dlo retry 0197a3b2-1c4d --input @mended.json --wait
  dlo list --category network --output jsonl | dlo retry - --after 10m --reason "the gateway is back"`,
    );
  return withTarget(withSignature(command)).action(async (ids, options) => {
    await announceTarget(options);
    const { after, unchecked } = options;
    const given = await newInput(ids, options, "Retry with the input as it is?");
    if (given.kind === "stop") return;
    if (unchecked && given.kind === "none")
      throw usage("--unchecked is about a new input: give one with --input or --edit");
    const retry: RetryCommand = {
      ...(given.kind === "new" ? { input: given.input } : {}),
      ...(after === undefined ? {} : { after }),
      ...(unchecked ? { unchecked } : {}),
    };
    // Without either flag commander leaves it undefined; --no-wait makes it false.
    const wait = options.wait ?? process.stdout.isTTY;
    await act(ids, options, retryWords, async (dlo, id, signature) => {
      const letter = await dlo.letters.retry(id, { ...retry, ...signature });
      return wait && letter.retryAt === null ? await awaitOutcome(dlo, letter) : started(letter);
    });
  });
}

const retryWords = { doing: "Retrying", done: "retried", failed: "did not recover" };

function started(letter: LetterRow): Done {
  const who = `${letter.job} ${letter.workflowId}`;
  const look = `${ownCommand} show ${shortId(letter.id)}`;
  if (letter.retryAt !== null) return { letter, said: `${who} will run again at ${letter.retryAt.toISOString()}.` };
  if (letter.status === "retrying") return { letter, said: `${who} runs again. To see what comes of it: ${look}` };
  // A quick job may have ended by now.
  return { letter, said: `${who} was retried, and is ${letter.status} now. To see what came of it: ${look}` };
}
