import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { expect, test } from "vitest";
import { checkSchema } from "../../schema/check-schema.ts";
import { openDatabase } from "../../schema/database.ts";
import { migrationsFolder } from "../../schema/migrations-folder.ts";
import { codeVersion, minimumCodeVersion } from "../../schema/schema-version.ts";
import { migrateDatabase, refuseOldPostgres } from "../../setup/migrate.ts";
import { emptyDatabase, testDatabase } from "../setup/postgres.ts";
import { dumpSchema } from "./dump-schema.ts";

/** Every released migration with its hash: none may be edited. A new one gets a line of its own. */
const released = {
  "0000_letters": "b8af0a06a34b97b631791e12eb077b02caa8ad2b075b9de6b5f2f25e4ea138d9",
  "0001_comments": "eef42b9b0f8231db46f4dbec68ecda5cb2593aac31f46474f198a78b8c612eac",
  "0002_find": "eca707b5bf0da96248e5b4cc4e717a1f2f780f05ad89871915c6ac2a9a4282d9",
  "0003_views": "0e0b437aa70ef9047e0b7a6e54906e9afa37876ffeaae44b3a0faf980975a2c2",
  "0004_redrive": "1ae84914e53f87f87032c8ad3ebdb7e744b9969b905bad49aefab366335dca22",
  "0005_repair": "0a105baf06da973fe20632d145e491b622ed4f895bb7220de70500bbdbded590",
  "0006_corrections": "44807c66ea91aff268e44f74056ae1ddc0b609a0c9d045d262919e4a7097bee7",
};

const journal = (
  JSON.parse(readFileSync(join(migrationsFolder(), "meta", "_journal.json"), "utf8")) as {
    entries: { tag: string; when: number; idx: number }[];
  }
).entries;
const tags = journal.map(({ tag }) => tag);

test("no migration was edited, and the journal has each file once, in order", () => {
  const hashOf = (tag: string) =>
    createHash("sha256")
      .update(readFileSync(join(migrationsFolder(), `${tag}.sql`)))
      .digest("hex");
  expect(Object.fromEntries(tags.map((tag) => [tag, hashOf(tag)]))).toEqual(released);
  const files = readdirSync(migrationsFolder()).filter((name) => name.endsWith(".sql"));
  expect(files.toSorted()).toEqual(tags.map((tag) => `${tag}.sql`));
  expect(journal.map(({ idx }) => idx)).toEqual(journal.map((_, i) => i));
  expect(journal.map(({ when }) => when)).toEqual(journal.map(({ when }) => when).toSorted((a, b) => a - b));
  expect(codeVersion).toBe(journal.length);
  expect(minimumCodeVersion).toBeLessThanOrEqual(codeVersion);
});

test("the committed dump is what the migrations make, and every table, view and column is explained", async () => {
  const { sql } = await testDatabase();
  await expect(await dumpSchema(sql)).toMatchFileSnapshot("../../schema/schema.sql");
  const silent = await sql`
    select relname, attname from pg_class join pg_attribute on attrelid = pg_class.oid
    where relnamespace = 'dlo'::regnamespace and relkind in ('r', 'v') and relname <> '__drizzle_migrations' and attnum > 0
      and (col_description(attrelid, attnum) is null or obj_description(pg_class.oid, 'pg_class') is null)`;
  expect([...silent]).toEqual([]);
});

test("migrating again changes nothing, and the database keeps its id", async () => {
  const url = await emptyDatabase();
  const lines: string[] = [];
  expect(await migrateDatabase(url, { progress: (line) => lines.push(line) })).toEqual({
    applied: tags,
    schemaVersion: tags.length,
  });
  expect(lines).toEqual(tags.map((tag) => `Applying migration ${tag}`));
  await using database = openDatabase(url);
  const before = await checkSchema(database.db);
  expect(before.schemaVersion).toBe(tags.length);
  expect(await migrateDatabase(url)).toEqual({ applied: [], schemaVersion: tags.length });
  expect(await checkSchema(database.db)).toEqual(before);
});

test("migrating from four places at once applies each migration once", async () => {
  const url = await emptyDatabase();
  const done = await Promise.all(Array.from({ length: 4 }, () => migrateDatabase(url)));
  expect(done.flatMap(({ applied }) => applied).toSorted()).toEqual(tags);
  expect(done.map(({ schemaVersion }) => schemaVersion)).toEqual(done.map(() => tags.length));
});

test("a database that was not set up is named as such, and nothing is written", async () => {
  await using database = openDatabase(await emptyDatabase());
  await expect(checkSchema(database.db)).rejects.toMatchObject({ code: "SCHEMA_MISSING" });
});

test("a schema that is behind asks for the set-up, and one that needs newer code refuses this one", async () => {
  const { db, sql, url } = await testDatabase();
  await sql`update dlo.office set schema_version = ${codeVersion - 1}`;
  await expect(checkSchema(db)).rejects.toMatchObject({
    code: "SCHEMA_TOO_OLD",
    message: expect.stringContaining("dlo setup"),
  });
  await sql`update dlo.office set schema_version = ${codeVersion + 3}`;
  await expect(checkSchema(db)).resolves.toMatchObject({ schemaVersion: codeVersion + 3 });
  await sql`update dlo.office set minimum_code_version = ${codeVersion + 1}`;
  await expect(checkSchema(db)).rejects.toMatchObject({ code: "SCHEMA_TOO_NEW" });
  await expect(migrateDatabase(url)).rejects.toMatchObject({ code: "SCHEMA_TOO_NEW" });
});

test("a migration that fails leaves nothing behind", async () => {
  const url = await emptyDatabase();
  const sql = postgres(url, { max: 1 });
  await sql`create schema dlo`;
  await sql`create table dlo.events ()`;
  await expect(migrateDatabase(url)).rejects.toMatchObject({ code: "DATABASE_ERROR", details: { sqlState: "42P07" } });
  expect(await sql`select relname from pg_class where relnamespace = 'dlo'::regnamespace`).toMatchObject([
    { relname: "events" },
  ]);
  await sql.end();
});

test("Postgres before 15 is refused with its version", () => {
  expect(() => refuseOldPostgres(140_011, "db:5432/app")).toThrow(
    "The database db:5432/app: it is Postgres 14.11, and Dead Letter Office needs 15 or newer",
  );
  expect(() => refuseOldPostgres(150_000, "db:5432/app")).not.toThrow();
});
