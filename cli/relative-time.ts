/** "3 minutes ago", "in 29 days", "now". */
export function relativeTime(at: Date, nowMs = Date.now()): string {
  const differenceMs = at.getTime() - nowMs;
  const span = roughSpan(Math.abs(differenceMs));
  if (span === undefined) return "now";
  return differenceMs < 0 ? `${span} ago` : `in ${span}`;
}

/** "2026-11-24 11:58:34 UTC (3 minutes ago)" */
export function bothTimes(at: Date, nowMs = Date.now()): string {
  return `${absoluteTime(at)} (${relativeTime(at, nowMs)})`;
}

export function absoluteTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** "3m ago", "in 29d", "now": for columns. */
export function briefTime(at: Date, nowMs = Date.now()): string {
  return relativeTime(at, nowMs).replace(/ (s|m|h|d|y)[a-z]+/, "$1");
}

/** How long something took: "340 ms", "2.1 s", "4 minutes". */
export function tookTime(spanMs: number): string {
  if (spanMs < 1000) return `${spanMs} ms`;
  if (spanMs < 60_000) return `${(spanMs / 1000).toFixed(1)} s`;
  return roughSpan(spanMs) ?? "";
}

/** In one unit, rounded; undefined below a second. */
function roughSpan(spanMs: number): string | undefined {
  let unit: (typeof units)[number] | undefined;
  for (const candidate of units) {
    // 59.7 minutes are an hour.
    if (Math.round(spanMs / candidate[1]) >= 1) unit = candidate;
  }
  if (unit === undefined) return undefined;
  const count = Math.round(spanMs / unit[1]);
  return `${count} ${unit[0]}${count === 1 ? "" : "s"}`;
}

const units = [
  ["second", 1000],
  ["minute", 60_000],
  ["hour", 3_600_000],
  ["day", 86_400_000],
  ["year", 365 * 86_400_000],
] as const;
