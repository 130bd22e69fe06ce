import { type AdoptPolicies, checkAdoptPolicies } from "./adopt-policy.ts";
import type { Amendments } from "./amendments.ts";
import { type CapturePolicy, checkCapturePolicy } from "./capture-policy.ts";
import type { Classifier } from "./classify.ts";
import { type Duration, parseDuration } from "./duration.ts";
import { checkFingerprintRules, type FingerprintRule } from "./fingerprint-rule.ts";
import { type HealthOptions, healthLimits } from "./health.ts";
import { checkHooks, type Hooks } from "./hooks.ts";
import type { HandledJob } from "./job.ts";
import { parseListen } from "./listen.ts";
import { configInvalid } from "./office-error.ts";
import type { Probes } from "./probes.ts";
import { checkJobNames } from "./reconcile.ts";
import { checkQueueRules, type QueueRules } from "./queue-policy.ts";
import { unknownWord } from "./suggest.ts";

/** How a dead letter queue keeps its letters. */
export type QueueOptions = QueueRules & {
  /**
   * What is stored to look at where a codec encrypts payloads. `encoded`: only the encrypted bytes. `decoded`: the JSON
   * beside them, readable for whoever reads the table.
   *
   * @default "encoded"
   */
  readonly store?: "encoded" | "decoded";
  /** `omit`: no payload is stored at all; such a letter is retried only with a new input. @default "keep" */
  readonly payload?: "keep" | "omit";
};

/** A payload codec as Temporal has them (`PayloadCodec` of `@temporalio/common`). */
export type Codec = {
  encode(payloads: any[]): Promise<any[]>;
  decode(payloads: any[]): Promise<any[]>;
};

/** What job workers read. */
export type WorkerConfig = {
  readonly jobs?: readonly HandledJob[];
  /** A module of workflows of your own, to run beside the jobs; an absolute path or a file URL. */
  readonly workflowsPath?: string | URL;
  /** Activities of your own, for those workflows. */
  readonly activities?: object;
  /** Decides an error's category before the built-in rules do; `undefined` leaves it to them. */
  readonly classifier?: Classifier;
  /** How long running attempts may go on once the worker shuts down. @default 0 */
  readonly shutdownGraceTime?: Duration;
};

export type ReconcileConfig = {
  /**
   * Jobs whose runs a reconcile looks for. Those that have died before it knows, and runs that our client started; but not one that
   * has never died, was started otherwise, and is terminated.
   *
   * @default none besides these
   */
  readonly jobs?: readonly string[];
};

/** What offices read. */
export type OfficeConfig = {
  /** The office's name, which is its task queue; also the one that `dlo` asks without `--office`. @default "dead-letter-office" */
  readonly office?: string;
  /** Policies by dead letter queue. A queue that is not named has the defaults. */
  readonly queues?: Readonly<Record<string, QueueOptions>>;
  /** Names of fields, or dotted paths, whose values never show: in `payload`, `headers`, or the command line. */
  readonly redact?: readonly string[];
  /** Which deaths have the same cause, where the built-in fingerprint is not what you want. A changed rule concerns new deaths; `dlo causes regroup` applies it to old ones. */
  readonly fingerprint?: readonly FingerprintRule[];
  /** Changes of inputs that a redrive can ask for by name: `dlo redrive … --amend fixYear`. */
  readonly amendments?: Amendments;
  /** Health probes of what jobs depend on, that a redrive can wait for by name: `dlo redrive … --when gateway`. */
  readonly probes?: Probes;
  /** What a reconcile cannot find out by itself. */
  readonly reconcile?: ReconcileConfig;
  /** Which records that failed outside Temporal it takes. @default all */
  readonly capture?: CapturePolicy;
  /**
   * What becomes of failed workflows and activities of other make when they are adopted, by their type, or by how it begins (`"Order*"`).
   * `false` leaves them alone. @default queue `default`
   */
  readonly adopt?: AdoptPolicies;
  /** `host:port` where it answers `/health`, `/ready`, `/live` and `/metrics`. @default it has no port */
  readonly listen?: string;
  /** From where on `/health` is not well. */
  readonly health?: HealthOptions;
  /** Whom it tells of what, by type of event: a function, an address that the event is posted to, or a list of these. */
  readonly on?: Hooks;
};

/** What both read, and `dlo dev`. */
export type SharedConfig = {
  /** Encrypts payloads, in Temporal and in Postgres. */
  readonly codec?: Codec | readonly Codec[];
  /** What `dlo dev` starts beside the stack, worker and office. Each may return what stops it. */
  readonly dev?: readonly DevStart[];
};

export type DevStart = (dev: DevContext) => Promise<void | (() => Promise<void>)> | void | (() => Promise<void>);

export type DevContext = {
  /** The folder of the stack's state, such as `.dlo`. */
  readonly folder: string;
  /** Says a line in `dlo dev`'s log. */
  readonly say: (line: string) => void;
};

export type Config = WorkerConfig & OfficeConfig & SharedConfig;

/**
 * Types `dlo.config.ts`, and checks it.
 *
 * @throws {OfficeError} `CONFIG_INVALID` with the key, what is wrong with it, and the nearest known one
 */
export function defineConfig(config: Config): Config {
  for (const key of Object.keys(config))
    if (!allKeys.includes(key)) throw configInvalid("dlo.config", unknownWord("config key", key, allKeys));
  if (config.jobs !== undefined) checkJobs(config.jobs);
  for (const [name, queue] of Object.entries(config.queues ?? {})) checkQueue(name, queue);
  checkQueueRules(config.queues ?? {}, (where, problem) => configInvalid(`queues.${where}`, problem));
  if (config.redact !== undefined && !isWords(config.redact))
    throw configInvalid(
      "redact",
      'it must be a list of field names or dotted paths, such as ["password", "card.number"]',
    );
  if (config.fingerprint !== undefined) checkFingerprintRules(config.fingerprint);
  if (config.shutdownGraceTime !== undefined)
    asConfig("shutdownGraceTime", () => parseDuration(config.shutdownGraceTime, "shutdownGraceTime", { minimumMs: 0 }));
  if (config.classifier !== undefined && typeof config.classifier !== "function")
    throw configInvalid("classifier", "it must be a function of the error, which returns a category or undefined");
  checkActivities(config);
  if (config.office !== undefined && (typeof config.office !== "string" || config.office === ""))
    throw configInvalid("office", "it must be a name");
  for (const [name, amendment] of Object.entries(config.amendments ?? {}))
    if (typeof amendment !== "function")
      throw configInvalid(`amendments.${name}`, "it must be a function of the input, which returns the new one");
  for (const [name, probe] of Object.entries(config.probes ?? {}))
    if (typeof probe !== "function")
      throw configInvalid(`probes.${name}`, "it must be a function that returns whether all is well");
  if (config.reconcile !== undefined) checkReconcile(config.reconcile);
  if (config.capture !== undefined) asConfig("capture", () => checkCapturePolicy(config.capture));
  if (config.adopt !== undefined) checkAdoptPolicies(config.adopt);
  if (config.listen !== undefined) asConfig("listen", () => parseListen(config.listen));
  if (config.health !== undefined) asConfig("health", () => healthLimits(config.health));
  if (config.on !== undefined) asConfig("on", () => checkHooks(config.on));
  return config;
}

/** Refuses what the other process reads: a setting that nobody heeds is worse than none. */
export function refuseForeignKeys(config: Config, process: "worker" | "office"): void {
  const foreign = process === "worker" ? officeKeys : workerKeys;
  const found = foreign.filter((key) => config[key as keyof Config] !== undefined);
  if (found.length === 0) return;
  const reader = process === "worker" ? "office" : "worker";
  throw configInvalid(
    found.join(", "),
    `read by \`dlo ${reader}\`, not by \`dlo ${process}\`. Give the ${process} a config of its own (--config); only \`dlo dev\` reads one file for both`,
  );
}

/** What of a configuration for both an office reads. */
export function officePart(config: Config): OfficeConfig {
  return Object.fromEntries(
    Object.entries(config).filter(([key, value]) => officeKeys.includes(key) && value !== undefined),
  );
}

const workerKeys = ["jobs", "workflowsPath", "activities", "classifier", "shutdownGraceTime"];
const officeKeys = [
  ...["office", "queues", "redact", "fingerprint", "amendments", "probes", "reconcile", "capture", "adopt"],
  ...["listen", "health", "on"],
];
const allKeys = [...workerKeys, ...officeKeys, "codec", "dev"];
const queueKeys = [
  ...["retention", "keepFor", "onExpire", "maximumRetries", "warnBefore", "autoRetry"],
  ...["store", "payload"],
];

function checkJobs(jobs: readonly HandledJob[]): void {
  const seen = new Set<string>();
  for (const [i, handled] of jobs.entries()) {
    const name = handled?.job?.name;
    if (typeof handled?.handler !== "function" || name === undefined)
      throw configInvalid(
        `jobs[${i}]`,
        `it has no handler; give job.handle(async (input, ctx) => …), not the contract that defineJob returns`,
      );
    if (seen.has(name)) throw configInvalid(`jobs[${i}]`, `two jobs have the name "${name}"`);
    seen.add(name);
  }
}

/** A job's activity has its name, and would hide another of that name. */
function checkActivities({ jobs = [], activities }: Config): void {
  if (activities === undefined) return;
  if (typeof activities !== "object" || activities === null)
    throw configInvalid("activities", "it must be an object of functions");
  const taken = [...jobs.map(({ job }) => job.name), "validateInput", "describeJob", "decideTimeout"];
  for (const name of Object.keys(activities))
    if (taken.includes(name))
      throw configInvalid(
        `activities.${name}`,
        "a job has an activity of this name, or Dead Letter Office itself; rename yours",
      );
}

function checkReconcile(reconcile: ReconcileConfig): void {
  for (const key of Object.keys(reconcile))
    if (key !== "jobs") throw configInvalid("reconcile", unknownWord("reconcile option", key, ["jobs"]));
  if (reconcile.jobs !== undefined) checkJobNames(reconcile.jobs, (problem) => configInvalid("reconcile", problem));
}

function checkQueue(name: string, queue: QueueOptions): void {
  for (const key of Object.keys(queue))
    if (!queueKeys.includes(key)) throw configInvalid(`queues.${name}`, unknownWord("queue option", key, queueKeys));
  for (const [key, choices] of Object.entries({ store: ["encoded", "decoded"], payload: ["keep", "omit"] })) {
    const value = queue[key as "store" | "payload"];
    if (value !== undefined && !choices.includes(value))
      throw configInvalid(
        `queues.${name}.${key}`,
        `it must be ${choices.map((c) => `"${c}"`).join(" or ")}, got ${JSON.stringify(value)}`,
      );
  }
}

function asConfig(where: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    throw configInvalid(where, error instanceof Error ? error.message : String(error));
  }
}

function isWords(value: unknown): boolean {
  return Array.isArray(value) && value.every((word) => typeof word === "string" && word !== "");
}
