/** Why a job was skipped: it completed, although its work was not done. */
export type Skipped = {
  readonly reason: string;
  /** Of the attempt that failed last. */
  readonly error: { readonly type: string; readonly message: string };
};

/**
 * What the activity of a skipped job returns, so that its history tells it apart from success; the job's workflow unwraps it.
 *
 * `dloSkipped` is the version of this shape, which is public between releases.
 */
export type SkippedRun = {
  readonly dloSkipped: 1;
  readonly skipped: Skipped;
  /** What the job returns in place of what was skipped. */
  readonly result?: unknown;
};

/** The change id under which a skipped run is found, in `TemporalChangeVersion`, a search attribute that every namespace has. */
export const skippedMark = "dlo-skipped";

/** Tells what a skipped job's activity returned from a result. */
export function isSkippedRun(value: unknown): value is SkippedRun {
  return typeof value === "object" && value !== null && (value as SkippedRun).dloSkipped === 1;
}

/** What a skipped job returns to whoever waits for it. */
export function skippedResult({ skipped, result }: SkippedRun): unknown {
  return result === undefined ? { skipped } : result;
}

/** Why a run was skipped, by its result; undefined where it was not, or where the policy gave another result. */
export function skippedReason(result: unknown): string | undefined {
  const skipped = isObject(result) && Object.keys(result).length === 1 ? result["skipped"] : undefined;
  if (!isObject(skipped) || !isObject(skipped["error"])) return undefined;
  return typeof skipped["reason"] === "string" ? skipped["reason"] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
