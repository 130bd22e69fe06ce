import type { PgDatabase } from "drizzle-orm/pg-core";
import type { PostgresJsQueryResultHKT } from "drizzle-orm/postgres-js";
import { drizzle } from "drizzle-orm/postgres-js";
import type { Options, Sql } from "postgres";
import postgres from "postgres";

/** What a query takes first: the database, or a transaction on it. */
export type Db = PgDatabase<PostgresJsQueryResultHKT>;

export type OpenDatabase = AsyncDisposable & {
  readonly db: Db;
  /** A client of its own for what drizzle cannot say: cursors, COPY, LISTEN. It opens at its first use. */
  readonly sql: Sql;
  /** Lets running queries end, for at most 5 s, and closes all connections. May be called again. */
  close(): Promise<void>;
};

export type DatabaseOptions = {
  /** Connections that each of the two clients may open. @default 10 */
  readonly connections?: number;
};

/**
 * Opens the database; connects at the first query, and again by itself after a loss.
 *
 * @param url such as `postgres://user:password@host:5432/database`
 * @throws {OfficeError} `DATABASE_UNREACHABLE` and `DATABASE_ERROR`, from the queries of this folder
 */
export function openDatabase(url: string, options: DatabaseOptions = {}): OpenDatabase {
  const { connections = 10 } = options;
  const settings = { ...connectionOptions, max: connections };
  // drizzle changes the parsers of the client that it is given, so raw SQL gets another.
  const client = postgres(url, settings);
  let raw: Sql | undefined;
  const close = async () => void (await Promise.all([client.end({ timeout: 5 }), raw?.end({ timeout: 5 })]));
  return {
    db: drizzle(client),
    get sql() {
      return (raw ??= postgres(url, settings));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** How we connect, whatever for. */
export const connectionOptions = {
  connect_timeout: 10,
  // postgres.js waits up to 20 s between two tries otherwise, and jobs die meanwhile.
  backoff: (retries: number) => Math.min(3 ** retries / 100, 1),
  onnotice: () => undefined,
  connection: { application_name: "dead-letter-office" },
} as const satisfies Options<Record<string, never>>;
