import { Command } from "@commander-js/extra-typings";
import type { BulkCommand, LetterRow } from "../client/index.ts";
import type { RetryCommand } from "../model/command.ts";
import type { Filter } from "../model/filter.ts";
import { usage } from "../model/office-error.ts";
import { act, type ActFlags, type Done } from "./act.ts";
import {
  cannotAskByFilter,
  type ChoiceFlags,
  chosenIds,
  chosenLetters,
  confirmChoice,
  withChoice,
  yesFlag,
} from "./chosen-letters.ts";
import { configFlag } from "./config-flag.ts";
import { type InputFlags, newInput, sameInput } from "./new-input.ts";
import { idsHelp } from "./letter-flags.ts";
import { announceTarget } from "./open-client.ts";
import { outputFlag } from "./output-flag.ts";
import { ownCommand } from "./own-command.ts";
import { durationArgument } from "./read-duration.ts";
import { readInput } from "./read-input.ts";
import { awaitOutcome } from "./retry-outcome.ts";
import type { RunRedriveFlags } from "./run-redrive.ts";
import { shortId } from "./short-ids.ts";
import { otherwise, type RunFlags, runOf, withRun } from "./run-flags.ts";
import { type SignatureFlags, withSignature } from "./signature-flags.ts";
import { withTarget } from "./target-flags.ts";

export function retryCommand() {
  const command = new Command("retry")
    .summary("Run a dead letter's job again")
    .description(
      "Starts the job again under its own workflow id, with its recorded input unless --input or --edit gives another. " +
        "A new input is checked by the job's worker first. On a terminal it waits for the outcome, elsewhere it returns once the run has started. Several letters by --filter are followed to the end.",
    )
    .argument("[id...]", idsHelp)
    .option("--input <json>", "a new input: JSON, @file, or - for standard input")
    .option("--edit", "edit the input in $VISUAL or $EDITOR first")
    .option("--after <duration>", 'wait so long first, such as 10m or "2 hours"', durationArgument)
    .option("--when <probe>", "go once this probe of the office's configuration says yes")
    .option(
      "--from-failure",
      "of an adopted workflow: go back to before the failure (Temporal's reset); what it had done before is not done again",
    )
    .option("--cancel", "take back a retry that is set for later; the retention begins anew")
    .option("--unchecked", "take the new input without asking the job's worker; recorded in the story")
    .option("--wait", "wait for the outcome, also off a terminal")
    .option("--no-wait", "return once the run has started, also on a terminal")
    .addOption(yesFlag())
    .addOption(outputFlag())
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Exit code 1 if a retry that was waited for died again, or a redrive stopped.

Examples:
  dlo retry 0197a3b2-1c4d
  dlo retry 0197a3b2-1c4d --edit --reason "the release date was in the wrong century"
  dlo retry 0197a3b2-1c4d --when payment-gateway
  dlo retry 0197a3b2-1c4d --on-build payments:1.4.2 --start-to-close-timeout 1h --retry-maximum-attempts 1
  dlo retry --filter 'category:network failed:<4h' --reason "the gateway is back"
  dlo list --category network --output jsonl | dlo retry - --after 10m --reason "the gateway is back"`,
    );
  return withTarget(withRun(withSignature(withChoice(command)))).action(async (named, options) => {
    const { after, when, unchecked } = options;
    const run = runOf(options);
    if (run !== undefined && ((after ?? when) !== undefined || options.cancel))
      throw usage(
        "What is for this retry alone goes with a retry that begins at once, without --after, --when and --cancel",
      );
    if (options.fromFailure && (after ?? when ?? run ?? options.input ?? options.edit ?? options.cancel) !== undefined)
      throw usage(
        "--from-failure goes back within the run that failed, at once and with the input that it had: it goes without --input, --edit, --after, --when, --cancel and what is for this retry alone",
      );
    await announceTarget(options);
    // A redrive retries each when its turn has come, not so long after.
    const chosen =
      (after === undefined && !options.cancel) || options.dryRun
        ? await chosenLetters(named, options)
        : { ids: await chosenIds(named, options) };
    if ("filter" in chosen) return await retryMany(chosen.filter, options);
    const { ids } = chosen;
    if (ids.length === 0) return;
    if (options.cancel) return await takeBack(ids, options);
    const given = await newInput(ids, options, "Retry with the input as it is?");
    if (given.kind === "stop") return;
    if (unchecked && given.kind === "none")
      throw usage("--unchecked is about a new input: give one with --input or --edit");
    const retry: RetryCommand = {
      ...(given.kind === "new" ? { input: given.input } : {}),
      ...(after === undefined ? {} : { after }),
      ...(when === undefined ? {} : { when }),
      ...(unchecked ? { unchecked } : {}),
      ...(options.fromFailure ? { fromFailure: true } : {}),
      ...(run === undefined ? {} : { run }),
    };
    if (!(await confirmChoice("Retry", ids, options))) return;
    // Without either flag commander leaves it undefined; --no-wait makes it false.
    const wait = options.wait ?? process.stdout.isTTY;
    await act(ids, options, retryWords, async (dlo, id, signature) => {
      const letter = await dlo.letters.retry(id, { ...retry, ...signature });
      return wait && letter.retryAt === null && letter.retryWhen === null
        ? await awaitOutcome(dlo, letter)
        : started(letter);
    });
  });
}

/** Takes back retries that are set for later. */
async function takeBack(
  ids: readonly string[],
  flags: ActFlags & InputFlags & ChoiceFlags & { after?: unknown; when?: string; yes?: true },
): Promise<void> {
  const { after, when, input, edit } = flags;
  if ((after ?? when) !== undefined || input !== undefined || edit)
    throw usage("--cancel takes a retry back, so it goes without --after, --when, --input and --edit");
  if (!(await confirmChoice("Take back the retry of", ids, flags))) return;
  await act(ids, flags, { doing: "Taking back", done: "taken back" }, async (dlo, id, signature) => {
    const letter = await dlo.letters.retry(id, { cancel: true, ...signature });
    return { letter, said: `${letter.job} ${letter.workflowId} is not retried by itself any more, and waits.` };
  });
}

type RetryFlags = RunRedriveFlags &
  SignatureFlags &
  InputFlags &
  RunFlags & { unchecked?: true; when?: string; wait?: boolean; fromFailure?: true };

/** Several letters that a filter fits; a new input is the same for all of them. */
async function retryMany(filter: Filter, flags: RetryFlags): Promise<void> {
  const { input, edit, unchecked, when, wait } = flags;
  if (edit) throw usage("The filter fits several letters, and --edit is for one");
  if (unchecked && input === undefined) throw usage("--unchecked is about a new input: give one with --input");
  const run = runOf(flags);
  const command: BulkCommand = {
    name: "retry",
    ...(input === undefined ? {} : { input: await readInput(input) }),
    ...(unchecked ? { unchecked } : {}),
    ...(flags.fromFailure ? { fromFailure: true } : {}),
    ...(run === undefined ? {} : { run }),
  };
  const how = [...(input === undefined ? [] : [sameInput]), ...(run === undefined ? [] : [otherwise])].join(",");
  const { redriveByFilter } = await import("./redrive-by-filter.ts");
  const words = { doing: "Retry", ...(how === "" ? {} : { how }), cannotAsk: cannotAskByFilter };
  const more = when === undefined ? {} : { when };
  await redriveByFilter(filter, command, wait === false ? { ...flags, detach: true } : flags, words, more);
}

const retryWords = { doing: "Retrying", done: "retried", failed: "did not recover" };

function started(letter: LetterRow): Done {
  const who = `${letter.job} ${letter.workflowId}`;
  const look = `${ownCommand} show ${shortId(letter.id)}`;
  if (letter.retryAt !== null) return { letter, said: `${who} will run again at ${letter.retryAt.toISOString()}.` };
  if (letter.retryWhen !== null)
    return { letter, said: `${who} will run again once the probe ${letter.retryWhen} says yes.` };
  if (letter.status === "retrying") return { letter, said: `${who} runs again. To see what comes of it: ${look}` };
  // A quick job may have ended by now.
  return { letter, said: `${who} was retried, and is ${letter.status} now. To see what came of it: ${look}` };
}
