import type { QueuePolicy } from "./queue-policy.ts";

/** What of a letter's policy another one changes. */
export type PolicyChange = {
  readonly [Key in keyof QueuePolicy]?: { readonly was: QueuePolicy[Key]; readonly is: QueuePolicy[Key] };
};

/** What differs between two policies; undefined where nothing does. */
export function policyChange(was: QueuePolicy, is: QueuePolicy): PolicyChange | undefined {
  const keys = Object.keys(is) as (keyof QueuePolicy)[];
  const changed = keys.filter((key) => !isSame(was[key], is[key]));
  if (changed.length === 0) return undefined;
  return Object.fromEntries(changed.map((key) => [key, { was: was[key], is: is[key] }]));
}

/** Postgres keeps JSON's keys in an order of its own. */
function isSame(one: unknown, other: unknown): boolean {
  return sorted(one) === sorted(other);
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/**
 * When a letter expires under another retention. It counts from when the letter was parked; what is over by then ends now.
 *
 * @param diedAtMs from there it counts where the letter had no clock
 */
export function expiryUnder(
  retentionMs: number | "indefinite",
  was: { readonly retentionMs: number | "indefinite"; readonly expiresAtMs: number | null; readonly diedAtMs: number },
  nowMs: number,
): number | null {
  if (retentionMs === "indefinite") return null;
  const parkedAtMs =
    was.expiresAtMs === null || was.retentionMs === "indefinite" ? was.diedAtMs : was.expiresAtMs - was.retentionMs;
  return Math.max(nowMs, parkedAtMs + retentionMs);
}
