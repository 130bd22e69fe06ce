import type postgres from "postgres";

/**
 * Counts that differ from what the rows themselves say, all as of one moment; folded or not. `time_counts` outlive the rows, so
 * they are compared only where no letter was deleted.
 */
export async function miscounts(sql: postgres.Sql, { pruned = false } = {}): Promise<string[]> {
  const rows = await sql<{ found: string }[]>`
    with letters as (
      select jsonb_build_array(namespace, kind, job, queue, status, reason, category, error_type, cause_id, retried) as key, sum(n) as n
      from (select namespace, kind, job, queue, status, reason, category, error_type, cause_id, retried, n from dlo.letter_counts
        union all select namespace, kind, job, queue, status, reason, category, error_type, cause_id, retried, n from dlo.letter_deltas) c
      group by 1 having sum(n) <> 0
    ), letters_truly as (
      select jsonb_build_array(namespace, kind, job, queue, status, reason, category, error_type, cause_id, retries > 0) as key, count(*) as n
      from dlo.dead_letters group by 1
    ), by_cause as (
      select jsonb_build_array('cause', namespace, job, status, cause_id) as key, sum(n) as n
      from (select namespace, job, status, cause_id, n from dlo.cause_counts
        union all select namespace, job, status, cause_id, n from dlo.letter_deltas) c group by 1 having sum(n) <> 0
      union all
      select jsonb_build_array('queue', namespace, job, queue, status, category, reason), sum(n)
      from (select namespace, job, queue, status, category, reason, n from dlo.queue_counts
        union all select namespace, job, queue, status, category, reason, n from dlo.letter_deltas) c group by 1 having sum(n) <> 0
    ), by_cause_truly as (
      select jsonb_build_array('cause', namespace, job, status, cause_id) as key, count(*) as n from dlo.dead_letters group by 1
      union all select jsonb_build_array('queue', namespace, job, queue, status, category, reason), count(*) from dlo.dead_letters group by 1
    ), times as (
      select jsonb_build_array(namespace, dimension, value, bucket) as key, sum(n) as n from (
        select namespace, dimension, value, bucket, n from dlo.time_counts
        union all select namespace, d.dimension, d.value, bucket, n from dlo.death_deltas cross join lateral (values ('all', ''),
          ('queue', queue), ('job', job), ('cause', cause_id::text), ('category', category), ('reason', reason)) d (dimension, value)
        union all select namespace, 'attempt_error', error_type, bucket, n from dlo.attempt_deltas) c
      group by 1 having sum(n) <> 0
    ), times_truly as (
      select jsonb_build_array(d.namespace, v.dimension, v.value, dlo.quarter_hour(d.died_at)) as key, count(*) as n
      from dlo.deaths d join dlo.dead_letters l on l.id = d.letter_id cross join lateral (values ('all', ''), ('queue', l.queue),
        ('job', l.job), ('cause', d.cause_id::text), ('category', d.category), ('reason', d.reason)) v (dimension, value) group by 1
      union all
      select jsonb_build_array(l.namespace, 'attempt_error', a.error_type, dlo.quarter_hour(coalesce(a.ended_at, a.started_at, l.failed_at))), count(*)
      from dlo.attempts a join dlo.dead_letters l on l.id = a.letter_id where a.error_type is not null group by 1
    ), builds as (
      select jsonb_build_array(cause_id, build_id) as key, sum(n) as n from (
        select cause_id, build_id, n from dlo.cause_builds union all select cause_id, build_id, n from dlo.death_deltas) c
      group by 1 having sum(n) <> 0
    ), builds_truly as (
      select jsonb_build_array(cause_id, coalesce(build_id, '')) as key, count(*) as n from dlo.deaths group by 1
    )
    select concat('letters ', key, ': ', c.n, ' for ', t.n) as found from letters c full join letters_truly t using (key) where c.n is distinct from t.n
    union all select concat('letters by ', key, ': ', c.n, ' for ', t.n) from by_cause c full join by_cause_truly t using (key)
      where c.n is distinct from t.n
    union all select concat('times ', key, ': ', c.n, ' for ', t.n) from times c full join times_truly t using (key)
      where c.n is distinct from t.n and not ${pruned}
    union all select concat('builds ', key, ': ', c.n, ' for ', t.n) from builds c full join builds_truly t using (key)
      where c.n is distinct from t.n and not ${pruned}`;
  return rows.map(({ found }) => found);
}

/** What folding must leave behind: no delta, and no count of nothing. */
export async function unfolded(sql: postgres.Sql): Promise<{ deltas: number; zeros: number }> {
  const [row] = await sql<[{ deltas: number; zeros: number }]>`
    select ((select count(*) from dlo.letter_deltas) + (select count(*) from dlo.death_deltas) + (select count(*) from dlo.attempt_deltas))::int as deltas,
      ((select count(*) from dlo.letter_counts where n = 0) + (select count(*) from dlo.cause_counts where n = 0)
        + (select count(*) from dlo.queue_counts where n = 0) + (select count(*) from dlo.time_counts where n = 0)
        + (select count(*) from dlo.cause_builds where n = 0))::int as zeros`;
  return row;
}
