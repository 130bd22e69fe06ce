import { beforeAll, expect, test } from "vitest";
import { serializePayloads, shownInput } from "../../activities/stored-payloads.ts";
import { seedLetters } from "../../bench/seed-letters.ts";
import { testDatabase } from "../setup/postgres.ts";
import { miscounts, unfolded } from "./recount.ts";
import proto from "@temporalio/proto";

// The speed of everything is measured on these letters: they had better be what a real office would have written.

const { sql } = await testDatabase();
const again = await testDatabase();
const now = new Date("2026-11-01T12:00:00Z");

beforeAll(async () => {
  await seedLetters(sql, 2000, { seed: 7, now });
  await seedLetters(again.sql, 2000, { seed: 7, now });
});

test("the counts equal a recount, and all are folded", async () => {
  expect(await miscounts(sql)).toEqual([]);
  expect(await unfolded(sql)).toEqual({ deltas: 0, zeros: 0 });
});

test("the same seed makes the same rows", async () => {
  for (const table of ["dead_letters", "deaths", "attempts", "events", "letter_counts", "time_counts"]) {
    const digest = `select count(*)::int as rows, md5(string_agg(md5(t::text), '' order by md5(t::text))) as digest from
      (select ${table === "events" ? "at, letter_id, cause_id, type, by, data" : "*"} from dlo.${table} where ${table === "events" ? "letter_id is not null" : "true"}) as t`;
    const [one] = await sql.unsafe(digest);
    expect(await again.sql.unsafe(digest)).toEqual([one]);
    expect(one!["rows"]).toBeGreaterThan(0);
  }
});

test("letters are as skewed as they are said to be", async () => {
  const [share] = await sql`
    select count(*)::int as letters, avg((closed_at is null)::int)::float as open, avg(deaths)::float as deaths, avg(length(payload::text))::float as payload,
      count(distinct job)::int as jobs, count(distinct queue)::int as queues, count(distinct status)::int as statuses,
      (extract(epoch from max(failed_at) - min(first_failed_at)) / 86400)::float as days
    from dlo.dead_letters`;
  expect(share).toMatchObject({ letters: 2000, jobs: 30, queues: 8, statuses: 6 });
  expect(share!["open"]).toBeCloseTo(0.06, 1);
  expect(share!["deaths"]).toBeCloseTo(1.22, 1);
  expect(Math.abs((share!["payload"] as number) - 830)).toBeLessThan(50);
  expect(share!["days"]).toBeGreaterThan(88);
  const [largest] = await sql`
    select (count(*) / sum(count(*)) over ())::float as share from dlo.dead_letters group by cause_id order by 1 desc limit 1`;
  expect(largest!["share"]).toBeCloseTo(0.12, 1);
  const [attempts] =
    await sql`select (count(*) / (select count(*) from dlo.deaths)::float) as a_death from dlo.attempts`;
  expect(attempts!["a_death"]).toBeCloseTo(3, 0);
});

test("a letter agrees with its deaths, its attempts and its events", async () => {
  const wrong = await sql`
    select l.id from dlo.dead_letters l
    join lateral (select count(*) as n, sum(attempts) as attempts, min(died_at) as first_at, max(died_at) as last_at,
      (array_agg(cause_id order by d.n desc))[1] as cause_id, (array_agg(run_id order by d.n desc))[1] as run_id from dlo.deaths d where d.letter_id = l.id) d on true
    join lateral (select count(*) as n from dlo.attempts a where a.letter_id = l.id) a on true
    join lateral (select count(*) filter (where type in ('parked', 'died_again')) as deaths, count(*) filter (where type = 'retrying') as retries,
      (array_agg(type order by id desc))[1] as last from dlo.events e where e.letter_id = l.id and type <> 'noted') e on true
    where (l.deaths, l.attempts, l.first_failed_at, l.failed_at, l.cause_id, l.run_id) is distinct from (d.n, d.attempts, d.first_at, d.last_at, d.cause_id, d.run_id)
      or a.n <> l.attempts or e.deaths <> l.deaths or e.retries <> l.retries or l.failed_at > ${now} or coalesce(l.closed_at > ${now}, false)
      or l.closed_at < l.failed_at or (l.closed_at is not null and e.last <> l.status)`;
  expect(wrong).toEqual([]);
});

test("events are numbered without a gap, and causes know when they began", async () => {
  const [numbered] = await sql`
    select (min(position), max(position), count(distinct position)) = (1, count(*), count(*)) as all, max(position) = (select last_position from dlo.office) as last,
      count(*) filter (where by is not null and by <> 'office') > 100 as signed from dlo.events`;
  expect(numbered).toEqual({ all: true, last: true, signed: true });
  const [causes] = await sql`
    select count(*)::int as causes, count(*) filter (where exists (select from dlo.events e where e.cause_id = c.id and e.type = 'cause_new'))::int as said,
      count(*) filter (where first_seen_at > (select min(died_at) from dlo.deaths d where d.cause_id = c.id))::int as late from dlo.causes c`;
  expect(causes).toEqual({ causes: 400, said: 400, late: 0 });
});

test("the encoded payload is the payload, as Temporal's history would have it", async () => {
  const rows = await sql`select payload, payload_data from dlo.dead_letters order by id limit 50`;
  for (const { payload, payload_data: data } of rows) {
    const { payloads } = proto.temporal.api.common.v1.Payloads.decode(data as Uint8Array);
    expect(await shownInput(payloads, [])).toEqual(payload);
    expect(serializePayloads(payloads).equals(data as Uint8Array)).toBe(true);
  }
});

test("more of another seed come on top", async () => {
  await seedLetters(sql, 100, { seed: 8, now });
  const [row] = await sql`select count(*)::int as letters from dlo.dead_letters`;
  expect(row).toEqual({ letters: 2100 });
  expect(await miscounts(sql)).toEqual([]);
});
