import { type ActivityOptions, type JobContract, readContract } from "./contract.ts";
import { unknownWord } from "./suggest.ts";

/** What is different about one retry; the next one is as the job's contract says again. */
export type RunOptions = {
  /** Another task queue than the letter's. */
  readonly taskQueue?: string;
  /** Another job, which is given the same input. It runs under the letter's own workflow id. */
  readonly job?: string;
  /** In place of what the job's contract says: timeouts, retry policy. What is left out stays as it is. */
  readonly activity?: ActivityOptions;
  /** The build of versioned workers that runs all of it, whichever is the current one. */
  readonly build?: Build;
};

/** A build of versioned workers; Temporal calls it a Worker Deployment Version. */
export type Build = { readonly deploymentName: string; readonly buildId: string };

/** The same as it travels with a run: durations in milliseconds. */
export type RunChange = {
  readonly taskQueue?: string;
  readonly job?: string;
  readonly activity?: JobContract["activity"];
  readonly build?: Build;
};

/** @throws an `Error` that names the option, for what a contract could not say either */
export function readRunOptions(given: unknown): RunChange {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new Error(`run must be an object such as {"taskQueue":"canary"}, got ${JSON.stringify(given)}`);
  for (const key of Object.keys(given))
    if (!optionKeys.includes(key)) throw new Error(unknownWord("option of run", key, optionKeys));
  const { taskQueue, job, activity, build } = given as RunOptions;
  const contract = readAsContract({
    name: job ?? "run",
    ...(taskQueue === undefined ? {} : { taskQueue }),
    ...(activity === undefined ? {} : { activity }),
  });
  return {
    ...(taskQueue === undefined ? {} : { taskQueue }),
    ...(job === undefined ? {} : { job }),
    ...(activity === undefined ? {} : { activity: contract.activity }),
    ...(build === undefined ? {} : { build: readBuild(build) }),
  };
}

/** As people and Temporal write it. */
export function buildText({ deploymentName, buildId }: Build): string {
  return `${deploymentName}:${buildId}`;
}

const optionKeys = ["taskQueue", "job", "activity", "build"];

/** Its errors name the job, which here is not known. */
function readAsContract(options: Parameters<typeof readContract>[0]): JobContract {
  try {
    return readContract(options);
  } catch (error) {
    const { problem } = (error as { details?: { problem?: unknown } }).details ?? {};
    throw typeof problem === "string" ? new Error(`run: ${problem}`, { cause: error }) : error;
  }
}

function readBuild(given: Build): Build {
  const { deploymentName, buildId, ...unknown } = typeof given === "object" && given !== null ? given : ({} as Build);
  const isName = (value: unknown) => typeof value === "string" && value !== "";
  if (!isName(deploymentName) || !isName(buildId) || Object.keys(unknown).length > 0)
    throw new Error(
      `run.build must be an object such as {"deploymentName":"payments","buildId":"1.4.2"}, got ${JSON.stringify(given)}`,
    );
  return { deploymentName, buildId };
}
