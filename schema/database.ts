import type { PgDatabase } from "drizzle-orm/pg-core";
import type { PostgresJsQueryResultHKT } from "drizzle-orm/postgres-js";
import { drizzle } from "drizzle-orm/postgres-js";
import type { Options, Sql } from "postgres";
import postgres from "postgres";
import { outliveLoss } from "./outlive-loss.ts";

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
  /** Which of our parts it is, as `pg_stat_activity` shows it behind our name. */
  readonly part?: string;
  /** Whether statements are kept prepared. Not where filters vary: after some runs Postgres would plan for any value. @default true */
  readonly prepare?: boolean;
};

/**
 * Opens the database; connects at the first query, and again by itself after a loss.
 *
 * @param url such as `postgres://user:password@host:5432/database`
 * @throws {OfficeError} `DATABASE_UNREACHABLE` and `DATABASE_ERROR`, from the queries of this folder
 */
export function openDatabase(url: string, options: DatabaseOptions = {}): OpenDatabase {
  const { connections = 10, part, prepare = true } = options;
  const { application_name } = connectionOptions.connection;
  const connection = { application_name: part === undefined ? application_name : `${application_name} ${part}` };
  const settings = { ...connectionOptions, connection, max: connections, prepare };
  // drizzle changes the parsers of the client that it is given, so raw SQL gets another.
  // It needs no array types either, and a connection that breaks while postgres.js fetches them would end the process.
  const client = outliveLoss(postgres(url, { ...settings, fetch_types: false }));
  let raw: Sql | undefined;
  const close = async () => void (await Promise.all([client.end({ timeout: 5 }), raw?.end({ timeout: 5 })]));
  return {
    db: drizzle(client),
    get sql() {
      return (raw ??= outliveLoss(postgres(url, settings)));
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
