import type postgres from "postgres";
import { v7 as uuidv7 } from "uuid";
import type { Prune } from "../../model/prune.ts";
import type { Db } from "../../schema/database.ts";
import { seedLetters, type Seeded } from "../find/seeded-letters.ts";

/** What a test asks of a prune; by the letters' own keep time, unless it says otherwise. */
export function pruneOf(otherwise: Partial<Prune> = {}): Prune {
  return {
    ...{ id: uuidv7(), filter: {}, olderThanMs: null, asOfMs: Date.now(), batch: 500, by: "tester", reason: null },
    ...otherwise,
  };
}

/**
 * Closed letters of one namespace, closed a day ago and kept until an hour ago, as rows alone. The last day of the others
 * that are seeded is long ago.
 */
export async function closedLetters(
  { db, sql }: { readonly db: Db; readonly sql: postgres.Sql },
  namespace: string,
  count: number,
  seed: number,
): Promise<string[]> {
  const letters = await seedLetters(db, count, seed, seed * 10_000);
  const ids = letters.map(({ id }) => id);
  await sql`
    update dlo.dead_letters set namespace = ${namespace}, status = 'recovered', expires_at = null,
      closed_at = now() - interval '1 day', keep_until = now() - interval '1 hour'
    where id = any(${ids})`;
  await sql`update dlo.deaths set namespace = ${namespace} where letter_id = any(${ids})`;
  return ids;
}

/** Gives letters a time until which they are kept, null for ever. */
export async function keepUntil(
  sql: postgres.Sql,
  letters: readonly Pick<Seeded, "id" | "keepUntil">[],
): Promise<void> {
  const rows = letters.map(({ id, keepUntil: until }) => ({ id, until: until === null ? null : until.toISOString() }));
  await sql`
    update dlo.dead_letters l set keep_until = k.until
    from jsonb_to_recordset(${sql.json(rows)}) as k (id uuid, until timestamptz) where l.id = k.id`;
}

/** What stands in the tables, as one text, but for what the office numbers and folds by itself. */
export async function contents(sql: postgres.Sql): Promise<string> {
  const tables = ["dead_letters", "deaths", "attempts", "redrives", "redrive_items", "prunes"];
  const parts = await Promise.all(
    tables.map(
      async (table) =>
        await sql`select ${table} as table, coalesce(md5(string_agg(t::text, '' order by t::text)), '') as sum from ${sql(`dlo.${table}`)} t`,
    ),
  );
  return JSON.stringify(parts.flat());
}
