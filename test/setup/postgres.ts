import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { afterAll, inject } from "vitest";
import type { OpenDatabase } from "../../schema/database.ts";
import { openDatabase } from "../../schema/database.ts";
import { migrateDatabase } from "../../setup/migrate.ts";

export type TestDatabase = OpenDatabase & { readonly url: string };

/** A migrated database of its own on the run's Postgres, closed when the test file ends. */
export async function testDatabase(): Promise<TestDatabase> {
  const url = await emptyDatabase();
  await migrateDatabase(url);
  const open = openDatabase(url);
  afterAll(open.close);
  return Object.assign(open, { url });
}

/** The address of a database without anything in it. */
export async function emptyDatabase(): Promise<string> {
  const server = new URL(inject("stack").adminUrl);
  const name = `test_${randomBytes(6).toString("hex")}`;
  const sql = postgres(server.href, { max: 1 });
  await sql`create database ${sql(name)}`;
  await sql.end();
  server.pathname = `/${name}`;
  return server.href;
}
