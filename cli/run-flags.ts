import { type Command, InvalidArgumentError, type OptionValues } from "@commander-js/extra-typings";
import type { ActivityOptions } from "../model/contract.ts";
import type { Duration } from "../model/duration.ts";
import { usage } from "../model/office-error.ts";
import { type Build, readRunOptions, type RunOptions } from "../model/run-options.ts";
import { durationArgument } from "./read-duration.ts";
import { decimal } from "./redrive-numbers.ts";

export type RunFlags = {
  readonly onBuild?: Build;
  readonly taskQueue?: string;
  readonly asJob?: string;
  readonly startToCloseTimeout?: Duration;
  readonly scheduleToStartTimeout?: Duration;
  readonly scheduleToCloseTimeout?: Duration;
  readonly heartbeatTimeout?: Duration;
  readonly retryMaximumAttempts?: number;
  readonly retryInitialInterval?: Duration;
  readonly retryBackoffCoefficient?: number;
  readonly retryMaximumInterval?: Duration;
  readonly retryNonRetryableErrorTypes?: readonly string[];
};

/** Adds the flags for a run that is to go otherwise than its contract says. Timeouts and retry policy have the names of Temporal's CLI. */
export function withRun<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
): Command<Args, Options & RunFlags> {
  return command
    .optionsGroup("For this retry alone, in place of what the job's contract says:")
    .option("--on-build <deployment:build>", "run all of it on this build of versioned workers", buildArgument)
    .option("--task-queue <name>", "for workers of another task queue")
    .option("--as-job <name>", "as another job, with the same input and under the same workflow id")
    .option("--start-to-close-timeout <duration>", "how long one attempt may take", durationArgument)
    .option("--schedule-to-start-timeout <duration>", "how long it may wait for a worker", durationArgument)
    .option("--schedule-to-close-timeout <duration>", "how long all attempts may take together", durationArgument)
    .option("--heartbeat-timeout <duration>", "how long an attempt may be silent", durationArgument)
    .option("--retry-maximum-attempts <attempts>", "the first one counts, too", decimal)
    .option("--retry-initial-interval <duration>", "how long before the second attempt", durationArgument)
    .option("--retry-backoff-coefficient <factor>", "each pause is so many times the one before", decimal)
    .option("--retry-maximum-interval <duration>", "no pause is longer", durationArgument)
    .option(
      "--retry-non-retryable-error-types <types>",
      "errors that end it at once, with commas between",
      wordsArgument,
    ) as never;
}

/**
 * What a run is to do otherwise; undefined where nothing is.
 *
 * @throws {OfficeError} `USAGE` for what cannot be meant
 */
export function runOf(flags: RunFlags): RunOptions | undefined {
  const retry = given<ActivityOptions["retry"] & object>({
    maximumAttempts: flags.retryMaximumAttempts,
    initialInterval: flags.retryInitialInterval,
    backoffCoefficient: flags.retryBackoffCoefficient,
    maximumInterval: flags.retryMaximumInterval,
    nonRetryableErrorTypes: flags.retryNonRetryableErrorTypes,
  });
  const activity = given<ActivityOptions>({
    startToCloseTimeout: flags.startToCloseTimeout,
    scheduleToStartTimeout: flags.scheduleToStartTimeout,
    scheduleToCloseTimeout: flags.scheduleToCloseTimeout,
    heartbeatTimeout: flags.heartbeatTimeout,
    retry,
  });
  const run = given<RunOptions>({ taskQueue: flags.taskQueue, job: flags.asJob, activity, build: flags.onBuild });
  if (run === undefined) return undefined;
  try {
    readRunOptions(run);
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
  return run;
}

/** For a question: what is asked of the letters is not all. */
export const otherwise = " otherwise than by contract";

/** A deployment's name has no colon (Temporal refuses it), a build's may. */
function buildArgument(text: string): Build {
  const [, deploymentName, buildId] = /^([^:]+):(.+)$/.exec(text) ?? [];
  if (deploymentName === undefined || buildId === undefined)
    throw new InvalidArgumentError("It takes a deployment and a build, such as payments:1.4.2.");
  return { deploymentName, buildId };
}

function wordsArgument(text: string): readonly string[] {
  return text.split(",").map((word) => word.trim());
}

/** What was given of all options; undefined where nothing was. */
function given<Options extends object>(options: {
  readonly [Key in keyof Required<Options>]: Options[Key] | undefined;
}): Options | undefined {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Options);
}
