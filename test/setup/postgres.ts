import { randomBytes, randomUUID } from "node:crypto";
import postgres from "postgres";
import { afterAll, inject } from "vitest";
import type { OpenDatabase } from "../../schema/database.ts";
import { openDatabase } from "../../schema/database.ts";
import type { SharedStack } from "./stack.ts";

export type TestDatabase = OpenDatabase & { readonly url: string };

/** A migrated database of its own on the run's Postgres, closed when the test file ends. */
export async function testDatabase(): Promise<TestDatabase> {
  const url = await migratedDatabase();
  const open = openDatabase(url);
  afterAll(open.close);
  return Object.assign(open, { url });
}

/** The address of a database as a migration leaves it: a copy, which takes less than to migrate one. */
export async function migratedDatabase({ adminUrl, template }: SharedStack = inject("stack")): Promise<string> {
  const url = await createDatabase(adminUrl, template);
  // A copied database would claim to be its template: an office knows its database by this id.
  const own = postgres(url, { max: 1 });
  await own`update dlo.office set database_id = ${randomUUID()}`;
  await own.end();
  return url;
}

/** The address of a database without anything in it. */
export async function emptyDatabase(): Promise<string> {
  return await createDatabase(inject("stack").adminUrl, "template1");
}

async function createDatabase(adminUrl: string, template: string): Promise<string> {
  const server = new URL(adminUrl);
  const name = `test_${randomBytes(6).toString("hex")}`;
  const sql = postgres(server.href, { max: 1, onnotice: () => undefined });
  await sql`create database ${sql(name)} template ${sql(template)}`;
  await sql.end();
  server.pathname = `/${name}`;
  return server.href;
}
