import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseFilter } from "../../model/filter-line.ts";
import { pruneBatch } from "../../schema/prune-letters.ts";
import { beginPrune } from "../../schema/prune-rows.ts";
import { testDatabase } from "../setup/postgres.ts";
import { pruneOf } from "./closed-letters.ts";

// How a batch finds its letters among many, as Postgres plans it.

const { sql, url } = await testDatabase();
const letters = 20_000;
const now = Date.UTC(2026, 10, 28);

const statements: { query: string; params: unknown[] }[] = [];
const client = postgres(url, { max: 1, prepare: false, fetch_types: false });
const watched = drizzle(client, { logger: { logQuery: (query, params) => void statements.push({ query, params }) } });
afterAll(() => client.end());

beforeAll(async () => {
  await sql.unsafe(`
    insert into dlo.causes (id, fingerprint, version, title, error_type, first_seen_at) values (md5('cause')::uuid, '', 1, 'cause', 'Error', now());
    insert into dlo.dead_letters (id, namespace, workflow_id, run_id, workflow_type, task_queue, kind, job, queue, status, reason, category,
      error_type, error_message, cause_id, failure, idempotency_key, attempts, deaths, first_failed_at, failed_at, closed_at, keep_until)
    select md5('letter ' || i)::uuid, 'default', 'w-' || i, 'r-' || i, 'job', 'jobs', 'job', 'job-' || i % 30, 'default',
      case when i % 16 = 0 then 'parked' else 'expired' end, 'exhausted', 'data', 'Error', 'message ' || i, md5('cause')::uuid, '{}', 'w-' || i, 3, 1,
      timestamptz '2026-01-01 00:00Z' + i * interval '10 minutes', timestamptz '2026-01-01 00:00Z' + i * interval '10 minutes',
      case when i % 16 <> 0 then timestamptz '2026-02-01 00:00Z' + i * interval '10 minutes' end,
      case when i % 16 <> 0 then timestamptz '2026-05-01 00:00Z' + i * interval '10 minutes' end
    from generate_series(1, ${letters}) i;
    insert into dlo.deaths (id, letter_id, n, namespace, workflow_id, run_id, reason, category, cause_id, error_type, error_message, failure, attempts, died_at)
    select id, id, 1, namespace, workflow_id, run_id, reason, category, cause_id, error_type, error_message, '{}', 3, failed_at from dlo.dead_letters;
    insert into dlo.events (letter_id, namespace, workflow_id, type, position)
    select id, namespace, workflow_id, 'parked', row_number() over (order by id) from dlo.dead_letters;
  `);
  for (const table of ["dead_letters", "deaths", "attempts", "events", "redrives", "redrive_items"])
    await sql.unsafe(`vacuum analyze dlo.${table}`);
});

test.each([
  ["by their keep time", {}],
  ["by an age", { olderThanMs: 200 * 86_400_000 }],
  ["by a filter that a thirtieth fits", { filter: parseFilter("job:job-7") }],
])("letters are picked in the order of closing, by its index: %s", async (_, rule) => {
  const asked = pruneOf({ batch: 100, asOfMs: now, ...rule });
  await beginPrune(watched, asked, "default");
  const first = await pruneBatch(watched, asked, "default");
  expect(first).toMatchObject({ letters: 100 });
  statements.length = 0;
  expect(await pruneBatch(watched, asked, "default", first.after)).toMatchObject({ letters: 100 });
  const [pick, ...others] = statements.filter(({ query }) => /^\s*(select|with)/.test(query));
  expect(others).toHaveLength(1);
  const scans = nodes(await explained(pick!.query, pick!.params)).filter((node) => node["Relation Name"] !== undefined);
  const ofLetters = scans.filter((node) => node["Relation Name"] === "dead_letters");
  expect(ofLetters.map((node) => node["Index Name"])).toEqual(["dead_letters_closed"]);
  // Up to the last one that fits, and no further. By now those that were deleted are passed over, too.
  const looked = ofLetters.map((node) => Number(node["Actual Rows"]) + Number(node["Rows Removed by Filter"] ?? 0));
  expect(Math.max(...looked)).toBeLessThan(letters / 2);
  const whole = scans.filter((node) => node["Node Type"] === "Seq Scan" && !isSmall(node));
  expect(whole).toEqual([]);
});

/** There are no redrives here. */
function isSmall(node: Node): boolean {
  return ["redrives", "redrive_items"].includes(String(node["Relation Name"]));
}

type Node = Readonly<Record<string, unknown>> & { readonly Plans?: readonly Node[] };

async function explained(query: string, params: unknown[]): Promise<Node> {
  const [row] = await client.unsafe(`explain (analyze, format json) ${query}`, params as string[]);
  const plan = row?.["QUERY PLAN"] as string | [{ Plan: Node }];
  const [{ Plan: node }] = (typeof plan === "string" ? JSON.parse(plan) : plan) as [{ Plan: Node }];
  return node;
}

function nodes(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(nodes)];
}
