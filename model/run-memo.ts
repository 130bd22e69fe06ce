import type { Build, RunChange } from "./run-options.ts";

/** The memo key under which what is special about one run travels. Every SDK and the plain CLI can set it. */
export const runMemoKey = "dlo";

/**
 * The header in which a retry that nobody asked for is told of the earlier deaths: JSON, a list of `{reason, category, errorType,
 * count, lastAt}`, latest first. The name and the idea are RabbitMQ's.
 */
export const earlierDeathsHeader = "x-death";

/** The signal that lets a run begin which waits for its build. */
export const goSignalName = "go";

/** What is special about one run of a job. */
export type RunMemo = {
  readonly version?: 1;
  /** The caller's headers. `traceparent` (W3C) gives the letter its trace id. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Stays the same over attempts, retries and redrives. Default: the workflow id. */
  readonly idempotencyKey?: string;
  /** What the job is about, where the contract has no `key`. */
  readonly key?: string;
  /** The caller's group of runs. */
  readonly batch?: string;
  /** Which retry of its letter this run is: 1 for the first. Absent on a first run. */
  readonly retry?: number;
  /** How often this job id has died before. */
  readonly deaths?: number;
  /** In place of what the contract says, for this run: `readRunOptions` made it. */
  readonly activity?: RunChange["activity"];
  /** The build that a retry is to run on: the run waits for the signal `go` until it is there. */
  readonly build?: Build;
};

/** The memo of a run, or an empty one where it has none. */
export function readRunMemo(memo: Readonly<Record<string, unknown>> | undefined): RunMemo {
  return asRunMemo(memo?.[runMemoKey]);
}

/** What somebody put under the memo's key, as far as it makes sense: anybody may set it, and a death must not stumble over it. */
export function asRunMemo(found: unknown): RunMemo {
  if (!isObject(found)) return {};
  const { version, headers, idempotencyKey, key, batch, retry, deaths, activity, build } = found;
  const memo = {
    version: version === 1 ? version : undefined,
    headers: isObject(headers) ? withoutUndefined(mapValues(headers, asText)) : undefined,
    idempotencyKey: asText(idempotencyKey) || undefined,
    key: asText(key)?.slice(0, longestWord) || undefined,
    batch: asText(batch)?.slice(0, longestWord) || undefined,
    retry: asCount(retry),
    deaths: asCount(deaths),
    activity: isObject(activity) ? asActivity(activity) : undefined,
    build: isObject(build) ? asBuild(build) : undefined,
  };
  return withoutUndefined(memo);
}

/** The trace id of a W3C `traceparent` header. */
export function traceIdOf(headers: RunMemo["headers"]): string | undefined {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(headers?.["traceparent"] ?? "")?.[1];
}

/** What every Visibility store takes of a key. */
const longestWord = 255;

/** Only numbers that Temporal can take: whatever else stands there is as if it did not. */
function asActivity({ retry, ...timeouts }: Record<string, unknown>): RunMemo["activity"] {
  const policy = isObject(retry) ? retry : {};
  const isTime = ([key, value]: [string, unknown]) =>
    /^(startToClose|scheduleToStart|scheduleToClose|heartbeat)TimeoutMs$/.test(key) && isPositive(value);
  const isPolicy = ([key, value]: [string, unknown]) =>
    key === "maximumAttempts"
      ? asCount(value) !== undefined
      : /^(initialIntervalMs|maximumIntervalMs|backoffCoefficient)$/.test(key)
        ? isPositive(value)
        : key === "nonRetryableErrorTypes" && Array.isArray(value) && value.every((word) => typeof word === "string");
  return {
    ...Object.fromEntries(Object.entries(timeouts).filter(isTime)),
    retry: Object.fromEntries(Object.entries(policy).filter(isPolicy)),
  };
}

function asBuild({ deploymentName, buildId }: Record<string, unknown>): RunMemo["build"] {
  const [deployment, id] = [asText(deploymentName), asText(buildId)];
  return deployment && id ? { deploymentName: deployment, buildId: id } : undefined;
}

function isPositive(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Numbers are what a plain CLI makes of an order's number. */
function asText(value: unknown): string | undefined {
  return typeof value === "string"
    ? value
    : typeof value === "number" || typeof value === "boolean"
      ? String(value)
      : undefined;
}

function asCount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined;
}

function mapValues<T>(object: Record<string, unknown>, map: (value: unknown) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}

function withoutUndefined(object: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
