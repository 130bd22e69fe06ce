import type { StandardSchemaV1 } from "@standard-schema/spec";

export type Checked<T> =
  | { readonly valid: true; readonly value: T }
  | { readonly valid: false; readonly violations: readonly string[] };

/** Runs a job's schema over an input; every violation is listed with its place. */
export async function checkInput<T>(schema: StandardSchemaV1<unknown, T>, input: unknown): Promise<Checked<T>> {
  const result = await schema["~standard"].validate(input);
  if (result.issues === undefined) return { valid: true, value: result.value };
  return { valid: false, violations: result.issues.map(({ message, path }) => `${placeOf(path)}${message}`) };
}

function placeOf(path: StandardSchemaV1.Issue["path"]): string {
  if (path === undefined || path.length === 0) return "";
  const keys = path.map((part) => (typeof part === "object" ? part.key : part));
  return `${keys.map((key, i) => (typeof key === "number" ? `[${key}]` : i === 0 ? String(key) : `.${String(key)}`)).join("")}: `;
}
