import type { StandardSchemaV1 } from "@standard-schema/spec";

export type Checked<T> =
  | { readonly valid: true; readonly value: T }
  | { readonly valid: false; readonly violations: readonly string[] };

const mostViolations = 100;

/** Runs a job's schema over an input; every violation is listed with its place, the first 100 of them. */
export async function checkInput<T>(schema: StandardSchemaV1<unknown, T>, input: unknown): Promise<Checked<T>> {
  const result = await schema["~standard"].validate(input);
  if (result.issues === undefined) return { valid: true, value: result.value };
  const violations = result.issues.slice(0, mostViolations).map(({ message, path }) => `${placeOf(path)}${message}`);
  const more = result.issues.length - violations.length;
  return { valid: false, violations: more === 0 ? violations : [...violations, `… and ${more} more`] };
}

function placeOf(path: StandardSchemaV1.Issue["path"]): string {
  if (path === undefined || path.length === 0) return "";
  const keys = path.map((part) => (typeof part === "object" ? part.key : part));
  return `${keys.map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? String(key) : `.${String(key)}`)).join("")}: `;
}
