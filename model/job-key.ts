import type { Job } from "./job.ts";

const longestKey = 255;

/** What a job is about, by its contract; at most 255 characters, which every Visibility store takes. Throws what `key` throws. */
export function keyOf(job: Pick<Job, "key">, input: unknown): string | undefined {
  const key: unknown = job.key?.(input);
  if (typeof key !== "string" && typeof key !== "number") return undefined;
  return String(key).slice(0, longestKey) || undefined;
}
