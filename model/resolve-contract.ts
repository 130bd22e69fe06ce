import { defaultDeadLetterPolicy, type JobContract, parseRetention, type ResolvedContract } from "./contract.ts";
import type { HandledJob } from "./job.ts";
import { officeErrorOf } from "./office-error.ts";
import { ownCodes } from "./own-code.ts";

/** Where a value came from: `dlo doctor` says it. */
export type DefaultValue<T> = { readonly value: T; readonly from: string };

/** Defaults for whatever a contract leaves open, with where each came from. */
export type JobDefaults = {
  readonly enabled: DefaultValue<boolean>;
  readonly maximumAttempts: DefaultValue<number>;
};

/** Defaults for whatever neither a contract nor a queue's policy says. Milliseconds. */
export type KeepingDefaults = {
  readonly retentionMs: DefaultValue<number | "indefinite">;
  readonly keepForMs: DefaultValue<number | "indefinite">;
};

export type Environment = Readonly<Record<string, string | undefined>>;

const builtIn = "built-in default";
const dayMs = 86_400_000;

/**
 * Reads `DLO_ENABLED` and `DLO_MAXIMUM_ATTEMPTS`, which a job worker obeys.
 *
 * @throws {OfficeError} `CONFIG_INVALID` for a value that means nothing
 */
export function jobDefaults(env: Environment): JobDefaults {
  const enabled = env["DLO_ENABLED"];
  const attempts = env["DLO_MAXIMUM_ATTEMPTS"];
  if (enabled !== undefined && !Object.hasOwn(flags, enabled))
    throw invalid("DLO_ENABLED", enabled, `one of ${Object.keys(flags).join(", ")}`);
  if (attempts !== undefined && !/^[1-9]\d{0,6}$/.test(attempts))
    throw invalid("DLO_MAXIMUM_ATTEMPTS", attempts, "a whole number of at least 1, the first attempt included");
  return {
    enabled:
      enabled === undefined ? { value: true, from: builtIn } : { value: flags[enabled] === true, from: "DLO_ENABLED" },
    maximumAttempts:
      attempts === undefined ? { value: 5, from: builtIn } : { value: Number(attempts), from: "DLO_MAXIMUM_ATTEMPTS" },
  };
}

/**
 * Reads `DLO_RETENTION` and `DLO_KEEP_FOR`, which an office obeys.
 *
 * @throws {OfficeError} `CONFIG_INVALID` for a value that is no duration
 */
export function keepingDefaults(env: Environment): KeepingDefaults {
  return {
    retentionMs: spanFrom(env, "DLO_RETENTION", 30 * dayMs),
    keepForMs: spanFrom(env, "DLO_KEEP_FOR", 90 * dayMs),
  };
}

/** Fills in what a contract leaves open. What it says is never overridden. */
export function resolveContract(contract: JobContract, defaults: JobDefaults): ResolvedContract {
  const { activity, deadLetter } = contract;
  return {
    name: contract.name,
    taskQueue: contract.taskQueue,
    activity: {
      ...activity,
      startToCloseTimeoutMs: activity.startToCloseTimeoutMs ?? 5 * 60_000,
      heartbeatTimeoutMs: activity.heartbeatTimeoutMs ?? 30_000,
      retry: { ...activity.retry, maximumAttempts: activity.retry.maximumAttempts ?? defaults.maximumAttempts.value },
    },
    deadLetter: deadLetter ?? (defaults.enabled.value ? defaultDeadLetterPolicy : false),
  };
}

/** A job's contract as its worker's bundle carries it: with what code the worker has to be asked about timeouts, and to be run by letters. */
export function resolveHandled(handled: HandledJob, defaults: JobDefaults): ResolvedContract {
  const { job, onFailure, record } = handled;
  const ownCode = ownCodes.filter((name) => handled[name] !== undefined);
  return {
    ...resolveContract(job.contract, defaults),
    ...((onFailure ?? record) === undefined ? {} : { decides: true }),
    ...(ownCode.length === 0 ? {} : { ownCode }),
  };
}

const flags: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  "1": true,
  "0": false,
  yes: true,
  no: false,
};

function spanFrom(env: Environment, name: string, fallbackMs: number): DefaultValue<number | "indefinite"> {
  const text = env[name];
  if (text === undefined) return { value: fallbackMs, from: builtIn };
  try {
    return { value: parseRetention(text, name), from: name };
  } catch (error) {
    throw officeErrorOf(
      "CONFIG_INVALID",
      `Environment variable ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function invalid(name: string, value: string, expected: string) {
  return officeErrorOf(
    "CONFIG_INVALID",
    `Environment variable ${name} is ${JSON.stringify(value)}; expected ${expected}`,
  );
}
