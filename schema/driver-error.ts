import { DrizzleQueryError } from "drizzle-orm";

/** What the driver threw, from below drizzle's wrapping. Several addresses of a host give an AggregateError. */
export function driverError(error: unknown): unknown {
  const inner = error instanceof DrizzleQueryError ? error.cause : error;
  return inner instanceof AggregateError ? (inner.errors[0] as unknown) : inner;
}

/** A text of an error's, if it has it. */
export function textOf(value: unknown, key: string): string | undefined {
  const found = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  return typeof found === "string" ? found : undefined;
}

/** What a code says of a database that cannot be reached; undefined for a code that says something else. */
export function whyUnreachable(code: string): string | undefined {
  return reasons.get(code) ?? (code.startsWith("08") ? `the connection broke (${code})` : undefined);
}

const reasons: ReadonlyMap<string, string> = new Map([
  // Node's and postgres.js's own.
  ["ECONNREFUSED", "the connection is refused"],
  ["ECONNRESET", "the connection was reset"],
  ["EPIPE", "the connection broke"],
  ["ENOTFOUND", "its host is unknown"],
  ["EAI_AGAIN", "its host's name cannot be looked up now"],
  ["EHOSTUNREACH", "there is no way to its host"],
  ["ENETUNREACH", "there is no way to its network"],
  ["ETIMEDOUT", "it does not answer"],
  ["ENOENT", "its socket does not exist"],
  ["CONNECT_TIMEOUT", "it does not answer"],
  ["CONNECTION_CLOSED", "the connection was closed"],
  ["CONNECTION_DESTROYED", "the connection was closed"],
  ["CONNECTION_ENDED", "the connection was closed"],
  // Postgres's, by appendix A of its manual; class 08 are its connection exceptions.
  ["57P01", "it is shutting down"],
  ["57P02", "it has crashed"],
  ["57P03", "it is starting up, or does not take connections now"],
  ["53300", "it has no connection left to give"],
  ["28000", "it does not let this user in"],
  ["28P01", "the password is wrong"],
  ["3D000", "it has no database of that name"],
]);
