import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TransactionSql } from "postgres";
import postgres from "postgres";
import { v7 as uuidv7 } from "uuid";
import { configInvalid, schemaTooNew } from "../model/office-error.ts";
import { connectionOptions } from "../schema/database.ts";
import { migrationsFolder } from "../schema/migrations-folder.ts";
import { codeVersion, minimumCodeVersion } from "../schema/schema-version.ts";
import { describeTarget, translateError } from "../schema/translate-error.ts";

export type MigrateOptions = {
  /** Takes a line for each migration that is applied. */
  readonly progress?: (line: string) => void;
};

export type Migrated = {
  /** The migrations that were applied now, in order. */
  readonly applied: readonly string[];
  /** How many the database has. */
  readonly schemaVersion: number;
};

/**
 * Brings a database's schema `dlo` up to this code. Safe to run again, and from several places at once: the others wait for
 * the first. All or nothing: it is one transaction.
 *
 * @throws {OfficeError} `CONFIG_INVALID` for a Postgres older than 15, `SCHEMA_TOO_NEW`, `DATABASE_UNREACHABLE`
 */
export async function migrateDatabase(url: string, options: MigrateOptions = {}): Promise<Migrated> {
  const sql = postgres(url, { ...connectionOptions, max: 1 });
  try {
    const [server] = await sql<[{ version: string }]>`select current_setting('server_version_num') as version`;
    refuseOldPostgres(Number(server.version), describeTarget(url));
    return await sql.begin(async (tx) => await migrate(tx, options.progress));
  } catch (error) {
    throw translateError(error, describeTarget(url));
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** @param versionNumber as `server_version_num` has it: 150004 for 15.4 */
export function refuseOldPostgres(versionNumber: number, target: string): void {
  if (versionNumber >= 150_000) return;
  const version = `${Math.trunc(versionNumber / 10_000)}.${versionNumber % 10_000}`;
  throw configInvalid(`The database ${target}`, `it is Postgres ${version}, and Dead Letter Office needs 15 or newer`);
}

// drizzle's own migrator takes no lock and silently leaves out a file that is dated before the last one applied.
async function migrate(tx: TransactionSql, progress: MigrateOptions["progress"]): Promise<Migrated> {
  await tx`select pg_advisory_xact_lock(hashtextextended('dead-letter-office/migrate', 0))`;
  const known = await knownMigrations(tx);
  const applied: string[] = [];
  for (const { tag, when } of journal()) {
    if (known.has(when)) continue;
    progress?.(`Applying migration ${tag}`);
    const text = readFileSync(join(migrationsFolder(), `${tag}.sql`), "utf8");
    // Without parameters it is the simple protocol, which takes several statements at once.
    await tx.unsafe(text);
    const hash = createHash("sha256").update(text).digest("hex");
    await tx`insert into dlo.__drizzle_migrations (hash, created_at) values (${hash}, ${when})`;
    applied.push(tag);
  }
  const schemaVersion = known.size + applied.length;
  await recordVersion(tx, schemaVersion);
  return { applied, schemaVersion };
}

/** The dates of the migrations that the database has: drizzle's own names for them. */
async function knownMigrations(tx: TransactionSql): Promise<Set<number>> {
  const [found] = await tx`select to_regclass('dlo.__drizzle_migrations') is not null as present`;
  if (!found?.["present"]) {
    await tx`create schema if not exists dlo`;
    await tx`create table dlo.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
  }
  const rows = await tx<{ created_at: string }[]>`select created_at from dlo.__drizzle_migrations`;
  return new Set(rows.map((row) => Number(row.created_at)));
}

type JournalEntry = { readonly tag: string; readonly when: number };

function journal(): readonly JournalEntry[] {
  const text = readFileSync(join(migrationsFolder(), "meta", "_journal.json"), "utf8");
  return (JSON.parse(text) as { entries: JournalEntry[] }).entries;
}

/** Names the database, once, and says which code may use it. A newer code may have set both higher before. */
async function recordVersion(tx: TransactionSql, schemaVersion: number): Promise<void> {
  const [office] = await tx<[{ minimum: number }]>`
    insert into dlo.office as known (database_id, schema_version, minimum_code_version)
    values (${uuidv7()}, ${schemaVersion}, ${minimumCodeVersion})
    on conflict (singleton) do update set
      schema_version = greatest(known.schema_version, excluded.schema_version),
      minimum_code_version = greatest(known.minimum_code_version, excluded.minimum_code_version)
    returning minimum_code_version as minimum`;
  if (codeVersion < office.minimum) throw schemaTooNew(schemaVersion, `built for migration ${office.minimum}`);
}
