/** The memo key under which what is special about one run travels. Every SDK and the plain CLI can set it. */
export const runMemoKey = "dlo";

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
};

/** The memo of a run, or an empty one where it has none or something else stands under the key. */
export function readRunMemo(memo: Readonly<Record<string, unknown>> | undefined): RunMemo {
  const found = memo?.[runMemoKey];
  return typeof found === "object" && found !== null && !Array.isArray(found) ? (found as RunMemo) : {};
}

/** The trace id of a W3C `traceparent` header. */
export function traceIdOf(headers: RunMemo["headers"]): string | undefined {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(headers?.["traceparent"] ?? "")?.[1];
}
