import { DrizzleQueryError } from "drizzle-orm";
import { databaseUnreachable, OfficeError, officeErrorOf, schemaMissing } from "../model/office-error.ts";
import type { Db } from "./database.ts";
import { driverError, textOf, whyUnreachable } from "./driver-error.ts";

/** Runs queries; what goes wrong with them comes out translated. */
export async function translatingErrors<Result>(db: Db, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw translateError(error, targetOf(db));
  }
}

/**
 * The error of a query, fit to leave this folder: drizzle's message has the parameters in it, and Postgres's own message,
 * detail and `where` quote values. They would end up in Temporal's history and in logs, so the SQLSTATE and the
 * constraint's name are all that is left of them.
 *
 * What is not of the database (an assertion, an error of ours) is returned as it is.
 *
 * @param target where the database is, without credentials
 */
export function translateError(error: unknown, target: string): unknown {
  if (error instanceof OfficeError) return error;
  const cause = driverError(error);
  const code = textOf(cause, "code");
  const why = code === undefined ? undefined : whyUnreachable(code);
  if (why !== undefined) return databaseUnreachable(target, why);
  // Undefined table, undefined schema: nobody has set this database up, or not for this version.
  if (code === "42P01" || code === "3F000") return schemaMissing(target);
  if (textOf(cause, "name") === "PostgresError") return refusedStatement(code, textOf(cause, "constraint_name"));
  if (error instanceof DrizzleQueryError)
    return officeErrorOf(
      "DATABASE_ERROR",
      `A statement could not be sent to Postgres (${textOf(cause, "name") ?? "unknown error"})`,
    );
  return error;
}

/** The constraint that a query's error says was violated. */
export function violatedConstraint(error: unknown): string | undefined {
  return textOf(driverError(error), "constraint_name");
}

/** Postgres's own code of a query's error. */
export function sqlStateOf(error: unknown): string | undefined {
  return textOf(driverError(error), "code");
}

/** The column that a query's error says must have a value. */
export function missesColumn(error: unknown): string | undefined {
  const cause = driverError(error);
  return textOf(cause, "code") === "23502" ? textOf(cause, "column_name") : undefined;
}

/** Where a database is, for people: host, port and name, without credentials. */
export function describeTarget(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname}:${port || 5432}${pathname}`;
}

function refusedStatement(sqlState: string | undefined, constraint: string | undefined): OfficeError {
  const where = constraint === undefined ? "" : `, constraint ${constraint}`;
  return officeErrorOf(
    "DATABASE_ERROR",
    `Postgres refused a statement: SQLSTATE ${sqlState}${where}. Its log has the rest`,
    withoutUndefined({ sqlState, constraint }),
  );
}

/** Where a database is, as far as its client says. */
export function targetOf(db: Db): string {
  const options = (db as { $client?: { options?: { host: string[]; port: number[]; database: string } } }).$client
    ?.options;
  return options === undefined ? "its address" : `${options.host[0]}:${options.port[0]}/${options.database}`;
}

function withoutUndefined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as never;
}
