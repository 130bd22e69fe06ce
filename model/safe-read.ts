// Looking at values that may be anything: proxies, revoked ones too, and objects whose getters throw. None of these functions throws.

export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** Errors of another realm, such as a workflow's sandbox, are no instances of ours. */
export function isError(value: unknown): boolean {
  if (!isObject(value)) return false;
  const tag = () => Object.prototype.toString.call(value);
  return attempt(() => value instanceof Error || tag() === "[object Error]", false);
}

export function isList(value: unknown): value is unknown[] {
  return attempt(() => Array.isArray(value), false);
}

export function lengthOf(list: unknown[]): number {
  const length = read(list, "length");
  return Number.isSafeInteger(length) ? Math.max(0, length as number) : 0;
}

export function ownKeys(value: object): string[] {
  return attempt(() => Object.keys(value), []);
}

export function read(value: unknown, key: string): unknown {
  return isObject(value) ? attempt(() => (value as Record<string, unknown>)[key], undefined) : undefined;
}

/** What was thrown may be a proxy, or have getters that throw. */
export function attempt<T>(action: () => T, otherwise: T): T {
  try {
    return action();
  } catch {
    return otherwise;
  }
}
