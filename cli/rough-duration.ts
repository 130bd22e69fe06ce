import { formatDuration } from "../model/duration.ts";

/** Rounded up: to the second, and where it is hours to the minute. */
export function roughDuration(spanMs: number): string {
  const unitMs = spanMs < 3_600_000 ? 1000 : 60_000;
  return formatDuration(Math.max(1, Math.ceil(spanMs / unitMs)) * unitMs);
}
