CREATE INDEX "time_counts_by_time" ON "dlo"."time_counts" USING btree ("dimension","bucket","value");--> statement-breakpoint
create view dlo.letters_by_facet as
select namespace, kind, job, queue, status, status in ('parked', 'retrying') as open, reason, category,
  category in ('data', 'auth', 'code', 'lost', 'unknown') as needs_person, error_type, cause_id, retried, sum(n)::bigint as letters
from (
  select namespace, kind, job, queue, status, reason, category, error_type, cause_id, retried, n from dlo.letter_counts
  union all
  select namespace, kind, job, queue, status, reason, category, error_type, cause_id, retried, n from dlo.letter_deltas
) as counted
group by namespace, kind, job, queue, status, reason, category, error_type, cause_id, retried
having sum(n) <> 0;
--> statement-breakpoint
create view dlo.death_counts as
select namespace, dimension, value, bucket, sum(n)::bigint as n
from (
  select namespace, dimension, value, bucket, n from dlo.time_counts
  union all
  select namespace, d.dimension, d.value, bucket, n from dlo.death_deltas
  cross join lateral (values ('all', ''), ('queue', queue), ('job', job), ('cause', cause_id::text),
    ('category', category), ('reason', reason)) as d (dimension, value)
  union all
  select namespace, 'attempt_error', error_type, bucket, n from dlo.attempt_deltas
) as counted
group by namespace, dimension, value, bucket
having sum(n) <> 0;
--> statement-breakpoint
create view dlo.daily_deaths as
with counted as (
  select namespace, bucket::date as day, sum(n)::bigint as deaths
  from dlo.death_counts where dimension = 'all' group by 1, 2
),
days as (
  select namespace, generate_series(min(day)::timestamp, greatest(max(day), current_date)::timestamp, interval '1 day')::date as day
  from counted group by namespace
)
select namespace, day, coalesce(deaths, 0) as deaths
from days left join counted using (namespace, day);
--> statement-breakpoint
create view dlo.hourly_deaths as
with counted as (
  select namespace, bucket, n from dlo.death_counts where dimension = 'all'
),
spans as (
  select namespace, min(bucket) as first, greatest(max(bucket), now()) as last from counted group by namespace
),
-- By quarters, as clocks may be set by half an hour.
quarters as (
  select namespace, generate_series(first, last, interval '15 minutes') as bucket from spans
)
select namespace, date_trunc('hour', bucket) as hour, coalesce(sum(n), 0)::bigint as deaths
from quarters left join counted using (namespace, bucket)
group by 1, 2;
--> statement-breakpoint
create view dlo.deaths_by_job as
with letters as (
  select namespace, job, sum(letters)::bigint as letters, coalesce(sum(letters) filter (where open), 0)::bigint as open,
    coalesce(sum(letters) filter (where status = 'recovered'), 0)::bigint as recovered,
    coalesce(sum(letters) filter (where not open), 0)::bigint as closed
  from dlo.letters_by_facet group by 1, 2
),
died as (
  select namespace, value as job, sum(n)::bigint as deaths,
    coalesce(sum(n) filter (where bucket > now() - interval '24 hours'), 0)::bigint as deaths_last_day,
    coalesce(sum(n) filter (where bucket > now() - interval '7 days'), 0)::bigint as deaths_last_week
  from dlo.death_counts where dimension = 'job' group by 1, 2
)
select namespace, job, coalesce(deaths, 0) as deaths, coalesce(deaths_last_day, 0) as deaths_last_day,
  coalesce(deaths_last_week, 0) as deaths_last_week, coalesce(letters, 0) as letters, coalesce(open, 0) as open,
  coalesce(recovered, 0) as recovered, round(recovered::numeric / nullif(closed, 0), 4) as recovered_share
from died full join letters using (namespace, job);
--> statement-breakpoint
create view dlo.error_groups as
with letters as (
  select namespace, cause_id, sum(letters)::bigint as letters, coalesce(sum(letters) filter (where open), 0)::bigint as open,
    coalesce(sum(letters) filter (where status = 'recovered'), 0)::bigint as recovered,
    array_agg(distinct job order by job) as jobs, array_agg(distinct category order by category) as categories
  from dlo.letters_by_facet group by 1, 2
),
died as (
  select namespace, value::uuid as cause_id, sum(n)::bigint as deaths,
    coalesce(sum(n) filter (where bucket > now() - interval '24 hours'), 0)::bigint as deaths_last_day
  from dlo.death_counts where dimension = 'cause' group by 1, 2
),
seen as (
  select cause_id, max(last_at) as last_seen_at,
    array_agg(distinct build_id order by build_id) filter (where build_id <> '') as builds
  from (
    select cause_id, build_id, last_at from dlo.cause_builds where n > 0
    union all
    select cause_id, build_id, last_at from dlo.death_deltas where n > 0
  ) as built
  group by cause_id
)
select namespace, cause_id, c.title, c.error_type,
  case when c.state = 'ignored' and c.ignored_until <= now() then 'open' else c.state end as state, c.owner,
  coalesce(deaths, 0) as deaths, coalesce(deaths_last_day, 0) as deaths_last_day,
  coalesce(letters, 0) as letters, coalesce(open, 0) as open, coalesce(recovered, 0) as recovered,
  coalesce(jobs, '{}') as jobs, coalesce(categories, '{}') as categories, c.first_seen_at, s.last_seen_at,
  coalesce(s.builds, '{}') as builds,
  array(
    select l.id from dlo.dead_letters l where l.cause_id = c.id and l.namespace = grouped.namespace
    order by l.failed_at desc, l.id desc limit 3
  ) as sample_ids
from died full join letters using (namespace, cause_id) as grouped
join dlo.causes c on c.id = cause_id
left join seen s using (cause_id);
--> statement-breakpoint
create view dlo.queue_health as
with letters as (
  select namespace, queue, sum(letters)::bigint as letters, coalesce(sum(letters) filter (where open), 0)::bigint as open,
    coalesce(sum(letters) filter (where open and needs_person), 0)::bigint as needs_person,
    coalesce(sum(letters) filter (where open and not needs_person), 0)::bigint as transient,
    coalesce(sum(letters) filter (where open and not retried), 0)::bigint as not_retried,
    coalesce(sum(letters) filter (where status = 'retrying'), 0)::bigint as retrying,
    coalesce(sum(letters) filter (where not open), 0)::bigint as closed,
    coalesce(sum(letters) filter (where status = 'recovered'), 0)::bigint as recovered,
    coalesce(sum(letters) filter (where not open and retried), 0)::bigint as closed_after_retry,
    coalesce(sum(letters) filter (where status = 'recovered' and retried), 0)::bigint as recovered_by_retry
  from dlo.letters_by_facet group by 1, 2
),
categories as (
  select namespace, queue, jsonb_object_agg(category, letters) as open_by_category
  from (select namespace, queue, category, sum(letters) as letters from dlo.letters_by_facet where open group by 1, 2, 3) as by_category
  group by 1, 2
),
died as (
  select namespace, value as queue, sum(n)::bigint as deaths,
    coalesce(sum(n) filter (where bucket > now() - interval '1 hour'), 0)::bigint as deaths_last_hour,
    coalesce(sum(n) filter (where bucket > now() - interval '24 hours'), 0)::bigint as deaths_last_day
  from dlo.death_counts where dimension = 'queue' group by 1, 2
),
waiting as (
  select namespace, queue, min(failed_at) as oldest_open_at, max(failed_at) as newest_open_at, min(expires_at) as next_expiry_at
  from dlo.dead_letters where closed_at is null group by 1, 2
)
select namespace, queue, coalesce(letters, 0) as letters, coalesce(open, 0) as open, coalesce(needs_person, 0) as needs_person,
  coalesce(transient, 0) as transient, coalesce(not_retried, 0) as not_retried, coalesce(retrying, 0) as retrying,
  coalesce(open_by_category, '{}') as open_by_category, oldest_open_at, newest_open_at, next_expiry_at,
  coalesce(deaths, 0) as deaths, coalesce(deaths_last_hour, 0) as deaths_last_hour, coalesce(deaths_last_day, 0) as deaths_last_day,
  coalesce(recovered, 0) as recovered, round(recovered::numeric / nullif(closed, 0), 4) as recovered_share,
  round(recovered_by_retry::numeric / nullif(closed_after_retry, 0), 4) as retry_success_share
from died full join letters using (namespace, queue)
left join categories using (namespace, queue)
left join waiting using (namespace, queue);
--> statement-breakpoint
create view dlo.open_letters as
select l.id, l.namespace, l.workflow_id, l.job, l.queue, l.key, l.status, l.reason, l.category,
  l.category in ('data', 'auth', 'code', 'lost', 'unknown') as needs_person, l.error_type, l.error_message, l.cause_id,
  c.title as cause, c.owner, l.deaths, l.attempts, l.retries, l.first_failed_at, l.failed_at, now() - l.failed_at as waiting,
  l.expires_at, l.retry_at, l.tags, l.build_id, l.trace_id
from dlo.dead_letters l join dlo.causes c on c.id = l.cause_id
where l.closed_at is null;
--> statement-breakpoint
create view dlo.attempt_errors as
select a.letter_id, l.namespace, l.workflow_id, l.job, l.queue, d.n as death, a.n as attempt, d.cause_id, a.state, a.error_type,
  a.error_message, a.category, a.started_at, a.ended_at, a.ended_at - a.started_at as took, a.heartbeats, d.died_at,
  a.worker_identity, a.build_id
from dlo.attempts a
join dlo.dead_letters l on l.id = a.letter_id
join dlo.deaths d on d.letter_id = a.letter_id and d.n = a.death_n
where a.error_type is not null;
--> statement-breakpoint
create view dlo.recovery_times as
select id as letter_id, namespace, workflow_id, job, queue, category, error_type, cause_id, deaths, attempts, retries,
  first_failed_at, closed_at as recovered_at, closed_at - first_failed_at as took
from dlo.dead_letters where closed_at is not null and status = 'recovered';
--> statement-breakpoint
create view dlo.first_looks as
select l.id as letter_id, l.namespace, l.workflow_id, l.job, l.queue, l.category, l.cause_id, l.status, l.first_failed_at,
  looked.at as looked_at, looked.by as looked_by, looked.type as looked_how, looked.at - l.first_failed_at as took
from dlo.dead_letters l
cross join lateral (
  select e.at, e.by, e.type from (
    (select at, by, type from dlo.events where letter_id = l.id and by is not null and by <> 'office' and type <> 'imported' order by at limit 1)
    union all
    (select at, by, type from dlo.events
      where cause_id = l.cause_id and letter_id is null and by is not null and by <> 'office'
        and at >= l.first_failed_at and at <= coalesce(l.closed_at, 'infinity') order by at limit 1)
  ) as e order by e.at limit 1
) as looked;
--> statement-breakpoint
comment on view dlo.letters_by_facet is 'Letters counted by every combination of their facets that occurs, up to this moment, however many there are.';
comment on column dlo.letters_by_facet.namespace is 'Temporal namespace.';
comment on column dlo.letters_by_facet.kind is 'What died.';
comment on column dlo.letters_by_facet.job is 'Job.';
comment on column dlo.letters_by_facet.queue is 'Dead letter queue.';
comment on column dlo.letters_by_facet.status is 'Status.';
comment on column dlo.letters_by_facet.open is 'Whether the status is an open one.';
comment on column dlo.letters_by_facet.reason is 'Reason of the last death.';
comment on column dlo.letters_by_facet.category is 'Category of the last death.';
comment on column dlo.letters_by_facet.needs_person is 'Whether that category is one that a person must look at.';
comment on column dlo.letters_by_facet.error_type is 'Type of the last error.';
comment on column dlo.letters_by_facet.cause_id is 'Cause of the last death, in dlo.causes.';
comment on column dlo.letters_by_facet.retried is 'Whether a retry was ever started.';
comment on column dlo.letters_by_facet.letters is 'How many letters.';
comment on view dlo.death_counts is 'Deaths, and failed attempts, counted by quarter of an hour, for one dimension at a time, up to this moment. They stay when letters are pruned.';
comment on column dlo.death_counts.namespace is 'Temporal namespace.';
comment on column dlo.death_counts.dimension is 'all, queue, job, cause, category, reason: deaths; attempt_error: failed attempts by the type of their error.';
comment on column dlo.death_counts.value is 'Value in that dimension; empty for all; of a cause its id.';
comment on column dlo.death_counts.bucket is 'Begin of the quarter of an hour.';
comment on column dlo.death_counts.n is 'How many died, or failed, in it.';
comment on view dlo.daily_deaths is 'Deaths per day of the session''s time zone, from the first day on, without gaps.';
comment on column dlo.daily_deaths.namespace is 'Temporal namespace.';
comment on column dlo.daily_deaths.day is 'Day in the session''s time zone (set timezone).';
comment on column dlo.daily_deaths.deaths is 'How many died on it.';
comment on view dlo.hourly_deaths is 'Deaths per hour of the session''s time zone, from the first hour on, without gaps.';
comment on column dlo.hourly_deaths.namespace is 'Temporal namespace.';
comment on column dlo.hourly_deaths.hour is 'Begin of the hour. An hour that the clocks show twice is two rows.';
comment on column dlo.hourly_deaths.deaths is 'How many died in it.';
comment on view dlo.deaths_by_job is 'A row for each job that ever died.';
comment on column dlo.deaths_by_job.namespace is 'Temporal namespace.';
comment on column dlo.deaths_by_job.job is 'Job.';
comment on column dlo.deaths_by_job.deaths is 'Deaths since counting began; those of pruned letters, too.';
comment on column dlo.deaths_by_job.deaths_last_day is 'Deaths of the last 24 hours, by quarters of an hour.';
comment on column dlo.deaths_by_job.deaths_last_week is 'Deaths of the last 7 days, by quarters of an hour.';
comment on column dlo.deaths_by_job.letters is 'Letters that are there.';
comment on column dlo.deaths_by_job.open is 'Of these, open ones.';
comment on column dlo.deaths_by_job.recovered is 'Of these, recovered ones.';
comment on column dlo.deaths_by_job.recovered_share is 'Recovered letters by closed ones, from 0 to 1. Null where none is closed.';
comment on view dlo.error_groups is 'A row for each cause: failures of the same error at the same place, with samples.';
comment on column dlo.error_groups.namespace is 'Temporal namespace.';
comment on column dlo.error_groups.cause_id is 'Cause, in dlo.causes.';
comment on column dlo.error_groups.title is 'What it is called.';
comment on column dlo.error_groups.error_type is 'Type of the error.';
comment on column dlo.error_groups.state is 'open, resolved or ignored. One that was ignored until a time that has passed is open.';
comment on column dlo.error_groups.owner is 'Who looks after it.';
comment on column dlo.error_groups.deaths is 'Deaths since counting began; those of pruned letters, too.';
comment on column dlo.error_groups.deaths_last_day is 'Deaths of the last 24 hours, by quarters of an hour.';
comment on column dlo.error_groups.letters is 'Letters that died of it last and are there.';
comment on column dlo.error_groups.open is 'Of these, open ones.';
comment on column dlo.error_groups.recovered is 'Of these, recovered ones.';
comment on column dlo.error_groups.jobs is 'Jobs of these letters.';
comment on column dlo.error_groups.categories is 'Categories of these letters.';
comment on column dlo.error_groups.first_seen_at is 'First death of it, in any namespace.';
comment on column dlo.error_groups.last_seen_at is 'Last death of it, in any namespace.';
comment on column dlo.error_groups.builds is 'Builds of the workers that died of it.';
comment on column dlo.error_groups.sample_ids is 'The newest three letters.';
comment on view dlo.queue_health is 'A row for each dead letter queue: how full it is, how old, and what becomes of its letters.';
comment on column dlo.queue_health.namespace is 'Temporal namespace.';
comment on column dlo.queue_health.queue is 'Dead letter queue.';
comment on column dlo.queue_health.letters is 'Letters that are there, open and closed.';
comment on column dlo.queue_health.open is 'Open letters.';
comment on column dlo.queue_health.needs_person is 'Open letters whose category is one that a person must look at.';
comment on column dlo.queue_health.transient is 'Open letters of the other categories: a retry may help.';
comment on column dlo.queue_health.not_retried is 'Open letters for which no retry was ever started.';
comment on column dlo.queue_health.retrying is 'Letters whose retry is running.';
comment on column dlo.queue_health.open_by_category is 'Open letters by category, as a JSON object.';
comment on column dlo.queue_health.oldest_open_at is 'Of the open letter whose last death is longest ago, when that was.';
comment on column dlo.queue_health.newest_open_at is 'When the newest of the open letters died last.';
comment on column dlo.queue_health.next_expiry_at is 'When the next of the open letters expires.';
comment on column dlo.queue_health.deaths is 'Deaths since counting began; those of pruned letters, too.';
comment on column dlo.queue_health.deaths_last_hour is 'Deaths of the last hour, by quarters of an hour.';
comment on column dlo.queue_health.deaths_last_day is 'Deaths of the last 24 hours, by quarters of an hour.';
comment on column dlo.queue_health.recovered is 'Recovered letters.';
comment on column dlo.queue_health.recovered_share is 'Recovered letters by closed ones, from 0 to 1. Null where none is closed.';
comment on column dlo.queue_health.retry_success_share is 'The same among letters that were retried.';
comment on view dlo.open_letters is 'A row for each open letter, with what helps to decide on it. The payload stands in dlo.dead_letters.';
comment on column dlo.open_letters.id is 'Letter.';
comment on column dlo.open_letters.namespace is 'Temporal namespace.';
comment on column dlo.open_letters.workflow_id is 'Workflow id of the job.';
comment on column dlo.open_letters.job is 'Job.';
comment on column dlo.open_letters.queue is 'Dead letter queue.';
comment on column dlo.open_letters.key is 'What the job is about, by its own choice.';
comment on column dlo.open_letters.status is 'parked or retrying.';
comment on column dlo.open_letters.reason is 'Why it died last.';
comment on column dlo.open_letters.category is 'Category of the last error.';
comment on column dlo.open_letters.needs_person is 'Whether that category is one that a person must look at.';
comment on column dlo.open_letters.error_type is 'Type of the last error.';
comment on column dlo.open_letters.error_message is 'Message of the last error.';
comment on column dlo.open_letters.cause_id is 'Cause of the last death, in dlo.causes.';
comment on column dlo.open_letters.cause is 'What that cause is called.';
comment on column dlo.open_letters.owner is 'Who looks after that cause.';
comment on column dlo.open_letters.deaths is 'How often it died.';
comment on column dlo.open_letters.attempts is 'Attempts of all its deaths.';
comment on column dlo.open_letters.retries is 'Runs that a retry started.';
comment on column dlo.open_letters.first_failed_at is 'First death.';
comment on column dlo.open_letters.failed_at is 'Last death.';
comment on column dlo.open_letters.waiting is 'Time since the last death.';
comment on column dlo.open_letters.expires_at is 'End of the retention. Null: it has none now.';
comment on column dlo.open_letters.retry_at is 'When its retry is due. Null: none is asked for.';
comment on column dlo.open_letters.tags is 'The job''s tags.';
comment on column dlo.open_letters.build_id is 'Build of the worker that died last.';
comment on column dlo.open_letters.trace_id is 'W3C trace id.';
comment on view dlo.attempt_errors is 'A row for each failed attempt of each death: every error, not only the last.';
comment on column dlo.attempt_errors.letter_id is 'Letter.';
comment on column dlo.attempt_errors.namespace is 'Temporal namespace.';
comment on column dlo.attempt_errors.workflow_id is 'Workflow id of the job.';
comment on column dlo.attempt_errors.job is 'Job.';
comment on column dlo.attempt_errors.queue is 'Dead letter queue.';
comment on column dlo.attempt_errors.death is 'Which of the letter''s deaths, from 1.';
comment on column dlo.attempt_errors.attempt is 'Which of that death''s attempts, from 1.';
comment on column dlo.attempt_errors.cause_id is 'Cause of that death, in dlo.causes.';
comment on column dlo.attempt_errors.state is 'How the attempt ended.';
comment on column dlo.attempt_errors.error_type is 'Type of its error.';
comment on column dlo.attempt_errors.error_message is 'Message of its error.';
comment on column dlo.attempt_errors.category is 'Category of its error.';
comment on column dlo.attempt_errors.started_at is 'When it started.';
comment on column dlo.attempt_errors.ended_at is 'When it ended.';
comment on column dlo.attempt_errors.took is 'How long it took.';
comment on column dlo.attempt_errors.heartbeats is 'Heartbeats that it sent.';
comment on column dlo.attempt_errors.died_at is 'When the job died of it and the others.';
comment on column dlo.attempt_errors.worker_identity is 'Worker that ran it.';
comment on column dlo.attempt_errors.build_id is 'Build of that worker.';
comment on view dlo.recovery_times is 'A row for each letter that recovered.';
comment on column dlo.recovery_times.letter_id is 'Letter.';
comment on column dlo.recovery_times.namespace is 'Temporal namespace.';
comment on column dlo.recovery_times.workflow_id is 'Workflow id of the job.';
comment on column dlo.recovery_times.job is 'Job.';
comment on column dlo.recovery_times.queue is 'Dead letter queue.';
comment on column dlo.recovery_times.category is 'Category of the last error.';
comment on column dlo.recovery_times.error_type is 'Type of the last error.';
comment on column dlo.recovery_times.cause_id is 'Cause of the last death, in dlo.causes.';
comment on column dlo.recovery_times.deaths is 'How often it died.';
comment on column dlo.recovery_times.attempts is 'Attempts of all its deaths.';
comment on column dlo.recovery_times.retries is 'Runs that a retry started.';
comment on column dlo.recovery_times.first_failed_at is 'First death.';
comment on column dlo.recovery_times.recovered_at is 'When it recovered.';
comment on column dlo.recovery_times.took is 'Time between the two.';
comment on view dlo.first_looks is 'A row for each letter that somebody has looked at: by a signed command or note, or by a change of its cause while it was open.';
comment on column dlo.first_looks.letter_id is 'Letter.';
comment on column dlo.first_looks.namespace is 'Temporal namespace.';
comment on column dlo.first_looks.workflow_id is 'Workflow id of the job.';
comment on column dlo.first_looks.job is 'Job.';
comment on column dlo.first_looks.queue is 'Dead letter queue.';
comment on column dlo.first_looks.category is 'Category of the last error.';
comment on column dlo.first_looks.cause_id is 'Cause of the last death, in dlo.causes.';
comment on column dlo.first_looks.status is 'Status now.';
comment on column dlo.first_looks.first_failed_at is 'First death.';
comment on column dlo.first_looks.looked_at is 'First look.';
comment on column dlo.first_looks.looked_by is 'Who looked.';
comment on column dlo.first_looks.looked_how is 'Type of that event.';
comment on column dlo.first_looks.took is 'Time between first death and first look.';
