/**
 * What went wrong, whatever ended the run.
 *
 * - `timeout`: something took too long
 * - `network`: the other side could not be reached
 * - `dependency`: it was reached, and failed by itself
 * - `rate_limit`: it asked for patience
 * - `resource`: memory, disk, files or connections ran out
 * - `data`: the input, or what it names, is wrong
 * - `auth`: credentials or rights are missing
 * - `code`: a mistake in the program
 * - `lost`: the run was terminated, or its worker vanished
 * - `unknown`: none of the above could be told from the error
 */
export const categories = [
  "timeout",
  "network",
  "dependency",
  "rate_limit",
  "resource",
  "data",
  "auth",
  "code",
  "lost",
  "unknown",
] as const;

export type Category = (typeof categories)[number];

/** Whether a retry alone is unlikely to help. What needs no person is *transient*. */
export function needsPerson(category: Category): boolean {
  switch (category) {
    case "data":
    case "auth":
    case "code":
    case "lost":
    case "unknown":
      return true;
    case "timeout":
    case "network":
    case "dependency":
    case "rate_limit":
    case "resource":
      return false;
  }
}
