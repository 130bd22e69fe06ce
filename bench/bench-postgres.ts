import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { migrateDatabase } from "../setup/migrate.ts";
import { resolvePostgres } from "../stack/postgres-binary.ts";
import { startPostgres } from "../stack/postgres-server.ts";

/** A Postgres of the benchmark's own, at its default settings. */
export type BenchPostgres = AsyncDisposable & {
  /** The address of a database, made and migrated where it is missing. `fresh`: whether it was. */
  database(name: string): Promise<{ url: string; fresh: boolean }>;
  /** A copy of one to which nobody is connected, in place of what was there before. */
  copy(from: string, name: string): Promise<string>;
  /** The address of a database without anything in it, in place of what was there before. */
  empty(name: string): Promise<string>;
};

/**
 * Starts it.
 *
 * @param folder keeps the data for the next run. Absent: a temporary one, removed at the end
 */
export async function openBenchPostgres(folder?: string): Promise<BenchPostgres> {
  const own = folder ?? (await mkdtemp(join(tmpdir(), "dlo-bench-")));
  await mkdir(own, { recursive: true, mode: 0o711 });
  const { signal } = new AbortController();
  const progress = (line: string) => console.log(line);
  const binaries = await resolvePostgres({ progress, signal });
  const server = await startPostgres({ binaries, folder: own, port: 0, database: "dlo", progress, signal });
  const anew = async (name: string, from = "template1"): Promise<string> => {
    await administer(server.url, `drop database if exists ${name} with (force)`);
    await administer(server.url, `create database ${name} template ${from}`);
    return addressOf(server.url, name);
  };
  return {
    async database(name) {
      const url = addressOf(server.url, name);
      const fresh = !(await exists(server.url, name));
      if (fresh) await administer(server.url, `create database ${name}`);
      await migrateDatabase(url);
      return { url, fresh };
    },
    copy: async (from, name) => await anew(name, from),
    empty: async (name) => await anew(name),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      if (folder === undefined) await rm(own, { recursive: true, force: true });
    },
  };
}

async function administer(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  await sql.unsafe(statement);
  await sql.end();
}

async function exists(url: string, name: string): Promise<boolean> {
  const sql = postgres(url, { max: 1 });
  const found = await sql`select 1 from pg_database where datname = ${name}`;
  await sql.end();
  return found.length > 0;
}

function addressOf(url: string, name: string): string {
  const address = new URL(url);
  address.pathname = `/${name}`;
  return address.href;
}
