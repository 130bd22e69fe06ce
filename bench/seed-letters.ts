import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { drizzle } from "drizzle-orm/postgres-js";
import type { Sql, TransactionSql } from "postgres";
import postgres from "postgres";
import { foldCounts } from "../schema/fold-counts.ts";
import { causeOfSlot, queueOf, seededCauses, seededJobs } from "./seeded-office.ts";

/*
 * Letters by the million, made by the server itself. The same seed, number and time give the same rows.
 *
 *   90 days, day and night, and six nights in which one cause strikes · 6% open, nearly all of the last 30 days
 *   1.22 deaths a letter, 3 attempts a death · payloads of some 830 bytes · retries and notes signed by people
 *
 * No trigger is switched off: what is counted has gone the way of every other row.
 */

export type SeedOptions = {
  /** @default 1 */
  readonly seed?: number;
  /** The end of the 90 days. @default now */
  readonly now?: Date;
  /** @default "default" */
  readonly namespace?: string;
  /** @default 400 */
  readonly causes?: number;
  /** Takes a line for each step. */
  readonly progress?: (line: string) => void;
};

/** Adds letters with their deaths, attempts and events to a database that is set up, folds the counts, and vacuums. */
export async function seedLetters(sql: Sql, letters: number, options: SeedOptions = {}): Promise<void> {
  const { progress = () => undefined } = options;
  const began = performance.now();
  const connection = await sql.reserve();
  try {
    await prepare(connection, options);
    let analyzed = 0;
    for (let from = 1; from <= letters; from += batchLetters) {
      const to = Math.min(from + batchLetters - 1, letters);
      await connection.unsafe("begin");
      try {
        await connection.unsafe(batch(from, to, letters, options));
        await connection.unsafe("commit");
      } catch (error) {
        await connection.unsafe("rollback");
        throw error;
      }
      // The triggers' plans are only as good as the tables' statistics.
      if (to > analyzed * 3) {
        await connection.unsafe(`analyze ${tables.join(", ")}`);
        analyzed = to;
      }
      progress(`${to} of ${letters} letters, ${seconds(began)} s`);
    }
    await connection.unsafe(causeEvents(options));
  } finally {
    connection.release();
  }
  await foldAll(sql, progress);
  for (const table of [...tables, ...counts]) await sql.unsafe(`vacuum analyze ${table}`);
  progress(`${letters} letters seeded, folded and vacuumed in ${seconds(began)} s`);
}

const batchLetters = 20_000;
const slots = 10_000;
const tables = ["dlo.dead_letters", "dlo.deaths", "dlo.attempts", "dlo.events", "dlo.causes"];
const counts = [
  ...["letter_counts", "cause_counts", "queue_counts", "letter_deltas"],
  ...["time_counts", "death_deltas", "attempt_deltas", "cause_builds"],
].map((name) => `dlo.${name}`);

type Connection = Pick<TransactionSql, "unsafe" | "json">;

async function prepare(connection: Connection, { seed = 1, causes = 400 }: SeedOptions): Promise<void> {
  const all = seededCauses(causes);
  const taken = causeOfSlot(causes, slots);
  await connection.unsafe(`
    set synchronous_commit = off;
    set work_mem = '128MB';
    set random_page_cost = 1.1;
    set plan_cache_mode = force_custom_plan;
    -- All of these are simple enough for the planner to put them in place.
    -- A number from 0 to 1, the same for the same row and purpose.
    create or replace function pg_temp.u(i bigint, what int) returns float8 language sql immutable parallel safe as $$
      select (hashint8extended(i, ${whole(seed)} * 1000 + what) & 9007199254740991)::float8 / 9007199254740992
    $$;
    create or replace function pg_temp.hex(i bigint, what text) returns text language sql immutable parallel safe as $$
      select md5(i::text || '/${whole(seed)}/' || what)
    $$;
    create or replace function pg_temp.id(at timestamptz, i bigint, what text) returns uuid language sql immutable parallel safe as $$
      select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(pg_temp.hex(i, what), 1, 3) || '8' || substr(pg_temp.hex(i, what), 4, 15))::uuid
    $$;
    create or replace function pg_temp.varint(n int) returns bytea language sql immutable parallel safe as $$
      select set_byte(set_byte('\\x0000'::bytea, 0, n & 127 | 128), 1, n >> 7)
    $$;
    -- The serialized Payloads of history: one payload, encoding json/plain, of 128 to 16,000 bytes.
    create or replace function pg_temp.encoded(data bytea) returns bytea language sql immutable parallel safe as $$
      select '\\x0a'::bytea || pg_temp.varint(27 + length(data))
        || '\\x0a160a08656e636f64696e67120a6a736f6e2f706c61696e12'::bytea || pg_temp.varint(length(data)) || data
    $$;
    drop table if exists pg_temp.seed_cause, pg_temp.seed_job;
    create temp table seed_cause (slot int primary key, id uuid, error_type text, category text, message text, frame text, jobs text[]);
    create temp table seed_job (job text primary key, queue text, kind text, retention_ms bigint);`);
  await connection.unsafe(
    `with all_causes as (select * from jsonb_to_recordset($1::text::jsonb)
       as c (id uuid, fingerprint text, title text, "errorType" text, category text, message text, frame text, jobs jsonb, state text)),
     known as (
       insert into dlo.causes (id, fingerprint, version, title, error_type, first_seen_at, state, state_at, state_by, ignored_deaths)
       select id, fingerprint, 1, title, "errorType", now(), state, case when state <> 'open' then now() end,
         case when state <> 'open' then 'ann' end, case when state = 'ignored' then 1000 end
       from all_causes on conflict do nothing),
     numbered as (select *, row_number() over () - 1 as k from all_causes)
     insert into seed_cause
     select s.slot - 1, c.id, c."errorType", c.category, c.message, c.frame, array(select jsonb_array_elements_text(c.jobs))
     from jsonb_array_elements_text($2::text::jsonb) with ordinality as s (k, slot) join numbered c on c.k = s.k::int`,
    [JSON.stringify(all), JSON.stringify(taken)],
  );
  const days = 86_400_000;
  const jobs = seededJobs.map((job, n) => ({
    job,
    queue: queueOf(job),
    kind: n === 28 ? "record" : n >= 26 ? "workflow" : "job",
    retention_ms: [30, 30, 14, 30, 7, 30, 60, null][n % 8]! * days || null,
  }));
  await connection.unsafe(
    `insert into seed_job select * from jsonb_to_recordset($1::text::jsonb) as j (job text, queue text, kind text, retention_ms bigint);
    `,
    [JSON.stringify(jobs)],
  );
  await connection.unsafe("analyze seed_cause; analyze seed_job");
}

/** One batch, as statements of one transaction. Only numbers and our own words are written into it. */
function batch(from: number, to: number, letters: number, options: SeedOptions): string {
  const { seed = 1, now = new Date(), namespace = "default" } = options;
  const end = `timestamptz '${now.toISOString()}'`;
  return `
    create temp table seed_letter on commit drop as
    with timed as (
      select i, x * 90 as day, ${stormNumber} as storm
      from (select i, (i - 0.5) / ${whole(letters)}::float8 as x from generate_series(${whole(from)}::bigint, ${whole(to)}) as i) as i
    ), placed as (
      select i, storm,
        case when storm > 0 then floor(day) + (3 + 0.7 * pg_temp.u(i, 1)) / 24
          -- Fewer at night.
          else day + 0.12 * sin(2 * pi() * day) end as day,
        case when storm > 0 then (storm * 1511) % ${slots} else floor(pg_temp.u(i, 2) * ${slots})::int end as slot
      from timed
    ), drawn as (
      select i, slot, date_trunc('milliseconds', least(${end} - interval '90 days' + day * interval '1 day', ${end} - interval '1 minute')) as first_at,
        case when r < 0.85 then 1 when r < 0.95 then 2 when r < 0.985 then 3 else 4 + floor((r - 0.985) * 200)::int end as deaths
      from placed, lateral (select pg_temp.u(i, 3) as r) as r
    ), filed as (
      select d.*, c.jobs[1 + floor(pg_temp.u(i, 4) * cardinality(c.jobs))::int] as job,
        case when deaths = 1 then interval '0' else least(pg_temp.u(i, 5) * interval '6 hours', (${end} - first_at) * 0.8 / deaths) end as gap
      from drawn d join seed_cause c using (slot)
    ), died as (
      select f.*, j.kind, case when pg_temp.u(i, 6) < 0.85 then j.queue else 'default' end as queue, j.retention_ms,
        date_trunc('milliseconds', first_at + (deaths - 1) * gap) as failed_at
      from filed f join seed_job j using (job)
    ), settled as (
      select d.*, case
          when pg_temp.u(i, 7) < case when first_at > ${end} - interval '30 days' then 0.17 else 0.005 end
            then case when pg_temp.u(i, 8) < 0.02 then 'retrying' else 'parked' end
          when r < 0.2 and failed_at + retention_ms * interval '1 millisecond' < ${end} then 'expired'
          when r < 0.88 then 'recovered' when r < 0.97 then 'discarded' else 'superseded' end as status
      from died d, lateral (select pg_temp.u(i, 9) as r) as r
    )
    select *, pg_temp.id(first_at, i, 'letter') as id, job || '/' || '${whole(seed)}-' || i as workflow_id,
      case when status in ('parked', 'retrying') then null
        when status = 'expired' then failed_at + retention_ms * interval '1 millisecond'
        else date_trunc('milliseconds', failed_at + interval '2 seconds' + least(power(pg_temp.u(i, 10), 4) * interval '10 days', (${end} - failed_at - interval '2 seconds') * pg_temp.u(i, 10))) end as closed_at,
      deaths - 1 + (status in ('recovered', 'retrying'))::int as retries,
      jsonb_build_object(
        'order', jsonb_build_object('id', i, 'total', round((power(pg_temp.u(i, 11), 3) * 5000)::numeric, 2), 'currency', (array['EUR', 'USD', 'INR'])[1 + i % 3],
          'lines', jsonb_build_array(
            jsonb_build_object('sku', 'SKU-' || floor(pg_temp.u(i, 12) * 5000), 'quantity', 1 + i % 4, 'price', round((pg_temp.u(i, 13) * 90)::numeric, 2)),
            jsonb_build_object('sku', 'SKU-' || floor(pg_temp.u(i, 14) * 5000), 'quantity', 1 + i % 3, 'price', round((pg_temp.u(i, 15) * 90)::numeric, 2)))),
        'customer', jsonb_build_object('email', 'user' || i || '@example.com', 'name', initcap(substr(pg_temp.hex(i, 'name'), 1, 9)),
          'country', (array['DE', 'FR', 'IN', 'US', 'NP', 'BR'])[1 + floor(pg_temp.u(i, 16) * 6)::int], 'vip', pg_temp.u(i, 17) < 0.05),
        'year', 1950 + floor(pg_temp.u(i, 18) * 76),
        'note', repeat('please deliver to the back door ', floor(pg_temp.u(i, 19) * 9)::int) || pg_temp.hex(i, 'a'),
        'tokens', (select jsonb_agg(pg_temp.hex(i, 'token' || n)) from generate_series(1, 10) as n)) as payload
    from settled;

    create temp table seed_death on commit drop as
    with struck as (
      select l.i, l.id as letter_id, l.workflow_id, l.job, l.deaths, n, l.i * 16 + n as k, date_trunc('milliseconds', l.first_at + (n - 1) * l.gap) as died_at,
        case when n = l.deaths or pg_temp.u(l.i * 16 + n, 20) < 0.8 then l.slot else floor(pg_temp.u(l.i * 16 + n, 21) * ${slots})::int end as slot
      from seed_letter l, generate_series(1, l.deaths) as n
    ), ended as (
      select s.*, case when r < 0.7 then 'exhausted' when r < 0.9 then 'non_retryable' when r < 0.95 then 'timed_out' when r < 0.98 then 'given_up' else 'lost' end as reason,
        pg_temp.hex(k, 'x') as hex
      from struck s, lateral (select pg_temp.u(k, 22) as r) as r
    )
    -- "offset 0" keeps a text from being made anew wherever it is used.
    select *, sum(attempts) over (partition by i) as all_attempts, jsonb_build_object('type', error_type, 'message', message, 'stack', stack, 'causes', '[]'::jsonb) as failure
    from (
      select *, format(e'%s: %s\\n    at %s (file:///srv/app/dist/%s.js:%s:%s)\\n    at handle (file:///srv/app/dist/handlers/%s.js:%s:11)\\n    at runAttempt (file:///srv/app/node_modules/dead-letter-office/dist/worker/attempt.js:88:20)\\n    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
        error_type, message, frame, lower(frame), k % 400, k % 40, job, k % 90) as stack
      from (
        select e.*, c.id as cause_id, c.error_type, c.category, c.frame,
          replace(replace(replace(c.message, '{n}', (k % 100000)::text), '{id}', substr(hex, 1, 12)), '{host}', '10.0.' || k % 9 || '.' || k % 250) as message,
          case reason when 'exhausted' then case when a < 0.45 then 3 when a < 0.75 then 4 else 5 end when 'timed_out' then 2 else 1 end as attempts,
          'build-' || to_char(died_at, 'IYYY"w"IW') as build_id, 'worker-' || k % 12 || '@pod-' || substr(hex, 1, 4) as worker
        from ended e join seed_cause c using (slot), lateral (select pg_temp.u(k, 23) as a) as a
        offset 0
      ) as d
      offset 0
    ) as d;
    analyze seed_letter;
    analyze seed_death;

    insert into dlo.dead_letters (id, namespace, workflow_id, run_id, workflow_type, task_queue, kind, job, queue, status, reason, category, error_type, error_message,
      cause_id, stack_trace, failure, payload, payload_data, headers, key, idempotency_key, attempts, deaths, retries, first_failed_at, failed_at, expires_at, retried_at,
      closed_at, keep_until, build_id, worker_identity, started_by, batch, trace_id, revision, tags, retention_ms, keep_for_ms)
    select l.id, '${word(namespace)}', l.workflow_id, pg_temp.hex(d.k, 'run')::uuid::text, l.job, 'jobs', l.kind, l.job, l.queue, l.status, d.reason, d.category, d.error_type, d.message,
      d.cause_id, d.stack, d.failure, l.payload, pg_temp.encoded(convert_to(l.payload::text, 'UTF8')), jsonb_build_object('tenant', 'tenant-' || l.i % 50),
      case when l.i % 5 < 3 then 'order-' || l.i / 3 end, l.workflow_id, d.all_attempts, l.deaths, l.retries, l.first_at, l.failed_at,
      -- An office that was kept well has expired all that was due.
      case when l.status = 'parked' and l.retention_ms is not null then greatest(l.failed_at + l.retention_ms * interval '1 millisecond', ${end} + pg_temp.u(l.i, 24) * interval '30 days') end,
      case when l.retries > 0 then coalesce(l.closed_at, l.failed_at) end,
      l.closed_at, l.closed_at + interval '90 days', d.build_id, d.worker, 'api@web-' || l.i % 5, case when l.i % 20 = 0 then 'backfill-' || l.i / 5000 end,
      md5(l.workflow_id), l.deaths + l.retries, array_remove(array[case when pg_temp.u(l.i, 17) < 0.05 then 'vip' end, 'region-' || (array['eu', 'us', 'in'])[1 + l.i % 3]], null),
      l.retention_ms, 7776000000
    from seed_letter l join seed_death d on d.i = l.i and d.n = l.deaths;

    insert into dlo.deaths (id, letter_id, n, namespace, workflow_id, run_id, reason, category, cause_id, error_type, error_message, stack_trace, failure, attempts,
      started_at, died_at, build_id, worker_identity, payload_data)
    select pg_temp.id(died_at, k, 'death'), letter_id, n, '${word(namespace)}', d.workflow_id, pg_temp.hex(k, 'run')::uuid::text, reason, category, cause_id, error_type, message,
      stack, failure, attempts, died_at - attempts * interval '20 seconds', died_at, build_id, worker, pg_temp.encoded(convert_to(l.payload::text, 'UTF8'))
    from seed_death d join seed_letter l using (i);

    insert into dlo.attempts (letter_id, death_n, n, state, error_type, error_message, stack_trace, failure, category, started_at, ended_at, heartbeats, worker_identity, build_id)
    select letter_id, d.n, a, case when reason = 'lost' then 'lost' when reason = 'timed_out' then 'timed_out' else 'failed' end,
      -- What is retried sometimes fails of something else at first.
      case when odd then 'FlakyError' else error_type end, case when odd then 'try again later' else message end, stack, failure, category,
      died_at - (attempts - a + 1) * interval '20 seconds', died_at - (attempts - a) * interval '20 seconds', (k + a) % 3, worker, build_id
    from seed_death d, generate_series(1, attempts) as a, lateral (select a < attempts and pg_temp.u(k * 8 + a, 25) < 0.1 as odd) as o;

    create temp table seed_event on commit drop as
    select l.id as letter_id, l.workflow_id, e.* from seed_letter l join seed_death d on d.i = l.i, lateral (
      select d.died_at as at, case d.n when 1 then 'parked' else 'died_again' end as type, null as by, null as reason, d.cause_id,
        jsonb_build_object('reason', d.reason, 'category', d.category, 'errorType', d.error_type, 'attempts', d.attempts) as data
      union all select d.died_at + l.gap * case type when 'retry_asked' then 0.9 else 0.95 end, type, case type when 'retry_asked' then ${person("d.k")} end, case type when 'retry_asked' then 'the other side is back' end, null, null
        from unnest(array['retry_asked', 'retrying']) as type where d.n < d.deaths
    ) as e
    union all select l.id, l.workflow_id, e.* from seed_letter l, lateral (
      select coalesce(l.closed_at, ${end}) - case type when 'retry_asked' then interval '1 second' else interval '0.5 seconds' end as at, type, case type when 'retry_asked' then ${person("l.i")} end as by, null as reason, null::uuid, null::jsonb
        from unnest(array['retry_asked', 'retrying']) as type where l.status in ('recovered', 'retrying')
      union all select l.closed_at, l.status, case l.status when 'expired' then 'office' when 'discarded' then ${person("l.i")} end, null, null, null where l.closed_at is not null
      union all select l.failed_at + interval '10 minutes', 'noted', ${person("l.i")}, null, null, jsonb_build_object('text', 'asked the partner') where pg_temp.u(l.i, 27) < 0.03
    ) as e;
    with numbered as (select *, row_number() over (order by at, letter_id) as nth from seed_event),
    counted as (update dlo.office set last_position = last_position + (select count(*) from seed_event) returning last_position - (select count(*) from seed_event) as before)
    insert into dlo.events (at, position, letter_id, cause_id, namespace, workflow_id, type, by, reason, data)
    select at, before + nth, letter_id, cause_id, '${word(namespace)}', workflow_id, type, by, reason, data from numbered, counted order by nth;`;
}

/** In which of six nights of a storm a letter died; 0: none. */
const stormNumber = `case when pg_temp.u(i, 28) < 0.35 then coalesce(array_position(array[7, 21, 40, 62, 80, 88], floor(x * 90)::int), 0) else 0 end`;

function person(row: string): string {
  return `(array['ann', 'bob', 'carla', 'deniz'])[1 + (${row}) % 4]`;
}

/** When each cause was first seen is known once the deaths are there. */
function causeEvents({ namespace = "default" }: SeedOptions): string {
  return `
    update dlo.causes c set first_seen_at = d.first_at from (select cause_id, min(died_at) as first_at from dlo.deaths group by 1) as d
    where d.cause_id = c.id and c.first_seen_at > d.first_at;
    with new_event as (
      select c.id, e.*, row_number() over (order by at, id) as nth, count(*) over () as all_events
      from dlo.causes c, lateral (
        select first_seen_at as at, 'cause_new' as type, null as by, '${word(namespace)}' as namespace, jsonb_build_object('title', title, 'errorType', error_type) as data
        union all select state_at, 'cause_' || state, state_by, null, null where state <> 'open'
      ) as e where not exists (select from dlo.events known where known.cause_id = c.id and known.letter_id is null)
    ), counted as (update dlo.office set last_position = last_position + all_events from (select max(all_events) as all_events from new_event) as n
      where all_events > 0 returning last_position - all_events as before)
    insert into dlo.events (at, position, cause_id, namespace, type, by, data)
    select at, before + nth, id, namespace, type, by, data from new_event, counted order by nth;`;
}

type Place = { host: string[]; port: number[]; database: string; user: string; pass: string | null };

async function foldAll(sql: Sql, progress: (line: string) => void): Promise<void> {
  // drizzle changes the parsers of the client that it is given, so it gets one of its own, to the same place.
  const { host, port, database, user, pass } = sql.options as unknown as Place;
  const client = postgres({
    host: host[0]!,
    port: port[0]!,
    database,
    username: user,
    ...(pass ? { password: pass } : {}),
    max: 1,
  });
  try {
    const began = performance.now();
    for (let folded; folded !== 0;) folded = await foldCounts(drizzle(client), 100_000);
    progress(`counts folded in ${seconds(began)} s`);
  } finally {
    await client.end();
  }
}

function whole(value: number): number {
  if (!Number.isSafeInteger(value)) throw new Error(`Expected a whole number, got ${value}`);
  return value;
}

function word(value: string): string {
  if (!/^[\w.-]+$/.test(value)) throw new Error(`Expected a plain name, got ${value}`);
  return value;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      "database-url": { type: "string" },
      letters: { type: "string", default: "100000" },
      seed: { type: "string", default: "1" },
    },
  });
  const url = values["database-url"] ?? process.env["DLO_DATABASE_URL"];
  if (url === undefined)
    throw new Error("Say where: --database-url postgres://… (a database that `dlo setup` has prepared)");
  const sql = postgres(url, { max: 2, onnotice: () => undefined });
  await seedLetters(sql, Number(values.letters), { seed: Number(values.seed), progress: console.log });
  await sql.end();
}
