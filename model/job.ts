import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Category } from "./category.ts";
import type { ContractOptions, JobContract } from "./contract.ts";
import { readContract } from "./contract.ts";
import type { OnFailure, RecordHook } from "./failure-policy.ts";
import { jobInvalid } from "./office-error.ts";
import type { OnDead, OnExpire } from "./own-code.ts";
import { unknownWord } from "./suggest.ts";

/**
 * A job's contract, which app services import without the handler's code.
 *
 * @typeParam Input what `start` takes; @typeParam Parsed what the handler gets: the schema's output
 */
export type Job<Input = any, Parsed = any> = {
  readonly name: string;
  readonly input: StandardSchemaV1<Input, Parsed>;
  /** What the job is about: an order, a customer. */
  readonly key?: (input: Parsed) => string | undefined;
  readonly contract: JobContract;
  /**
   * Binds the code that does the work, for a worker.
   *
   * @throws {OfficeError} `JOB_INVALID` for an unknown option, or one that is no function
   */
  handle<Result>(handler: Handler<Parsed, Result>, options?: HandlerOptions<Parsed>): HandledJob<Input, Parsed, Result>;
};

/**
 * Code of a job beside its handler, which runs in the worker too. It is given to `handle`, and not to `defineJob`: app services
 * import the contract, and would load all that this code imports.
 */
export type HandlerOptions<Parsed = any> = {
  /** Decides what becomes of the job when an attempt fails. @default the contract decides */
  readonly onFailure?: OnFailure<Parsed>;
  /** Adds to the record of a death. @default nothing is added */
  readonly record?: RecordHook<Parsed>;
  /** Run by its letter after each death. @default nothing is run */
  readonly onDead?: OnDead<Parsed>;
  /** Run by its letter before it expires. @default the letter just expires */
  readonly onExpire?: OnExpire<Parsed>;
};

/** A contract with its code: what `runWorker` takes. */
export type HandledJob<Input = any, Parsed = any, Result = any> = HandlerOptions<Parsed> & {
  readonly job: Job<Input, Parsed>;
  readonly handler: Handler<Parsed, Result>;
};

export type Handler<Parsed, Result> = (input: Parsed, ctx: JobContext) => Result | Promise<Result>;

/** What a handler is told, and what it can say, while it runs. */
export type JobContext = {
  readonly job: string;
  readonly workflowId: string;
  readonly runId: string;
  /** 1 for the first attempt of this run. Attempts that a shutdown interrupted are not counted. */
  readonly attempt: number;
  /** How often this job id has died before: 0 on a first run. */
  readonly deaths: number;
  /** Which retry of its letter this run is; 0 on a first run. */
  readonly retry: number;
  /** The caller's headers, as they were given at the start. */
  readonly headers: Readonly<Record<string, string>>;
  /** Stays the same over attempts, retries and redrives: hand it to whatever must not be done twice. */
  readonly idempotencyKey: string;
  /** Aborts when the job is cancelled, its attempt times out, or the worker shuts down. */
  readonly signal: AbortSignal;
  /** What the attempt before had reported by `heartbeat`, if any. */
  readonly heartbeatDetails: unknown;
  /** Reports a place to go on from. Kept with the job and shown on its letter; at most 16 KiB as JSON. */
  heartbeat(details: unknown): void;
  /** Reports how far the work is. Kept like `heartbeat`'s details, beside them. */
  progress(current: number, total?: number, phase?: string): void;
  /** Gives up at once: the job dies for the reason `given_up`, without more attempts. */
  deadLetter(message: string, options?: { readonly category?: Category; readonly details?: unknown }): never;
};

export type JobOptions<Schema extends StandardSchemaV1> = ContractOptions & {
  /** Any Standard Schema: zod, valibot, arktype … */
  readonly input: Schema;
  readonly key?: (input: StandardSchemaV1.InferOutput<Schema>) => string | undefined;
};

/**
 * Defines a job: a named unit of work with an input schema, bounded attempts, and what becomes of it when it dies.
 *
 * The job's name is the type of its workflow and of its activity.
 *
 * @throws {OfficeError} `JOB_INVALID` with the reason and the likely meaning, for an unknown key, an impossible duration, or a contract that could never end
 */
export function defineJob<Schema extends StandardSchemaV1>(
  options: JobOptions<Schema>,
): Job<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>> {
  for (const key of Object.keys(options))
    if (!jobKeys.includes(key)) throw jobInvalid(String(options.name), unknownWord("job option", key, jobKeys));
  const contract = readContract(options);
  if (typeof options.input?.["~standard"]?.validate !== "function")
    throw jobInvalid(contract.name, "input must be a Standard Schema, such as z.object({ … }) of zod");
  if (options.key !== undefined && typeof options.key !== "function")
    throw jobInvalid(contract.name, "key must be a function of the input, such as (order) => order.id");
  const job: Job = {
    name: contract.name,
    input: options.input,
    ...(options.key === undefined ? {} : { key: options.key }),
    contract,
    handle: (handler, options = {}) => ({ job, handler, ...checkedOptions(contract.name, options) }),
  };
  return job;
}

const jobKeys = ["name", "input", "activity", "deadLetter", "taskQueue", "key"];
const handlerKeys = ["onFailure", "record", "onDead", "onExpire"];

function checkedOptions(name: string, options: HandlerOptions): HandlerOptions {
  for (const [key, value] of Object.entries(options)) {
    if (!handlerKeys.includes(key)) throw jobInvalid(name, unknownWord("handler option", key, handlerKeys));
    if (value !== undefined && typeof value !== "function") throw jobInvalid(name, `${key} must be a function`);
  }
  return options;
}
