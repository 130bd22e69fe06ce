import { redact, redacted } from "./redact.ts";

/**
 * Names of the fields that a payload shows as redacted.
 *
 * What hides them may hide a name everywhere, or only at a path; from here both look alike, so they are taken as names: a
 * field too many is hidden rather than one too few.
 */
export function hiddenFields(shown: unknown): string[] {
  const names = new Set<string>();
  collect(shown, names);
  return [...names];
}

/** A payload, hidden as the configuration says, and as these others show it. */
export function hideLike(payload: unknown, fields: readonly string[], shown: readonly unknown[]): unknown {
  return redact(payload, [...fields, ...shown.flatMap(hiddenFields)]);
}

function collect(value: unknown, names: Set<string>): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value))
    if (inner === redacted && !Array.isArray(value)) names.add(key);
    else collect(inner, names);
}
