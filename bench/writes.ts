import { parseArgs } from "node:util";
import postgres from "postgres";
import { openDatabase } from "../schema/database.ts";
import { switchedIndexes } from "../schema/index-switches.ts";
import { switchIndexes } from "../setup/indexes.ts";
import { openBenchPostgres } from "./bench-postgres.ts";
import { median, ms } from "./measure.ts";
import { markdownTable, recordResults } from "./results-file.ts";
import { seedLetters } from "./seed-letters.ts";

// What indexes cost those who write: `npm run bench:writes`. Each variant has a copy of the same database, and the rounds are
// interleaved.

const { values: flags } = parseArgs({
  options: {
    /** How many letters are there already. */
    letters: { type: "string", default: "100000" },
    folder: { type: "string" },
    rounds: { type: "string", default: "5" },
    dry: { type: "boolean", default: false },
  },
});
const letters = Number(flags.letters);
const rounds = Number(flags.rounds);
const inserted = 3000;
const connections = 10;

type Variant = { readonly name: string; readonly switches: readonly string[]; readonly asked?: number };

const plain: Variant = { name: "btrees alone", switches: [] };
const variants: readonly Variant[] = [
  plain,
  { name: "as they come: and tags, and text of open letters", switches: [], asked: 0.25 },
  { name: "with `payload.order.total`", switches: ["payload.order.total"] },
  { name: "with `payload`", switches: ["payload"] },
  { name: "with `text`", switches: ["text"] },
  { name: "with all three", switches: ["payload.order.total", "payload", "text"] },
];

await using server = await openBenchPostgres(flags.folder);
const { url: template, fresh } = await server.database(`written_${letters}`);
if (fresh) await prepareTemplate();
const prices = await measureIndexes();
console.log(`\n${prices}\n`);
if (!flags.dry)
  recordResults(
    "indexes",
    `${letters.toLocaleString("en")} letters there before; medians of ${rounds} interleaved rounds of ${inserted.toLocaleString("en")} letters, one a transaction, by ${connections} connections`,
    prices,
  );

/** Beside the seeded letters, as many open ones as all rounds insert, ready in a table. */
async function prepareTemplate(): Promise<void> {
  const sql = postgres(template, { max: 2, onnotice: () => undefined });
  await seedLetters(sql, letters, { progress: console.log });
  await sql.unsafe(`
    create table public.next_letter as
      with closed as (select row_number() over () as n, count(*) over () as total, * from dlo.dead_letters where closed_at is not null)
      select nth, closed.* from generate_series(1, ${inserted * (rounds + 1)}) as nth join closed on n = 1 + nth % total;
    alter table public.next_letter drop n, drop total;
    update public.next_letter set id = gen_random_uuid(), workflow_id = 'next/' || nth, status = 'parked', closed_at = null, keep_until = null,
      close_reason = null, failed_at = now() + nth * interval '1 millisecond';
    create unique index on public.next_letter (nth)`);
  await sql.unsafe("vacuum analyze public.next_letter");
  await sql.end();
}

async function measureIndexes(): Promise<string> {
  const opened = [];
  for (const [i, variant] of variants.entries()) {
    const url = await server.copy(`written_${letters}`, `variant_${i}`);
    const sql = postgres(url, { max: connections, onnotice: () => undefined });
    if (variant === plain)
      await sql.unsafe(
        "drop index dlo.dead_letters_open_message, dlo.dead_letters_open_payload, dlo.dead_letters_tags",
      );
    const began = performance.now();
    await switchIndexes(url, { on: variant.switches });
    const buildMs = performance.now() - began;
    await using database = openDatabase(url, { connections: 1 });
    const bytes = (await switchedIndexes(database.db)).reduce((sum, index) => sum + index.bytes, 0);
    opened.push({
      variant,
      sql,
      buildMs,
      bytes,
      rates: [] as number[],
      p99s: [] as number[],
      worsts: [] as number[],
      wals: [] as number[],
    });
  }
  for (let round = 0; round <= rounds; round++) {
    for (const { variant, sql, rates, p99s, worsts, wals } of opened) {
      const done = await insertAll(sql, round);
      // The first warms up.
      if (round === 0) continue;
      rates.push(done.perSecond);
      p99s.push(done.p99);
      worsts.push(done.worst);
      wals.push(done.walBytes);
      console.log(`round ${round}, ${variant.name}: ${done.perSecond.toFixed(0)} letters/s`);
    }
  }
  for (const { sql } of opened) await sql.end();
  const plainRate = median(opened[0]?.rates ?? []);
  return markdownTable(
    ["indexes", "letters/s", "of btrees alone", "asked", "p99, worst (ms)", "WAL a letter", "built in", "size"],
    opened.map(({ variant, rates, p99s, worsts, wals, buildMs, bytes }) => {
      const ratio = median(rates) / plainRate;
      const asked =
        variant.asked === undefined ? "" : `≥ ${variant.asked}: ${ratio >= variant.asked ? "met" : "**missed**"}`;
      return [
        variant.name,
        median(rates).toFixed(0),
        ratio.toFixed(2),
        asked,
        `${ms(median(p99s))}, ${ms(Math.max(...worsts))}`,
        `${(median(wals) / 1000).toFixed(1)} kB`,
        ...(variant.switches.length === 0
          ? ["", ""]
          : [`${(buildMs / 1000).toFixed(1)} s`, `${Math.round(bytes / 2 ** 20)} MB`]),
      ];
    }),
  );
}

type Done = { readonly perSecond: number; readonly p99: number; readonly worst: number; readonly walBytes: number };

/** One letter a transaction, ten at a time. */
async function insertAll(sql: postgres.Sql, round: number): Promise<Done> {
  const columns = await sql<{ name: string }[]>`
    select quote_ident(attname) as name from pg_attribute where attrelid = 'dlo.dead_letters'::regclass and attnum > 0 and not attisdropped`;
  const list = columns.map(({ name }) => name).join(", ");
  const statement = `insert into dlo.dead_letters (${list}) select ${list} from public.next_letter where nth = $1`;
  // A checkpoint makes the next change of each page dearer: all begin with one.
  await sql`checkpoint`;
  const before = await walPosition(sql);
  const times: number[] = [];
  let next = round * inserted;
  const last = next + inserted;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (next < last) {
        const nth = ++next;
        const started = performance.now();
        const { count } = await sql.unsafe(statement, [nth], { prepare: true });
        if (count !== 1) throw new Error(`Letter ${nth} was not written`);
        times.push(performance.now() - started);
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const walBytes = ((await walPosition(sql)) - before) / inserted;
  const sorted = times.toSorted((a, b) => a - b);
  return {
    perSecond: inserted / seconds,
    p99: sorted[Math.floor(sorted.length * 0.99)]!,
    worst: sorted.at(-1)!,
    walBytes,
  };
}

async function walPosition(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<[{ position: string }]>`select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as position`;
  return Number(row.position);
}
