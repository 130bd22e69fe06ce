import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Sql } from "postgres";
import { migrationsFolder } from "../../schema/migrations-folder.ts";

/** All that a release's tables held, as JSON. */
export type ReleasedRows = {
  /** How many migrations the release had. */
  readonly migrations: number;
  readonly tables: Readonly<Record<string, readonly Record<string, unknown>[]>>;
};

/** In an order in which they can be filled: what refers to a row comes after it. */
const tables = ["causes", "dead_letters", "deaths", "attempts", "events"];

export async function readRows(sql: Sql): Promise<ReleasedRows> {
  const [migrations] = await sql`select count(*)::int n from dlo.__drizzle_migrations`;
  const read = async (table: string) =>
    (await sql`select row_to_json(t) as row from dlo.${sql(table)} t`).map(
      (found) => found["row"] as Record<string, unknown>,
    );
  const entries: [string, Record<string, unknown>[]][] = [];
  for (const table of tables) entries.push([table, await read(table)]);
  return { migrations: migrations?.["n"] as number, tables: Object.fromEntries(entries) };
}

/** Makes an empty database into what a release left behind: its migrations, and its rows. */
export async function loadRows(sql: Sql, released: ReleasedRows): Promise<void> {
  const { entries } = JSON.parse(readFileSync(join(migrationsFolder(), "meta/_journal.json"), "utf8")) as {
    entries: { tag: string; when: number }[];
  };
  await sql`create schema dlo`;
  await sql`create table dlo.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
  for (const { tag, when } of entries.slice(0, released.migrations)) {
    await sql.unsafe(readFileSync(join(migrationsFolder(), `${tag}.sql`), "utf8"));
    await sql`insert into dlo.__drizzle_migrations (hash, created_at) values (${tag}, ${when})`;
  }
  for (const [table, rows] of Object.entries(released.tables)) {
    const [first] = rows;
    if (first === undefined) continue;
    const columns = sql(Object.keys(first));
    await sql`
      insert into dlo.${sql(table)} (${columns}) overriding system value
      select ${columns} from json_populate_recordset(null::dlo.${sql(table)}, ${JSON.stringify(rows)}::text::json)`;
  }
}
