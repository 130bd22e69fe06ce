import { parseArgs } from "node:util";
import { sql as raw } from "drizzle-orm";
import { runMigrations } from "graphile-worker";
import PgBoss from "pg-boss";
import postgres from "postgres";
import { type LetterReader, openReader } from "../client/reader.ts";
import { countedLetters } from "../schema/counted-letters.ts";
import { type OpenDatabase, openDatabase } from "../schema/database.ts";
import { switchIndexes } from "../setup/indexes.ts";
import { openBenchPostgres } from "./bench-postgres.ts";
import { measure, shownTimes, type Times } from "./measure.ts";
import { markdownTable, recordResults } from "./results-file.ts";
import { seedLetters } from "./seed-letters.ts";

// The same questions to pg-boss and graphile-worker, with as many failed jobs in the same Postgres: `npm run bench:peers`.
//
// pg-boss's count by queue and state is the statement of its own monitor. Neither of these versions brings a dashboard: the other
// statements are the plain ones over the tables and views that they document. Both hold the very letters that we hold.

const { values: flags } = parseArgs({
  options: {
    letters: { type: "string", default: "1000000" },
    runs: { type: "string", default: "10" },
    folder: { type: "string" },
    dry: { type: "boolean", default: false },
  },
});
const letters = Number(flags.letters);
const runs = Number(flags.runs);

type Asked = {
  readonly question: string;
  /** Null: its documented tables and views do not say. */
  readonly pgBoss: string | null;
  readonly graphileWorker: string | null;
  readonly ours: (asking: { reader: LetterReader; database: OpenDatabase }, places: Places) => Promise<unknown>;
};

type Places = { readonly thousandth: string };

const rare = "user4711@example";
const bossColumns = "id, name, state, retry_count, created_on, completed_on, data, output";
const failedForGood = "attempts >= max_attempts";

const questions: readonly Asked[] = [
  {
    question: "the newest 50 that failed",
    pgBoss: `select ${bossColumns} from pgboss.job where state = 'failed' order by completed_on desc limit 50`,
    graphileWorker: `select * from graphile_worker.jobs where ${failedForGood} order by updated_at desc limit 50`,
    ours: async ({ reader }) => await reader.list(),
  },
  {
    question: "the same of one queue",
    pgBoss: `select ${bossColumns} from pgboss.job where name = 'payments' and state = 'failed' order by completed_on desc limit 50`,
    graphileWorker: `select * from graphile_worker.jobs where task_identifier = 'charge-card' and ${failedForGood} order by updated_at desc limit 50`,
    ours: async ({ reader }) => await reader.list({ queue: "payments" }),
  },
  {
    question: "page 1,000",
    pgBoss: `select ${bossColumns} from pgboss.job where state = 'failed' order by completed_on desc limit 50 offset 49950`,
    graphileWorker: `select * from graphile_worker.jobs where ${failedForGood} order by updated_at desc limit 50 offset 49950`,
    ours: async ({ reader }, { thousandth }) => await reader.list({}, { after: thousandth }),
  },
  {
    question: "how many by queue and state",
    pgBoss: "select name, state, count(*) size from pgboss.job group by rollup(name), rollup(state)",
    graphileWorker: `select task_identifier, ${failedForGood} as failed, count(*) from graphile_worker.jobs group by 1, 2`,
    ours: async ({ database }) =>
      await database.db.execute(
        raw`select queue, status, category, sum(n) from ${countedLetters({ namespace: "default" }, new Date(), ["queue", "status", "category"])} group by 1, 2, 3`,
      ),
  },
  {
    question: "how many failed",
    pgBoss: "select count(*) from pgboss.job where state = 'failed'",
    graphileWorker: `select count(*) from graphile_worker.jobs where ${failedForGood}`,
    ours: async ({ reader }) => await reader.count(),
  },
  {
    question: "by error, the most first (ours: causes, with trend)",
    pgBoss:
      "select output->>'message' as error, count(*) from pgboss.job where state = 'failed' group by 1 order by 2 desc limit 50",
    graphileWorker: `select last_error, count(*) from graphile_worker.jobs where ${failedForGood} group by 1 order by 2 desc limit 50`,
    ours: async ({ reader }) => await reader.causes.list(),
  },
  {
    question: "a rare text in the error or the input (ours: `text` switched on)",
    pgBoss: `select ${bossColumns} from pgboss.job where state = 'failed' and (output::text ilike '%${rare}%' or data::text ilike '%${rare}%') order by completed_on desc limit 50`,
    graphileWorker: `select * from graphile_worker.jobs where ${failedForGood} and last_error ilike '%${rare}%' order by updated_at desc limit 50`,
    ours: async ({ reader }) => await reader.list({ text: rare }),
  },
  {
    question: "a field of the input (ours: `payload` switched on)",
    pgBoss: `select ${bossColumns} from pgboss.job where state = 'failed' and data->'customer'->>'email' = '${rare}.com' order by completed_on desc limit 50`,
    graphileWorker: null,
    ours: async ({ reader }) =>
      await reader.list({ payload: { path: ["customer", "email"], is: "=", value: `${rare}.com` } }),
  },
  {
    question: "failed per day, 90 days",
    pgBoss: `select date_trunc('day', completed_on, 'Europe/Berlin') as day, count(*) from pgboss.job where state = 'failed' and completed_on > now() - interval '90 days' group by 1 order by 1`,
    graphileWorker: `select date_trunc('day', updated_at, 'Europe/Berlin') as day, count(*) from graphile_worker.jobs where ${failedForGood} and updated_at > now() - interval '90 days' group by 1 order by 1`,
    ours: async ({ reader }) => await reader.stats({}, { by: "day", since: "90 days", timeZone: "Europe/Berlin" }),
  },
];

await using server = await openBenchPostgres(flags.folder);
const { url, fresh } = await server.database(`letters_${letters}`);
const sql = postgres(url, { max: 2, onnotice: () => undefined });
if (fresh) await seedLetters(sql, letters, { progress: console.log });
await fillPgBoss();
await fillGraphileWorker();
await switchIndexes(url, { on: ["text", "payload"] }, console.log);
await using reader = openReader({ databaseUrl: url, namespace: "default", address: "127.0.0.1:1" });
await using database = openDatabase(url, { connections: 1 });
const table = await compare();
console.log(`\n${table}\n`);
await sql.end();
if (!flags.dry)
  recordResults("peers", `${letters.toLocaleString("en")} failed jobs each, ${runs} runs, p50 / p95 in ms`, table);

async function compare(): Promise<string> {
  const places = { thousandth: await placeOfPage(1000) };
  const rows: string[][] = [];
  for (const { question, pgBoss, graphileWorker, ours } of questions) {
    const theirs = async (statement: string | null): Promise<Times | undefined> =>
      statement === null ? undefined : await measure(async () => await sql.unsafe(statement), runs, 1);
    const own = await measure(async () => await ours({ reader, database }, places), runs, 1);
    const [boss, worker] = [await theirs(pgBoss), await theirs(graphileWorker)];
    const times = (other: Times | undefined) => (other === undefined ? "–" : shownTimes(other));
    const ratio = (other: Times | undefined) => (other === undefined ? "–" : (other.p50 / own.p50).toFixed(0));
    rows.push([question, times(boss), times(worker), shownTimes(own), `${ratio(boss)}, ${ratio(worker)}`]);
    console.log(rows.at(-1)?.join(" | "));
  }
  return markdownTable(["question", "pg-boss", "graphile-worker", "ours", "times as long"], rows);
}

async function fillPgBoss(): Promise<void> {
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  await boss.start();
  const queues = await sql<{ queue: string }[]>`select distinct queue from dlo.letter_counts`;
  for (const { queue } of queues) await boss.createQueue(queue);
  await boss.stop({ graceful: false });
  if (await hasRows("pgboss.job")) return;
  console.log("filling pg-boss");
  await sql.unsafe(`
    insert into pgboss.job (id, name, data, state, retry_limit, retry_count, start_after, started_on, created_on, completed_on, keep_until, output, policy)
    select id, queue, payload, 'failed', 2, 2, first_failed_at, failed_at, first_failed_at, failed_at, now() + interval '90 days',
      jsonb_build_object('name', error_type, 'message', error_message, 'stack', stack_trace), 'standard'
    from dlo.dead_letters`);
  await sql.unsafe("vacuum analyze pgboss.job");
}

async function fillGraphileWorker(): Promise<void> {
  await runMigrations({ connectionString: url });
  if (await hasRows("graphile_worker._private_jobs")) return;
  console.log("filling graphile-worker");
  await sql.unsafe(`
    insert into graphile_worker._private_tasks (identifier) select distinct job from dlo.letter_counts;
    insert into graphile_worker._private_jobs (task_id, payload, run_at, attempts, max_attempts, last_error, created_at, updated_at)
    select t.id, l.payload::json, l.failed_at, 3, 3, l.error_message || e'\\n' || l.stack_trace, l.first_failed_at, l.failed_at
    from dlo.dead_letters l join graphile_worker._private_tasks t on t.identifier = l.job`);
  await sql.unsafe("vacuum analyze graphile_worker._private_jobs");
}

async function hasRows(name: string): Promise<boolean> {
  return (await sql.unsafe(`select from ${name} limit 1`)).length > 0;
}

/** Where a page of 50 begins, the first being 1. */
async function placeOfPage(page: number): Promise<string> {
  let after: string | undefined;
  for (let passed = 0; passed < (page - 1) * 50; passed += 999) {
    const { next } = await reader.list({}, { limit: 999, ...(after === undefined ? {} : { after }) });
    if (next === undefined) break;
    after = next;
  }
  if (after === undefined) throw new Error("There are too few letters for a second page");
  return after;
}
