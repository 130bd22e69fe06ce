import type { Category } from "dead-letter-office";
import postgres from "postgres";
import { importMovie } from "./import-movie.ts";

/** Parked letters that died of the same error at the same place. */
export type DeadOfCause = {
  readonly letters: number;
  readonly category: Category;
  /** The error without what varies: ids, numbers, quoted values. */
  readonly title: string;
  /** One of them. */
  readonly sampleId: string;
  readonly sampleJob: string;
  readonly sampleKey: string | null;
};

/** The parked letters of the import grouped by cause, the most frequent first. The tables are public to read. */
export async function deadByCause(databaseUrl: string): Promise<readonly DeadOfCause[]> {
  const sql = postgres(databaseUrl, { max: 1 });
  try {
    return await sql<DeadOfCause[]>`
      select count(*)::int as letters, category, causes.title,
        (array_agg(letters.id order by failed_at))[1] as "sampleId",
        (array_agg(workflow_id order by failed_at))[1] as "sampleJob",
        (array_agg(key order by failed_at))[1] as "sampleKey"
      from dlo.dead_letters as letters join dlo.causes on causes.id = cause_id
      where job = ${importMovie.name} and status = 'parked'
      group by category, causes.id, causes.title
      order by letters desc, causes.title`;
  } finally {
    await sql.end();
  }
}
