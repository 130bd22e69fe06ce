import { type ActivityOptions, type JobContract, readContract } from "./contract.ts";

/** What is different about one retry; the next one is as the job's contract says again. */
export type RunOptions = {
  /** Another task queue than the letter's. */
  readonly taskQueue?: string;
  /** Another job, which is given the same input. It runs under the letter's own workflow id. */
  readonly job?: string;
  /** In place of what the job's contract says: timeouts, retry policy. What is left out stays as it is. */
  readonly activity?: ActivityOptions;
};

/** The same as it travels with a run: durations in milliseconds. */
export type RunChange = {
  readonly taskQueue?: string;
  readonly job?: string;
  readonly activity?: JobContract["activity"];
};

/** @throws an `Error` that names the option, for what a contract could not say either */
export function readRunOptions(given: unknown): RunChange {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new Error(`run must be an object such as {"taskQueue":"canary"}, got ${JSON.stringify(given)}`);
  const { taskQueue, job, activity, ...unknown } = given as RunOptions;
  const [odd] = Object.keys(unknown);
  if (odd !== undefined) throw new Error(`run has no option "${odd}": there is taskQueue, job, activity`);
  // Its errors name the job; here it is not known.
  const contract = readContract({
    name: job ?? "run",
    ...(taskQueue === undefined ? {} : { taskQueue }),
    ...(activity === undefined ? {} : { activity }),
  });
  return {
    ...(taskQueue === undefined ? {} : { taskQueue }),
    ...(job === undefined ? {} : { job }),
    ...(activity === undefined ? {} : { activity: contract.activity }),
  };
}
