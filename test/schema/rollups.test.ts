import fc from "fast-check";
import { expect, test } from "vitest";
import { parkDeath } from "../../schema/park-death.ts";
import { foldCounts } from "../../schema/fold-counts.ts";
import { testDatabase } from "../setup/postgres.ts";
import { causeNamed, deathOf, diedAt } from "./deaths.ts";

// Counts are what a recount says, after any history and at every moment of it: before, between and after the office's folds.

const { db, sql } = await testDatabase();

type Step =
  | { readonly do: "die"; readonly letter: number; readonly death: Death }
  | { readonly do: "close"; readonly letter: number; readonly as: string }
  | { readonly do: "retry"; readonly letter: number }
  | { readonly do: "prune"; readonly letter: number }
  | { readonly do: "regroup"; readonly from: number; readonly to: number }
  | { readonly do: "fold"; readonly limit: number }
  | { readonly do: "roll back"; readonly letter: number };

type Death = {
  readonly job: string;
  readonly queue: string;
  readonly category: "network" | "data";
  readonly reason: "exhausted" | "given_up";
  readonly cause: number;
  readonly build: string | undefined;
  readonly errorType: string;
  readonly atMs: number;
};

const letter = fc.nat(5);
const cause = fc.nat(2);
const death: fc.Arbitrary<Death> = fc.record({
  job: fc.constantFrom("import-movie", "send-mail"),
  queue: fc.constantFrom("default", "mail"),
  category: fc.constantFrom("network", "data"),
  reason: fc.constantFrom("exhausted", "given_up"),
  cause,
  build: fc.constantFrom("v1", "v2", undefined),
  errorType: fc.constantFrom("TypeError", "ECONNRESET"),
  atMs: fc.integer({ min: 0, max: 90 }).map((minutes) => diedAt + minutes * 60_000),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("die" as const), letter, death }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("close" as const), letter, as: fc.constantFrom("recovered", "discarded") }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("retry" as const), letter }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("prune" as const), letter }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("regroup" as const), from: cause, to: cause }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("fold" as const), limit: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("roll back" as const), letter }) },
);

test("letters, deaths, failed attempts and builds are counted as a recount counts them, after every step", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
      await sql`truncate dlo.dead_letters, dlo.deaths, dlo.attempts, dlo.events, dlo.causes, dlo.letter_counts, dlo.cause_counts, dlo.queue_counts, dlo.letter_deltas,
        dlo.time_counts, dlo.death_deltas, dlo.attempt_deltas, dlo.cause_builds restart identity cascade`;
      // What pruning takes away stays counted, so it is kept here as well.
      await sql`create table if not exists public.ever_died (like dlo.deaths, job text, queue text)`;
      await sql`create table if not exists public.ever_failed (namespace text, at timestamptz, error_type text)`;
      await sql`truncate public.ever_died, public.ever_failed`;
      for (const one of steps) {
        await take(one);
        await expectRecounted();
      }
      while ((await foldCounts(db, 1000)) > 0);
      await expectRecounted();
      expect(
        await sql`select from dlo.letter_deltas union all select from dlo.death_deltas union all select from dlo.attempt_deltas`,
      ).toHaveLength(0);
      expect(
        await sql`select from dlo.letter_counts where n <= 0 union all select from dlo.time_counts where n <= 0`,
      ).toHaveLength(0);
    }),
    { numRuns: 40 },
  );
}, 240_000);

async function take(step: Step): Promise<void> {
  switch (step.do) {
    case "die":
      return await die(step.letter, step.death);
    case "close":
      return void (await sql`
        update dlo.dead_letters set status = ${step.as}, closed_at = now(), expires_at = null
        where workflow_id = ${`job-${step.letter}`} and closed_at is null`);
    case "retry":
      return void (await sql`
        update dlo.dead_letters set status = case status when 'parked' then 'retrying' else 'parked' end, expires_at = null, retries = retries + 1
        where workflow_id = ${`job-${step.letter}`} and closed_at is null`);
    case "prune":
      return void (await sql`delete from dlo.dead_letters where workflow_id = ${`job-${step.letter}`} and closed_at is not null`);
    case "regroup": {
      const [from, to] = [causeNamed(`cause ${step.from}`), causeNamed(`cause ${step.to}`)];
      await sql`
        insert into dlo.causes (id, fingerprint, version, title, error_type, first_seen_at)
        values (${to.id}, ${to.fingerprint}, 1, ${to.title}, 'TypeError', now()) on conflict do nothing`;
      await sql`update dlo.deaths set cause_id = ${to.id} where cause_id = ${from.id}`;
      await sql`update dlo.dead_letters set cause_id = ${to.id} where cause_id = ${from.id}`;
      return void (await sql`
        update public.ever_died e set cause_id = ${to.id} where cause_id = ${from.id}
          and exists (select from dlo.deaths d where d.id = e.id)`);
    }
    case "fold":
      return void (await foldCounts(db, step.limit));
    case "roll back":
      return await sql
        .begin(async (tx) => {
          await tx`update dlo.dead_letters set retries = retries + 1 where workflow_id = ${`job-${step.letter}`}`;
          await tx`update dlo.deaths set cause_id = cause_id`;
          throw new Error("rolled back");
        })
        .catch(() => undefined);
  }
}

async function die(number: number, { cause: causeNumber, build, errorType, atMs, ...said }: Death): Promise<void> {
  const plain = deathOf(`job-${number}`);
  const error = { ...plain.error, type: errorType };
  const { letter: parked } = await parkDeath(db, {
    ...plain,
    ...said,
    error,
    cause: causeNamed(`cause ${causeNumber}`),
    attempts: plain.attempts.map((attempt) => ({ ...attempt, error, endedAtMs: atMs })),
    diedAtMs: atMs,
    ...(build === undefined ? {} : { buildId: build }),
  });
  await sql`
    insert into public.ever_died select d.*, l.job, l.queue from dlo.deaths d join dlo.dead_letters l on l.id = d.letter_id
    where d.letter_id = ${parked.id} and d.n = ${parked.deaths}`;
  await sql`
    insert into public.ever_failed select 'default', ended_at, error_type from dlo.attempts
    where letter_id = ${parked.id} and death_n = ${parked.deaths} and error_type is not null`;
}

async function expectRecounted(): Promise<void> {
  const facets = sql`namespace, kind, job, queue, status, reason, category, error_type, cause_id`;
  const differing = await sql`
    with counted as (select ${facets}, retried, letters from dlo.letters_by_facet),
    recounted as (select ${facets}, retries > 0, count(*) from dlo.dead_letters group by ${facets}, retries > 0),
    timed as (select dimension, value, bucket, n from dlo.death_counts),
    retimed as (
      select dimension, value, dlo.quarter_hour(died_at), count(*) from public.ever_died
      cross join lateral (values ('all', ''), ('queue', queue), ('job', job), ('cause', cause_id::text), ('category', category), ('reason', reason)) as d (dimension, value)
      group by 1, 2, 3
      union all select 'attempt_error', error_type, dlo.quarter_hour(at), count(*) from public.ever_failed group by 2, 3
    ),
    built as (
      select cause_id, build_id, sum(n) as n from (
        select cause_id, build_id, n from dlo.cause_builds union all select cause_id, build_id, n from dlo.death_deltas
      ) as both_kinds group by 1, 2 having sum(n) <> 0
    ),
    rebuilt as (select cause_id, coalesce(build_id, ''), count(*) from public.ever_died group by 1, 2)
    select 'letters' as what, row_to_json(x)::text as row from ((table counted except table recounted) union all (table recounted except table counted)) as x
    union all
    select 'deaths', row_to_json(x)::text from ((table timed except table retimed) union all (table retimed except table timed)) as x
    union all
    select 'builds', row_to_json(x)::text from ((table built except table rebuilt) union all (table rebuilt except table built)) as x`;
  expect([...differing]).toEqual([]);
}
