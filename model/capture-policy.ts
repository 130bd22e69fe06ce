import { unknownWord } from "./suggest.ts";

/** Which records an office takes. */
export type CapturePolicy = {
  /** The jobs that a record's retry may start: names, or their beginnings with a star, such as `import-*`. @default every job */
  readonly jobs?: readonly string[];
  /** What a record's payload and headers may weigh, encoded. @default what Temporal takes: 1,900,000 */
  readonly maximumBytes?: number;
};

/** Whether the retry of a record may start this job. */
export function mayCapture(job: string, { jobs }: CapturePolicy): boolean {
  if (jobs === undefined) return true;
  return jobs.some((word) => (word.endsWith("*") ? job.startsWith(word.slice(0, -1)) : job === word));
}

/** @throws an `Error` that says what is wrong */
export function checkCapturePolicy(policy: unknown): void {
  if (typeof policy !== "object" || policy === null || Array.isArray(policy))
    throw new Error('it must be an object such as { jobs: ["import-*"] }');
  for (const key of Object.keys(policy)) if (!keys.includes(key)) throw new Error(unknownWord("option", key, keys));
  const { jobs, maximumBytes } = policy as CapturePolicy;
  if (jobs !== undefined && !(Array.isArray(jobs) && jobs.every(isPattern)))
    throw new Error('jobs must be a list of job names, or of their beginnings with a star, such as ["import-*"]');
  if (maximumBytes !== undefined && !(Number.isInteger(maximumBytes) && maximumBytes > 0))
    throw new Error(`maximumBytes must be a whole number of bytes, got ${JSON.stringify(maximumBytes)}`);
}

const keys = ["jobs", "maximumBytes"];

function isPattern(word: unknown): boolean {
  return typeof word === "string" && /^[^*]+\*?$|^\*$/.test(word);
}
