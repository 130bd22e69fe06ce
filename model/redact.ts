/** What stands in the place of a value that must not show. */
export const redacted = "[redacted]";

/**
 * Hides the values of fields by name (`password`: at any depth, whatever its case) or by dotted path (`card.number`).
 *
 * Returns a copy; what has nothing to hide is returned as it is.
 */
export function redact(value: unknown, fields: readonly string[]): unknown {
  if (fields.length === 0) return value;
  const wanted = new Set(fields.map((field) => field.toLowerCase()));
  return hide(value, wanted, []);
}

function hide(value: unknown, wanted: ReadonlySet<string>, path: readonly string[]): unknown {
  // Positions in lists are no part of a path: `items.secret` is the secret of every item.
  if (Array.isArray(value)) return value.map((item) => hide(item, wanted, path));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const here = [...path, key.toLowerCase()];
      const hidden = wanted.has(key.toLowerCase()) || wanted.has(here.join("."));
      return [key, hidden ? redacted : hide(inner, wanted, here)];
    }),
  );
}
