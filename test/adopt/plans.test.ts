import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { jobTypes, knownIds } from "../../schema/known-runs.ts";
import { testDatabase } from "../setup/postgres.ts";

// How an adoption asks what is known of a page of runs, as Postgres plans it.

const { sql, url } = await testDatabase();
const letters = 20_000;

const statements: { query: string; params: unknown[] }[] = [];
const client = postgres(url, { max: 1, prepare: false, fetch_types: false });
const watched = drizzle(client, { logger: { logQuery: (query, params) => void statements.push({ query, params }) } });
afterAll(() => client.end());

beforeAll(async () => {
  await sql.unsafe(`
    insert into dlo.causes (id, fingerprint, version, title, error_type, first_seen_at) values (md5('cause')::uuid, '', 1, 'cause', 'Error', now());
    insert into dlo.dead_letters (id, namespace, workflow_id, run_id, workflow_type, task_queue, kind, job, queue, status, reason, category,
      error_type, error_message, cause_id, failure, idempotency_key, attempts, deaths, first_failed_at, failed_at, source)
    select md5('letter ' || i)::uuid, 'default', 'w-' || i, 'r-' || i, 'order', 'shop', case when i % 30 = 7 then 'job' else 'workflow' end, 'type-' || i % 30, 'default',
      'parked', 'failed', 'data', 'Error', 'message ' || i, md5('cause')::uuid, '{}', 'w-' || i, 3, 1,
      timestamptz '2026-01-01 00:00Z' + i * interval '10 minutes', timestamptz '2026-01-01 00:00Z' + i * interval '10 minutes', '{"adoption":"a"}'
    from generate_series(1, ${letters}) i;
    insert into dlo.deaths (id, letter_id, n, namespace, workflow_id, run_id, reason, category, cause_id, error_type, error_message, failure, attempts, died_at)
    select id, id, 1, namespace, workflow_id, run_id, reason, category, cause_id, error_type, error_message, '{}', 3, failed_at from dlo.dead_letters;
  `);
  for (const table of ["dead_letters", "deaths"]) await sql.unsafe(`vacuum analyze dlo.${table}`);
});

test("the deaths of a page of ids are found by their index", async () => {
  const ids = Array.from({ length: 200 }, (_, i) => `w-${i * 90 + 1}`);
  statements.length = 0;
  const known = await knownIds(watched, "default", [...ids, "unheard-of"]);
  expect(known.size).toBe(200);
  expect(known.get("w-91")?.deaths.get("r-91")).toMatchObject({ kind: "workflow", status: "parked", adoption: "a" });
  await expectIndexes(["dead_letters_pkey", "deaths_once"]);
});

test("whether a type is a job's is told by its newest letter", async () => {
  statements.length = 0;
  expect(await jobTypes(watched, ["type-7", "type-8", "unheard-of"])).toEqual(new Set(["type-7"]));
  await expectIndexes(["dead_letters_by_job"]);
});

async function expectIndexes(indexes: readonly string[]): Promise<void> {
  expect(statements).toHaveLength(1);
  const { query, params } = statements[0]!;
  const [row] = await client.unsafe(`explain (format json) ${query}`, params as never[]);
  const text = JSON.stringify(row);
  expect(text).not.toContain("Seq Scan");
  const used = [...text.matchAll(/"Index Name": ?"([^"]+)"/g)].map(([, name]) => name);
  expect(new Set(used)).toEqual(new Set(indexes));
}
