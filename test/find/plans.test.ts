import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LetterOrder } from "../../model/filter.ts";
import { parseFilter } from "../../model/filter-line.ts";
import { eventsOf } from "../../client/events.ts";
import { countLetters } from "../../schema/count-letters.ts";
import { foldCounts } from "../../schema/fold-counts.ts";
import { listLetters, type ListOptions } from "../../schema/list-letters.ts";
import { switchIndexes } from "../../setup/indexes.ts";
import { testDatabase } from "../setup/postgres.ts";

const opened = await testDatabase();
const { db, sql, url } = opened;
const letters = 20_000;

const statements: { query: string; params: unknown[] }[] = [];
const client = postgres(url, { max: 1 });
const watched = drizzle(client, { logger: { logQuery: (query, params) => void statements.push({ query, params }) } });
afterAll(() => client.end());

beforeAll(async () => {
  await sql.unsafe(`
    insert into dlo.causes (id, fingerprint, version, title, error_type, first_seen_at)
    select md5('cause ' || i)::uuid, i::text, 1, 'cause ' || i, 'Error', now() from generate_series(0, 99) i;
    insert into dlo.dead_letters (id, namespace, workflow_id, run_id, workflow_type, task_queue, kind, job, queue, status, reason, category,
      error_type, error_message, cause_id, failure, payload, key, idempotency_key, attempts, deaths, first_failed_at, failed_at, expires_at, closed_at, tags)
    select md5('letter ' || i)::uuid, 'default', 'w-' || i, 'r-' || i, 'job', 'jobs', 'job', 'job-' || i % 30, 'queue-' || i % 7,
      case when i % 16 = 0 then 'parked' when i % 1000 = 1 then 'superseded' else 'expired' end, 'exhausted',
      case when i % 5 = 0 then 'network' when i % 2000 = 3 then 'resource' else 'data' end,
      'Error' || i % 40, 'the message number ' || i, md5('cause ' || i % 100)::uuid, '{}',
      jsonb_build_object('n', i, 'text', repeat(md5(i::text), 10)), 'key-' || i % 5000, 'w-' || i, 3, 1 + (i % 13) / 12,
      timestamptz '2026-05-01 00:00Z' + i * interval '1 minute', timestamptz '2026-05-01 00:00Z' + i * interval '1 minute',
      case when i % 16 = 0 then timestamptz '2026-07-01 00:00Z' + i % 999 * interval '1 hour' end,
      case when i % 16 <> 0 then timestamptz '2026-06-30 00:00Z' end, case when i % 400 = 0 then array['vip'] else array['usual'] end
    from generate_series(1, ${letters}) i;
    insert into dlo.deaths (id, letter_id, n, namespace, workflow_id, run_id, reason, category, cause_id, error_type, error_message, failure, attempts, died_at)
    select id, id, 1, namespace, workflow_id, run_id, reason, category, cause_id, error_type, error_message, '{}', 3, failed_at from dlo.dead_letters;
    insert into dlo.attempts (letter_id, death_n, n, state, error_type)
    select id, 1, 1, 'failed', case when md5(id::text) < '01' then 'RareError' else error_type end from dlo.dead_letters;
  `);
  // Of 20 letters, and of a cause with 200.
  await sql.unsafe(`
    insert into dlo.events (letter_id, namespace, workflow_id, type, position)
    select md5('letter ' || i)::uuid, 'default', 'w-' || i, 'parked', i from generate_series(1, 19) i;
    insert into dlo.events (cause_id, type, position) values (md5('cause 5')::uuid, 'cause_noted', 20);
    update dlo.office set last_position = 20;
  `);
  while ((await foldCounts(db)) > 0);
  for (const table of ["dead_letters", "deaths", "attempts", "letter_counts"])
    await sql.unsafe(`vacuum analyze dlo.${table}`);
});

test.for<[line: string, order: LetterOrder, index: string]>([
  ["", "newest", "dead_letters_newest"],
  ["namespace:default", "newest", "dead_letters_newest"],
  ["", "oldest", "dead_letters_newest"],
  ["", "deaths", "dead_letters_most_deaths"],
  ["", "expiring", "dead_letters_open_expiring"],
  ["status:open", "newest", "dead_letters_open_newest"],
  ["-status:closed", "oldest", "dead_letters_open_newest"],
  ["status:parked", "newest", "dead_letters_open_newest"],
  ["job:job-3", "newest", "dead_letters_by_job"],
  ["queue:queue-2", "newest", "dead_letters_by_queue"],
  ["key:key-77", "newest", "dead_letters_by_key"],
  ["failed:2026-05-03", "newest", "dead_letters_newest"],
  ["workflow-id:w-77", "newest", "deaths_once"],
  ["any-error:RareError", "newest", "attempts_by_error"],
  ["tag:vip", "newest", "dead_letters_tags"],
  ['status:open "message number 19200"', "newest", "dead_letters_open_message"],
  ["status:open category:data error:Error*", "newest", "dead_letters_open_newest"],
  ["job:job-5 category:network", "newest", "dead_letters_by_cause"],
  ["category:resource status:expired error:Error3", "newest", "dead_letters_by_cause"],
  ["category:resource", "newest", "dead_letters_by_cause"],
  ["category:data status:expired", "newest", "dead_letters_newest"],
])("the page of %j, %s first, comes by %s, and no page reads the table", async ([line, order, index]) => {
  const plans = await plansOf(async () => await listLetters(watched, parseFilter(line), { order, rows: 5 }));
  expectIndexed(plans, index);
  expectBounded(plans, 10_000);
});

test("the cause of a letter has its index, too", async () => {
  const [row] = await sql<{ id: string }[]>`select md5('cause 5')::uuid as id`;
  const plans = await plansOf(async () => await listLetters(watched, { cause: row!.id }, { rows: 5 }));
  expectIndexed(plans, "dead_letters_by_cause");
  expectBounded(plans, 10);
});

const bounds = { entries: 2000, rows: 300 };

test.for<[line: string, options: ListOptions, most: number]>([
  ["payload.nothing=1", {}, bounds.rows],
  ["payload.n>=1000000", {}, bounds.rows],
  ["job:job-3 payload.nothing", {}, bounds.rows],
  ["category:data payload.nothing", {}, bounds.rows],
  ["build:none", {}, bounds.rows],
  ['"no such text"', {}, bounds.rows],
  ['status:open "---"', {}, bounds.rows],
  ["status:open payload.nothing", {}, bounds.rows],
  ["deaths:>=3 category:data", {}, bounds.entries],
  ["deaths:>=3 status:closed", { order: "oldest" }, bounds.entries],
  ["payload.nothing", { order: "deaths" }, bounds.rows],
  ["payload.nothing", { order: "expiring" }, bounds.rows],
  ["tag:usual payload.nothing", {}, bounds.rows * 2],
])("one page of %j with %j looks at a bounded number of letters, and goes on", async ([line, options, most]) => {
  const plans = await plansOf(async () => {
    const page = await listLetters(watched, parseFilter(line), { ...options, rows: 5, bounds });
    expect(page).toMatchObject({ letters: [], complete: false, next: expect.any(String) });
  });
  expectBounded(plans, most);
  const counting = await plansOf(async () => {
    const { count, exact } = await countLetters(watched, parseFilter(line), { bounds });
    expect({ count, exact }).toEqual({ count: 0, exact: false });
  });
  expectBounded(counting, most);
});

test.for(["-any-error:Error*", "-any-error:Error3", "any-error:Error* payload.nothing", "job:job-3 -any-error:Error*"])(
  "one page of %j looks at the attempts of its letters alone",
  async (line) => {
    const plans = await plansOf(async () => {
      await listLetters(watched, parseFilter(line), { rows: 5, bounds });
      await countLetters(watched, parseFilter(line), { bounds });
    });
    expectBounded(plans, bounds.rows, "attempts");
  },
);

test.for<[line: string, found: number]>([
  ["any-error:Error*", 20],
  ["any-error:NoSuchError", 0],
  ["-any-error:*Error*", 0],
])("a page of events of %j looks at the attempts of its letters alone", async ([line, found]) => {
  const events = eventsOf({
    namespace: "default",
    database: () => ({ ...opened, db: watched }),
    closing: new AbortController().signal,
  });
  const plans = await plansOf(async () => expect((await events.list({ filter: line })).events).toHaveLength(found));
  expectBounded(plans, 20 + 200, "attempts");
});

test("a walk over what the index by time carries reads nothing else", async () => {
  const plans = await plansOf(
    async () => await listLetters(watched, parseFilter("namespace:default deaths:>=3 category:data"), { rows: 5 }),
  );
  const scans = plans.flatMap(({ node }) => nodes(node)).filter((node) => node["Index Name"] === "dead_letters_newest");
  expect(scans.length).toBeGreaterThan(0);
  for (const scan of scans) expect(scan).toMatchObject({ "Node Type": "Index Only Scan", "Heap Fetches": 0 });
});

test.for([
  "",
  "status:open",
  "job:job-3 category:network",
  "error:Error1* needs-person:yes -queue:queue-1",
  "retried:no kind:job",
])("the count of %j reads the counts alone", async (line) => {
  const plans = await plansOf(async () => expect((await countLetters(watched, parseFilter(line))).exact).toBe(true));
  expect(plans.flatMap(({ node }) => nodes(node)).filter((node) => node["Relation Name"] === "dead_letters")).toEqual(
    [],
  );
});

test("what the counts say is nowhere is not looked for", async () => {
  const plans = await plansOf(async () => {
    expect(await listLetters(watched, parseFilter("category:auth job:job-3"))).toEqual({ letters: [], complete: true });
  });
  expect(plans.flatMap(({ node }) => nodes(node)).filter((node) => node["Relation Name"] === "dead_letters")).toEqual(
    [],
  );
});

test("with the indexes of dlo setup switched on, what is rare is found by them, and what is common by a walk", async () => {
  await switchIndexes(url, { on: ["text", "payload", "payload.n"] });
  const page = async (line: string) =>
    await plansOf(async () => await listLetters(watched, parseFilter(line), { rows: 5, bounds }));
  expectIndexed(await page('"message number 19201"'), "dead_letters_message_text");
  expectIndexed(await page('"message number 19201" job:job-1'), "dead_letters_message_text");
  expectIndexed(await page("payload.n=77"), "dead_letters_payload");
  const [path] = await sql<
    { name: string }[]
  >`select indexname as name from pg_indexes where indexname like 'dead_letters_at_n%'`;
  const rare = await page("payload.n>=19990");
  expectIndexed(rare, path!.name);
  expectBounded(rare, bounds.rows);
  const half = await page("payload.n>=10000");
  expect(half.flatMap(({ node }) => nodes(node)).map((node) => node["Index Name"])).toContain("dead_letters_newest");
  expectBounded(half, bounds.rows);
});

type Node = Readonly<Record<string, unknown>> & { readonly Plans?: readonly Node[] };
type Plan = { readonly query: string; readonly node: Node };

/** Runs it, and then each of its statements once more under `explain`, with the settings that it made. */
async function plansOf(work: () => Promise<unknown>): Promise<Plan[]> {
  statements.length = 0;
  await work();
  const asked = statements.filter(({ query }) => /^\s*select/.test(query));
  return await client.begin(async (tx) => {
    const plans: Plan[] = [];
    for (const { query, params } of asked) {
      if (query.includes("set_config")) await tx.unsafe(query, params as string[]);
      else plans.push({ query, node: await explained(tx, query, params) });
    }
    return plans;
  });
}

async function explained(tx: postgres.TransactionSql, query: string, params: unknown[]): Promise<Node> {
  const [row] = await tx.unsafe(`explain (analyze, format json) ${query}`, params as string[]);
  const plan = row?.["QUERY PLAN"] as string | [{ Plan: Node }];
  const [{ Plan: node }] = (typeof plan === "string" ? JSON.parse(plan) : plan) as [{ Plan: Node }];
  return node;
}

function nodes(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(nodes)];
}

/** Each statement for itself reads no more letters, or other rows, than this. */
function expectBounded(plans: readonly Plan[], most: number, table = "dead_letters"): void {
  const read = plans.flatMap(({ query, node }) =>
    scansOf(node, table).map((scan) => ({
      query,
      scan: scan["Node Type"],
      rows: (Number(scan["Actual Rows"]) + Number(scan["Rows Removed by Filter"] ?? 0)) * Number(scan["Actual Loops"]),
    })),
  );
  expect(read.filter(({ rows }) => rows > most + 1)).toEqual([]);
}

function expectIndexed(plans: readonly Plan[], index: string): void {
  const all = plans.flatMap(({ node }) => nodes(node));
  expect(all.map((node) => node["Index Name"])).toContain(index);
  expect(plans.flatMap(({ node }) => scansOf(node)).filter((scan) => scan["Node Type"] === "Seq Scan")).toEqual([]);
}

function scansOf(node: Node, table = "dead_letters"): Node[] {
  return nodes(node).filter((one) => one["Relation Name"] === table);
}
