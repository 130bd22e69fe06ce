import { redacted } from "../model/redact.ts";

/** The input with what its row hides hidden too: same shape, `[redacted]` where the row has it. */
export function hideAsShown(actual: unknown, shown: unknown): unknown {
  if (shown === redacted) return redacted;
  return mapped(actual, (inner, key) => hideAsShown(inner, childOf(shown, key)));
}

/** An edited input with the true values back wherever `[redacted]` was left as it was. */
export function restoreHidden(edited: unknown, actual: unknown): unknown {
  if (edited === redacted) return actual;
  return mapped(edited, (inner, key) => restoreHidden(inner, childOf(actual, key)));
}

/** Whether a `[redacted]` is left that stands for nothing: it was moved, or its field renamed. */
export function hasRedacted(value: unknown): boolean {
  if (value === redacted) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(hasRedacted);
}

function mapped(value: unknown, change: (inner: unknown, key: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((inner, i) => change(inner, String(i)));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner, key)]));
}

function childOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}
