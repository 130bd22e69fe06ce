import { categories, type Category } from "./category.ts";
import { type DeadLetterPolicy, isQueueName, parseRetention } from "./contract.ts";
import { type Duration, parseDuration } from "./duration.ts";
import type { KeepingDefaults } from "./resolve-contract.ts";
import { unknownWord } from "./suggest.ts";

/** What a dead letter queue does with its letters, for jobs whose contract does not say. */
export type QueueRules = {
  /** How long a letter waits, parked. @default `DLO_RETENTION`, else "30 days" */
  readonly retention?: Duration | "indefinite";
  /** How long records are kept after their letters are closed. @default `DLO_KEEP_FOR`, else "90 days" */
  readonly keepFor?: Duration | "indefinite";
  /**
   * What the end of the retention does. `retry`: the queue is a waiting room, and each letter goes back by itself. `handOn`: it is
   * filed under another queue, whose rules it has from then on.
   *
   * @default "expire"
   */
  readonly onExpire?: "expire" | "retry" | { readonly handOn: string };
  /** Retries that nobody asked for, at most, over all deaths of a letter. @default 3 */
  readonly maximumRetries?: number;
  /** So long before the end of the retention there is an event `expiring`. @default none */
  readonly warnBefore?: Duration;
  /** Retries letters by themselves a while after they died. @default none */
  readonly autoRetry?: AutoRetry;
};

export type AutoRetry = {
  /** Of these categories alone. */
  readonly categories: readonly Category[];
  /** How long after the death. */
  readonly after: Duration;
  /** Each further retry of a letter waits so many times as long, never longer than 100 years. @minimum 1 @default 2 */
  readonly backoffCoefficient?: number;
  /** At most so many a letter, over all of its deaths. @default the queue's or the contract's `maximumRetries` */
  readonly maximumRetries?: number;
  /** Only while the first death is not longer ago. @default "1 day" */
  readonly within?: Duration;
};

/** The same with all defaults filled in, as a letter has it: milliseconds. */
export type QueuePolicy = {
  readonly retentionMs: number | "indefinite";
  readonly keepForMs: number | "indefinite";
  readonly onExpire: OnExpire;
  /** Where `onExpire` is `hand_on`. */
  readonly handOnTo: string | null;
  readonly maximumRetries: number;
  readonly warnBeforeMs: number | null;
  readonly autoRetry: AutoRetryPolicy | null;
};

export const expiryActions = ["expire", "retry", "hand_on"] as const;

export type OnExpire = (typeof expiryActions)[number];

export type AutoRetryPolicy = {
  readonly categories: readonly Category[];
  readonly afterMs: number;
  readonly backoffCoefficient: number;
  readonly maximumRetries: number;
  readonly withinMs: number;
};

/** What goes before a queue's rules: the contract's word, and a retention that somebody has given a letter by hand. */
export type OwnPolicy = Pick<DeadLetterPolicy, "retentionMs" | "keepForMs" | "onExpire" | "maximumRetries">;

/** The contract's word goes before the queue's, and that before the default. */
export function queuePolicy(queue: QueueRules = {}, defaults: KeepingDefaults, contract: OwnPolicy = {}): QueuePolicy {
  const { onExpire = "expire", maximumRetries = 3, warnBefore, autoRetry } = queue;
  const action = contract.onExpire ?? (typeof onExpire === "object" ? "hand_on" : onExpire);
  const retries = contract.maximumRetries ?? maximumRetries;
  return {
    retentionMs: contract.retentionMs ?? span(queue.retention, "retention") ?? defaults.retentionMs.value,
    keepForMs: contract.keepForMs ?? span(queue.keepFor, "keepFor") ?? defaults.keepForMs.value,
    onExpire: action,
    handOnTo: action === "hand_on" && typeof onExpire === "object" ? onExpire.handOn : null,
    maximumRetries: retries,
    warnBeforeMs: warnBefore === undefined ? null : parseDuration(warnBefore, "warnBefore"),
    autoRetry: autoRetry === undefined ? null : autoRetryPolicy(autoRetry, retries),
  };
}

/** What a contract says that goes before a queue's rules. */
export function ownPolicy({ retentionMs, keepForMs, onExpire, maximumRetries }: OwnPolicy): OwnPolicy {
  return {
    ...(retentionMs === undefined ? {} : { retentionMs }),
    ...(keepForMs === undefined ? {} : { keepForMs }),
    ...(onExpire === undefined ? {} : { onExpire }),
    ...(maximumRetries === undefined ? {} : { maximumRetries }),
  };
}

/** A contract without what a queue says itself. */
export function unlessSaid(own: OwnPolicy, queue: QueueRules = {}): OwnPolicy {
  const { retentionMs, keepForMs, onExpire, maximumRetries } = own;
  return {
    ...(queue.retention === undefined && retentionMs !== undefined && { retentionMs }),
    ...(queue.keepFor === undefined && keepForMs !== undefined && { keepForMs }),
    ...(queue.onExpire === undefined && onExpire !== undefined && { onExpire }),
    ...(queue.maximumRetries === undefined && maximumRetries !== undefined && { maximumRetries }),
  };
}

/**
 * Checks the rules of all queues of a config.
 *
 * @param fail makes the error of the key that is wrong, such as `default.retention`, and what is wrong with it
 */
export function checkQueueRules(
  queues: Readonly<Record<string, QueueRules>>,
  fail: (where: string, problem: string) => Error,
): void {
  for (const [name, rules] of Object.entries(queues)) {
    const check = (key: keyof QueueRules, read: () => unknown) => {
      try {
        read();
      } catch (error) {
        throw fail(`${name}.${key}`, error instanceof Error ? error.message : String(error));
      }
    };
    const { retention, keepFor, onExpire, maximumRetries, warnBefore, autoRetry } = rules;
    check("retention", () => span(retention, "retention"));
    check("keepFor", () => span(keepFor, "keepFor"));
    check("warnBefore", () => warnBefore === undefined || parseDuration(warnBefore, "warnBefore"));
    check("onExpire", () => checkOnExpire(onExpire));
    check("maximumRetries", () => checkCount("maximumRetries", maximumRetries));
    check("autoRetry", () => autoRetry === undefined || autoRetryPolicy(autoRetry, 3));
    check("onExpire", () => refuseCycle(name, queues));
  }
}

/** A letter that is handed on for ever is never seen by anybody. */
function refuseCycle(from: string, queues: Readonly<Record<string, QueueRules>>): void {
  const seen = [from];
  for (let name: string | undefined = from; ;) {
    const next: QueueRules["onExpire"] = queues[name]?.onExpire;
    name = typeof next === "object" ? next.handOn : undefined;
    if (name === undefined) return;
    if (seen.includes(name)) throw new Error(`letters would be handed on in a circle: ${[...seen, name].join(" → ")}`);
    seen.push(name);
  }
}

function checkOnExpire(value: unknown): void {
  if (value === undefined || value === "expire" || value === "retry") return;
  const handOn = typeof value === "object" && value !== null ? (value as { handOn?: unknown }).handOn : undefined;
  if (!isQueueName(handOn))
    throw new Error(`it must be "expire", "retry" or { handOn: "another-queue" }, got ${JSON.stringify(value)}`);
}

function checkCount(what: string, value: unknown): void {
  if (value !== undefined && !(Number.isInteger(value) && (value as number) >= 0))
    throw new Error(`${what} must be a whole number of at least 0, got ${JSON.stringify(value)}`);
}

function autoRetryPolicy(given: AutoRetry, retries: number): AutoRetryPolicy {
  const keys = ["categories", "after", "backoffCoefficient", "maximumRetries", "within"];
  for (const key of Object.keys(given))
    if (!keys.includes(key)) throw new Error(unknownWord("autoRetry option", key, keys));
  const { categories: of, after, backoffCoefficient = 2, maximumRetries = retries, within = "1 day" } = given;
  if (!Array.isArray(of) || of.length === 0)
    throw new Error(`categories must be a list, such as ["network", "timeout"], got ${JSON.stringify(of)}`);
  for (const category of of as readonly Category[])
    if (!categories.includes(category)) throw new Error(unknownWord("category", String(category), categories));
  if (!(typeof backoffCoefficient === "number" && backoffCoefficient >= 1 && Number.isFinite(backoffCoefficient)))
    throw new Error(`backoffCoefficient must be a number of at least 1, got ${String(backoffCoefficient)}`);
  checkCount("maximumRetries", maximumRetries);
  return {
    categories: [...(of as readonly Category[])],
    afterMs: parseDuration(after, "after", { minimumMs: 0 }),
    backoffCoefficient,
    maximumRetries,
    withinMs: parseDuration(within, "within"),
  };
}

function span(value: QueueRules["retention"], what: string): number | "indefinite" | undefined {
  return value === undefined ? undefined : parseRetention(value, what);
}
