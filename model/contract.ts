import type { Duration } from "./duration.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { defaultJobTaskQueue, defaultOffice, defaultQueue, reservedActivities, reservedTypes } from "./ids.ts";
import { jobInvalid } from "./office-error.ts";
import type { OwnCode } from "./own-code.ts";
import { unknownWord } from "./suggest.ts";

/** Temporal's retry policy, with Temporal's own names and defaults, but for `maximumAttempts`. */
export type RetryOptions = {
  /**
   * Attempts in all, the first included: 5 are the first and four retries.
   *
   * @minimum 1
   * @default 5, or `DLO_MAXIMUM_ATTEMPTS`
   */
  readonly maximumAttempts?: number;
  /** @default "1 second" */
  readonly initialInterval?: Duration;
  /** @minimum 1 @default 2 */
  readonly backoffCoefficient?: number;
  /** @default 100 times `initialInterval` */
  readonly maximumInterval?: Duration;
  /** Error types (class names, or an `ApplicationFailure`'s type) that end the job at once. */
  readonly nonRetryableErrorTypes?: readonly string[];
};

/** Temporal's activity options, those that matter to a job. */
export type ActivityOptions = {
  /** Bounds one attempt. @default "5 minutes" */
  readonly startToCloseTimeout?: Duration;
  /** How long a job may wait for a worker, each time; waiting longer is a death. @default none */
  readonly scheduleToStartTimeout?: Duration;
  /** Bounds all attempts and the waits between them. @default none */
  readonly scheduleToCloseTimeout?: Duration;
  /** An attempt is lost when its worker is silent for this long. The wrapper beats by itself. @default "30 seconds" */
  readonly heartbeatTimeout?: Duration;
  readonly retry?: RetryOptions;
};

/** What becomes of the job when it has died. */
export type DeadLetterOptions = {
  /** The dead letter queue that its letters are filed under. @default "default" */
  readonly queue?: string;
  /** The office that keeps its letters. @default "dead-letter-office" */
  readonly office?: string;
  /** How long a letter waits, parked, before it expires. @default the queue's policy, else `DLO_RETENTION`, else "30 days" */
  readonly retention?: Duration | "indefinite";
  /** How long the record is kept after the letter is closed. @default the queue's policy, else `DLO_KEEP_FOR`, else "90 days" */
  readonly keepFor?: Duration | "indefinite";
  /** Free words, to find letters by. */
  readonly tags?: readonly string[];
  /** What the end of the retention does. @default the queue's policy, else "expire" */
  readonly onExpire?: "expire" | "retry";
  /** Retries that nobody asked for, at most, over all deaths of a letter. @default the queue's policy, else 3 */
  readonly maximumRetries?: number;
  /**
   * Whose later success makes a letter moot, so that it closes as `superseded`. `id`: a run of the same workflow id. `key`: also
   * another run of the job with the same key, as far as Temporal knows its key (`DloKey`, which a start by our client sets).
   *
   * @default "id"
   */
  readonly supersededBy?: SupersededBy;
};

export const supersededByWords = ["id", "key"] as const;

export type SupersededBy = (typeof supersededByWords)[number];

/** A job's contract as a worker's bundle holds it: plain JSON, durations in milliseconds, what was not set is absent. */
export type JobContract = {
  readonly name: string;
  readonly taskQueue: string;
  readonly activity: {
    readonly startToCloseTimeoutMs?: number;
    readonly scheduleToStartTimeoutMs?: number;
    readonly scheduleToCloseTimeoutMs?: number;
    readonly heartbeatTimeoutMs?: number;
    readonly retry: {
      readonly maximumAttempts?: number;
      readonly initialIntervalMs?: number;
      readonly backoffCoefficient?: number;
      readonly maximumIntervalMs?: number;
      readonly nonRetryableErrorTypes?: readonly string[];
    };
  };
  /** Absent: on, unless `DLO_ENABLED` says otherwise. `false`: the job simply fails. */
  readonly deadLetter?: DeadLetterPolicy | false;
};

/** A contract with every default filled in, as a worker's bundle carries it. */
export type ResolvedContract = {
  readonly name: string;
  readonly taskQueue: string;
  readonly activity: JobContract["activity"] & {
    readonly startToCloseTimeoutMs: number;
    readonly heartbeatTimeoutMs: number;
    /** `maximumAttempts: 0` is unlimited. */
    readonly retry: JobContract["activity"]["retry"] & { readonly maximumAttempts: number };
  };
  readonly deadLetter: DeadLetterPolicy | false;
  /** The worker has code, `onFailure` or `record`, that is asked before a death of which no attempt could tell. */
  readonly decides?: true;
  /** What of its own code the job has, for its letters to run. */
  readonly ownCode?: readonly OwnCode[];
};

export type DeadLetterPolicy = {
  readonly queue: string;
  readonly office: string;
  readonly retentionMs?: number | "indefinite";
  readonly keepForMs?: number | "indefinite";
  readonly tags: readonly string[];
  readonly onExpire?: "expire" | "retry";
  readonly maximumRetries?: number;
  readonly supersededBy?: SupersededBy;
};

export type ContractOptions = {
  readonly name: string;
  readonly taskQueue?: string;
  readonly activity?: ActivityOptions;
  readonly deadLetter?: DeadLetterOptions | false;
};

export const defaultDeadLetterPolicy: DeadLetterPolicy = {
  queue: defaultQueue,
  office: defaultOffice,
  tags: [],
};

/** Checks what a contract says and turns it into plain data. Throws `JOB_INVALID` with the reason and the likely meaning. */
export function readContract(options: ContractOptions): JobContract {
  const name = checkName(options.name);
  const fail = (problem: string) => jobInvalid(name, problem);
  const duration = (value: unknown, what: string) => asJobError(fail, () => parseDuration(value, what));
  const { activity = {}, deadLetter, taskQueue = defaultJobTaskQueue } = options;
  refuseUnknown(fail, activity, activityKeys, "activity option");
  const { retry = {} } = activity;
  refuseUnknown(fail, retry, retryKeys, "retry option");
  if (typeof taskQueue !== "string" || taskQueue === "") throw fail("taskQueue must be the name of a task queue");

  const timeouts: Record<string, number> = {};
  for (const key of timeoutKeys) {
    const value = activity[key];
    if (value !== undefined) timeouts[`${key}Ms`] = duration(value, `activity.${key}`);
  }
  checkTimeouts(fail, timeouts);

  const policy: Record<string, unknown> = {};
  if (retry.initialInterval !== undefined)
    policy["initialIntervalMs"] = duration(retry.initialInterval, "activity.retry.initialInterval");
  if (retry.maximumInterval !== undefined)
    policy["maximumIntervalMs"] = duration(retry.maximumInterval, "activity.retry.maximumInterval");
  if (retry.backoffCoefficient !== undefined) {
    if (!Number.isFinite(retry.backoffCoefficient) || retry.backoffCoefficient < 1)
      throw fail(`activity.retry.backoffCoefficient must be a number of at least 1, got ${retry.backoffCoefficient}`);
    policy["backoffCoefficient"] = retry.backoffCoefficient;
  }
  if (retry.maximumAttempts !== undefined)
    policy["maximumAttempts"] = checkAttempts(fail, retry.maximumAttempts, timeouts["scheduleToCloseTimeoutMs"]);
  if (retry.nonRetryableErrorTypes !== undefined) {
    if (!isTextList(retry.nonRetryableErrorTypes))
      throw fail("activity.retry.nonRetryableErrorTypes must be a list of error type names");
    policy["nonRetryableErrorTypes"] = [...retry.nonRetryableErrorTypes];
  }
  const [first, cap] = [
    policy["initialIntervalMs"] as number | undefined,
    policy["maximumIntervalMs"] as number | undefined,
  ];
  if (cap !== undefined && cap < (first ?? 1000))
    throw fail(
      `activity.retry.maximumInterval (${formatDuration(cap)}) is shorter than initialInterval (${formatDuration(first ?? 1000)})`,
    );

  return {
    name,
    taskQueue,
    activity: { ...timeouts, retry: policy },
    ...(deadLetter === undefined ? {} : { deadLetter: deadLetter === false ? false : readPolicy(fail, deadLetter) }),
  };
}

type Fail = (problem: string) => Error;

const timeoutKeys = [
  "startToCloseTimeout",
  "scheduleToStartTimeout",
  "scheduleToCloseTimeout",
  "heartbeatTimeout",
] as const;
const activityKeys = [...timeoutKeys, "retry"];
const retryKeys = [
  "maximumAttempts",
  "initialInterval",
  "backoffCoefficient",
  "maximumInterval",
  "nonRetryableErrorTypes",
];
const deadLetterKeys = [
  ...["queue", "office", "retention", "keepFor", "tags"],
  ...["onExpire", "maximumRetries", "supersededBy"],
];

function checkName(name: unknown): string {
  if (typeof name !== "string" || !/^[A-Za-z][\w.\-/]{0,99}$/.test(name))
    throw jobInvalid(
      String(name),
      "a job's name has 1 to 100 letters, digits, or . - _ / and starts with a letter: it is the type of its workflow and activity",
    );
  if (name in Object.prototype)
    throw jobInvalid(
      name,
      `every JavaScript object has a "${name}", which Temporal's worker would run in its place; choose another name`,
    );
  if ([...reservedTypes, ...reservedActivities].includes(name as never))
    throw jobInvalid(name, `the name "${name}" is taken by Dead Letter Office itself; choose another`);
  return name;
}

function checkAttempts(fail: Fail, attempts: number, scheduleToCloseMs: number | undefined): number {
  const unlimited = attempts === 0 || attempts === Infinity;
  if (unlimited) {
    // Temporal reads 0 as "no limit", people read it as "no retry".
    if (scheduleToCloseMs === undefined)
      throw fail(
        `activity.retry.maximumAttempts is ${attempts}, which Temporal reads as unlimited, and there is no scheduleToCloseTimeout: ` +
          "the job could never end. For no retries say maximumAttempts: 1; to bound it by time add activity.scheduleToCloseTimeout",
      );
    return 0;
  }
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > 1_000_000)
    throw fail(`activity.retry.maximumAttempts must be a whole number from 1 to 1,000,000, got ${attempts}`);
  return attempts;
}

function checkTimeouts(fail: Fail, timeouts: Record<string, number>): void {
  const { startToCloseTimeoutMs: attempt, scheduleToCloseTimeoutMs: all, heartbeatTimeoutMs: heartbeat } = timeouts;
  const { scheduleToStartTimeoutMs: start } = timeouts;
  if (attempt !== undefined && all !== undefined && attempt > all)
    throw fail(
      `activity.startToCloseTimeout (${formatDuration(attempt)}) bounds one attempt and cannot be longer than scheduleToCloseTimeout (${formatDuration(all)}), which bounds all of them; were they swapped?`,
    );
  if (start !== undefined && all !== undefined && start > all)
    throw fail(
      `activity.scheduleToStartTimeout (${formatDuration(start)}) bounds the wait for a worker and cannot be longer than scheduleToCloseTimeout (${formatDuration(all)}), which bounds all of it; were they swapped?`,
    );
  if (heartbeat !== undefined && attempt !== undefined && heartbeat > attempt)
    throw fail(
      `activity.heartbeatTimeout (${formatDuration(heartbeat)}) bounds the silence within an attempt and cannot be longer than startToCloseTimeout (${formatDuration(attempt)}), which bounds the attempt; were they swapped?`,
    );
  if (heartbeat !== undefined && heartbeat < 1000)
    throw fail("activity.heartbeatTimeout must be at least 1 second: a worker could not beat in time");
}

/** @param known the options that may be given */
export function readPolicy(
  fail: Fail,
  options: DeadLetterOptions,
  known: readonly string[] = deadLetterKeys,
): DeadLetterPolicy {
  refuseUnknown(fail, options, known, "deadLetter option");
  const { queue, office, tags, onExpire, maximumRetries, supersededBy } = {
    ...defaultDeadLetterPolicy,
    ...dropUndefined(options),
  };
  for (const [key, value] of Object.entries({ queue, office }))
    if (!isQueueName(value))
      throw fail(
        `deadLetter.${key} must be a name of 1 to 100 letters, digits, or . - _ / :, got ${JSON.stringify(value)}`,
      );
  if (!isTextList(tags)) throw fail("deadLetter.tags must be a list of words");
  if (onExpire !== undefined && onExpire !== "expire" && onExpire !== "retry")
    throw fail(`deadLetter.onExpire must be "expire" or "retry", got ${JSON.stringify(onExpire)}`);
  if (maximumRetries !== undefined && (!Number.isInteger(maximumRetries) || maximumRetries < 0))
    throw fail(`deadLetter.maximumRetries must be a whole number of at least 0, got ${maximumRetries}`);
  if (supersededBy !== undefined && !supersededByWords.includes(supersededBy))
    throw fail(`deadLetter.supersededBy must be "id" or "key", got ${JSON.stringify(supersededBy)}`);
  return {
    queue,
    office,
    tags: [...tags],
    ...(supersededBy === undefined ? {} : { supersededBy }),
    ...(onExpire === undefined ? {} : { onExpire }),
    ...(maximumRetries === undefined ? {} : { maximumRetries }),
    ...span(fail, options.retention, "retention", "retentionMs"),
    ...span(fail, options.keepFor, "keepFor", "keepForMs"),
  };
}

function span(fail: Fail, value: Duration | "indefinite" | undefined, key: string, field: string) {
  if (value === undefined) return {};
  return { [field]: asJobError(fail, () => parseRetention(value, `deadLetter.${key}`)) };
}

/** Names of dead letter queues and of offices. */
export function isQueueName(value: unknown): value is string {
  return typeof value === "string" && /^[\w.\-/:]{1,100}$/.test(value);
}

/** Reads a retention: a duration, or `"indefinite"`. */
export function parseRetention(value: unknown, what: string): number | "indefinite" {
  if (value === "indefinite") return "indefinite";
  if (value === 0)
    throw new Error(
      `${what} is 0, which would end at once. To keep without end say "indefinite"; else give a duration such as "30 days"`,
    );
  return parseDuration(value, what);
}

function asJobError<T>(fail: Fail, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw fail(error instanceof Error ? error.message : String(error));
  }
}

function refuseUnknown(fail: Fail, value: unknown, known: readonly string[], what: string): void {
  if (typeof value !== "object" || value === null) throw fail(`expected an object of ${what}s, got ${String(value)}`);
  for (const key of Object.keys(value)) if (!known.includes(key)) throw fail(unknownWord(what, key, known));
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((word) => typeof word === "string" && word !== "");
}

function dropUndefined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as Partial<T>;
}
