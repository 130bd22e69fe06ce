CREATE TABLE "dlo"."attempt_deltas" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "dlo"."attempt_deltas_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"namespace" text NOT NULL,
	"bucket" timestamp (3) with time zone NOT NULL,
	"error_type" text NOT NULL,
	"n" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dlo"."cause_builds" (
	"cause_id" uuid NOT NULL,
	"build_id" text NOT NULL,
	"first_at" timestamp (3) with time zone NOT NULL,
	"last_at" timestamp (3) with time zone NOT NULL,
	"n" bigint NOT NULL,
	CONSTRAINT "cause_builds_once" PRIMARY KEY("cause_id","build_id")
);
--> statement-breakpoint
CREATE TABLE "dlo"."cursors" (
	"name" text PRIMARY KEY NOT NULL,
	"position" bigint NOT NULL,
	"moved_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dlo"."death_deltas" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "dlo"."death_deltas_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"namespace" text NOT NULL,
	"bucket" timestamp (3) with time zone NOT NULL,
	"job" text NOT NULL,
	"queue" text NOT NULL,
	"reason" text NOT NULL,
	"category" text NOT NULL,
	"cause_id" uuid NOT NULL,
	"build_id" text NOT NULL,
	"first_at" timestamp (3) with time zone NOT NULL,
	"last_at" timestamp (3) with time zone NOT NULL,
	"n" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dlo"."letter_counts" (
	"namespace" text NOT NULL,
	"kind" text NOT NULL,
	"job" text NOT NULL,
	"queue" text NOT NULL,
	"status" text NOT NULL,
	"reason" text NOT NULL,
	"category" text NOT NULL,
	"error_type" text NOT NULL,
	"cause_id" uuid NOT NULL,
	"retried" boolean NOT NULL,
	"n" bigint NOT NULL,
	CONSTRAINT "letter_counts_once" PRIMARY KEY("cause_id","namespace","kind","job","queue","status","reason","category","error_type","retried")
);
--> statement-breakpoint
CREATE TABLE "dlo"."cause_counts" (
	"namespace" text NOT NULL,
	"job" text NOT NULL,
	"status" text NOT NULL,
	"cause_id" uuid NOT NULL,
	"n" bigint NOT NULL,
	CONSTRAINT "cause_counts_once" PRIMARY KEY("cause_id","namespace","job","status")
);
--> statement-breakpoint
CREATE TABLE "dlo"."queue_counts" (
	"namespace" text NOT NULL,
	"job" text NOT NULL,
	"queue" text NOT NULL,
	"status" text NOT NULL,
	"category" text NOT NULL,
	"reason" text NOT NULL,
	"n" bigint NOT NULL,
	CONSTRAINT "queue_counts_once" PRIMARY KEY("namespace","queue","job","status","category","reason")
);
--> statement-breakpoint
CREATE TABLE "dlo"."letter_deltas" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "dlo"."letter_deltas_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"namespace" text NOT NULL,
	"kind" text NOT NULL,
	"job" text NOT NULL,
	"queue" text NOT NULL,
	"status" text NOT NULL,
	"reason" text NOT NULL,
	"category" text NOT NULL,
	"error_type" text NOT NULL,
	"cause_id" uuid NOT NULL,
	"retried" boolean NOT NULL,
	"n" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dlo"."time_counts" (
	"namespace" text NOT NULL,
	"dimension" text NOT NULL,
	"value" text NOT NULL,
	"bucket" timestamp (3) with time zone NOT NULL,
	"n" bigint NOT NULL,
	CONSTRAINT "time_counts_once" PRIMARY KEY("dimension","value","namespace","bucket") INCLUDE ("n")
);
--> statement-breakpoint
ALTER TABLE "dlo"."events" ALTER COLUMN "letter_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "dlo"."events" ALTER COLUMN "namespace" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "dlo"."events" ALTER COLUMN "workflow_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "rule" text;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "state" text DEFAULT 'open' NOT NULL;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "state_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "state_by" text;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "state_reason" text;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "resolved_in_build" text;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "ignored_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "ignored_deaths" integer;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "ignored_rate_ms" bigint;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "returned_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "owner" text;--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD COLUMN "note" text;--> statement-breakpoint
ALTER TABLE "dlo"."events" ADD COLUMN "cause_id" uuid;--> statement-breakpoint
ALTER TABLE "dlo"."office" ADD COLUMN "last_position" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "cause_builds_by_build" ON "dlo"."cause_builds" USING btree ("build_id","first_at");--> statement-breakpoint
CREATE INDEX "letter_counts_by_namespace" ON "dlo"."letter_counts" USING btree ("namespace");--> statement-breakpoint
ALTER TABLE "dlo"."events" ADD CONSTRAINT "events_cause_id_causes_id_fk" FOREIGN KEY ("cause_id") REFERENCES "dlo"."causes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "attempts_by_error" ON "dlo"."attempts" USING btree ("error_type","letter_id");--> statement-breakpoint
CREATE INDEX "dead_letters_most_deaths" ON "dlo"."dead_letters" USING btree (deaths desc,failed_at desc,id desc);--> statement-breakpoint
CREATE INDEX "dead_letters_closed" ON "dlo"."dead_letters" USING btree ("closed_at") INCLUDE (status, first_failed_at, job, queue) WHERE "dlo"."dead_letters"."closed_at" is not null;--> statement-breakpoint
CREATE INDEX "dead_letters_tags" ON "dlo"."dead_letters" USING gin ("tags");--> statement-breakpoint
CREATE INDEX "deaths_of_cause" ON "dlo"."deaths" USING btree ("cause_id","died_at");--> statement-breakpoint
CREATE INDEX "deaths_by_time" ON "dlo"."deaths" USING btree ("died_at");--> statement-breakpoint
CREATE INDEX "events_of_cause" ON "dlo"."events" USING btree ("cause_id","id") WHERE "dlo"."events"."letter_id" is null;--> statement-breakpoint
CREATE INDEX "events_signed" ON "dlo"."events" USING btree ("letter_id","at") WHERE by is not null and by <> 'office';--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD CONSTRAINT "causes_state_known" CHECK ("dlo"."causes"."state" in ('open', 'resolved', 'ignored'));--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD CONSTRAINT "causes_resolved_build" CHECK ("dlo"."causes"."resolved_in_build" is null or "dlo"."causes"."state" = 'resolved');--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD CONSTRAINT "causes_ignored_until" CHECK ("dlo"."causes"."state" = 'ignored' or ("dlo"."causes"."ignored_until" is null and "dlo"."causes"."ignored_deaths" is null));--> statement-breakpoint
ALTER TABLE "dlo"."causes" ADD CONSTRAINT "causes_ignored_rate" CHECK ("dlo"."causes"."ignored_rate_ms" is null or "dlo"."causes"."ignored_deaths" is not null);--> statement-breakpoint
ALTER TABLE "dlo"."events" ADD CONSTRAINT "events_concern_something" CHECK ("dlo"."events"."letter_id" is not null or "dlo"."events"."cause_id" is not null);--> statement-breakpoint
-- Index-only scans need the visibility map, and the deltas come and go.
alter table dlo.dead_letters set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table dlo.letter_deltas set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
alter table dlo.death_deltas set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
alter table dlo.attempt_deltas set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
--> statement-breakpoint
-- Text of open letters. The extension may stand in any schema already, and its operator class is then named by that.
create extension if not exists pg_trgm with schema dlo;
do $$
declare trgm regnamespace := (select extnamespace from pg_extension where extname = 'pg_trgm');
begin
  execute format('create index dead_letters_open_message on dlo.dead_letters using gin (error_message %s.gin_trgm_ops) where closed_at is null', trgm);
  execute format('create index dead_letters_open_payload on dlo.dead_letters using gin ((payload::text) %s.gin_trgm_ops) where closed_at is null', trgm);
end $$;
--> statement-breakpoint
create function dlo.quarter_hour(at timestamptz) returns timestamptz language sql immutable parallel safe as $$
  select date_bin('15 minutes', at, timestamptz '2000-01-01 00:00:00+00')
$$;
--> statement-breakpoint
create function dlo.count_letters() returns trigger language plpgsql as $$ begin
  if tg_op = 'INSERT' then
    insert into dlo.letter_deltas (namespace, kind, job, queue, status, reason, category, error_type, cause_id, retried, n)
    select namespace, kind, job, queue, status, reason, category, error_type, cause_id, retries > 0, count(*)
    from new_rows group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
  elsif tg_op = 'DELETE' then
    insert into dlo.letter_deltas (namespace, kind, job, queue, status, reason, category, error_type, cause_id, retried, n)
    select namespace, kind, job, queue, status, reason, category, error_type, cause_id, retries > 0, -count(*)
    from old_rows group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
  else
    insert into dlo.letter_deltas (namespace, kind, job, queue, status, reason, category, error_type, cause_id, retried, n)
    select namespace, kind, job, queue, status, reason, category, error_type, cause_id, retries > 0, sum(n)
    from (select *, 1 as n from new_rows union all select *, -1 from old_rows) as changed
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 having sum(n) <> 0;
  end if;
  return null;
end $$;
create trigger counted_in after insert on dlo.dead_letters referencing new table as new_rows
  for each statement execute function dlo.count_letters();
create trigger counted_anew after update on dlo.dead_letters referencing old table as old_rows new table as new_rows
  for each statement execute function dlo.count_letters();
create trigger counted_out after delete on dlo.dead_letters referencing old table as old_rows
  for each statement execute function dlo.count_letters();
--> statement-breakpoint
-- Deaths are never counted out: what happened stays counted when its letter is pruned.
create function dlo.count_deaths() returns trigger language plpgsql as $$ begin
  if tg_op = 'INSERT' then
    insert into dlo.death_deltas (namespace, bucket, job, queue, reason, category, cause_id, build_id, first_at, last_at, n)
    select d.namespace, dlo.quarter_hour(d.died_at), l.job, l.queue, d.reason, d.category, d.cause_id, coalesce(d.build_id, ''), min(d.died_at), max(d.died_at), count(*)
    from new_rows d join dlo.dead_letters l on l.id = d.letter_id group by 1, 2, 3, 4, 5, 6, 7, 8;
  else
    insert into dlo.death_deltas (namespace, bucket, job, queue, reason, category, cause_id, build_id, first_at, last_at, n)
    select d.namespace, dlo.quarter_hour(d.died_at), l.job, l.queue, d.reason, d.category, d.cause_id, coalesce(d.build_id, ''), min(d.died_at), max(d.died_at), sum(d.n)
    from (select letter_id, namespace, died_at, reason, category, cause_id, build_id, 1 as n from new_rows
      union all select letter_id, namespace, died_at, reason, category, cause_id, build_id, -1 from old_rows) d
    join dlo.dead_letters l on l.id = d.letter_id group by 1, 2, 3, 4, 5, 6, 7, 8 having sum(d.n) <> 0;
  end if;
  return null;
end $$;
create trigger counted_in after insert on dlo.deaths referencing new table as new_rows
  for each statement execute function dlo.count_deaths();
create trigger counted_anew after update on dlo.deaths referencing old table as old_rows new table as new_rows
  for each statement execute function dlo.count_deaths();
--> statement-breakpoint
create function dlo.count_attempts() returns trigger language plpgsql as $$ begin
  insert into dlo.attempt_deltas (namespace, bucket, error_type, n)
  select l.namespace, dlo.quarter_hour(coalesce(a.ended_at, a.started_at, l.failed_at)), a.error_type, count(*)
  from new_rows a join dlo.dead_letters l on l.id = a.letter_id where a.error_type is not null group by 1, 2, 3;
  return null;
end $$;
create trigger counted_in after insert on dlo.attempts referencing new table as new_rows
  for each statement execute function dlo.count_attempts();
--> statement-breakpoint
-- What was there before.
insert into dlo.letter_deltas (namespace, kind, job, queue, status, reason, category, error_type, cause_id, retried, n)
select namespace, kind, job, queue, status, reason, category, error_type, cause_id, retries > 0, count(*)
from dlo.dead_letters group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
insert into dlo.death_deltas (namespace, bucket, job, queue, reason, category, cause_id, build_id, first_at, last_at, n)
select d.namespace, dlo.quarter_hour(d.died_at), l.job, l.queue, d.reason, d.category, d.cause_id, coalesce(d.build_id, ''), min(d.died_at), max(d.died_at), count(*)
from dlo.deaths d join dlo.dead_letters l on l.id = d.letter_id group by 1, 2, 3, 4, 5, 6, 7, 8;
insert into dlo.attempt_deltas (namespace, bucket, error_type, n)
select l.namespace, dlo.quarter_hour(coalesce(a.ended_at, a.started_at, l.failed_at)), a.error_type, count(*)
from dlo.attempts a join dlo.dead_letters l on l.id = a.letter_id where a.error_type is not null group by 1, 2, 3;
--> statement-breakpoint
comment on column dlo.office.last_position is 'Position of the event that was numbered last. Kept here, as that event may be pruned.';
comment on column dlo.causes.rule is 'Name of the fingerprint rule of the office''s configuration that made it; null for the built-in ones.';
comment on column dlo.causes.state is 'open, resolved, or ignored. An ignored one whose time has passed counts as open.';
comment on column dlo.causes.state_at is 'When its state was set last.';
comment on column dlo.causes.state_by is 'Who set it.';
comment on column dlo.causes.state_reason is 'Why, in their words.';
comment on column dlo.causes.resolved_in_build is 'Build that mended it: a death of an older build does not bring it back.';
comment on column dlo.causes.ignored_until is 'Ignored until then.';
comment on column dlo.causes.ignored_deaths is 'Ignored until so many more deaths came; with ignored_rate_ms, within such a span.';
comment on column dlo.causes.ignored_rate_ms is 'Span of ignored_deaths in milliseconds. Null: counted since state_at.';
comment on column dlo.causes.returned_at is 'When it last came back after it was resolved or ignored. Null once its state is set again.';
comment on column dlo.causes.owner is 'Who looks after it.';
comment on column dlo.causes.note is 'What people wrote about it.';
comment on column dlo.events.cause_id is 'Cause that it concerns; of a death, the one it died of.';
comment on table dlo.cursors is 'How far each follower that keeps its place here has come in dlo.events.';
comment on column dlo.cursors.name is 'Name of the follower.';
comment on column dlo.cursors.position is 'Position of the last event that it has dealt with.';
comment on column dlo.cursors.moved_at is 'When it came there.';
comment on table dlo.letter_counts is 'Letters by every combination of facets that occurs. What is not folded in yet is in letter_deltas: the count is the sum of both.';
comment on table dlo.cause_counts is 'Letters by namespace, job, status and cause: the same as letter_counts by fewer facets, for what is asked most.';
comment on column dlo.cause_counts.namespace is 'Temporal namespace.';
comment on column dlo.cause_counts.job is 'Job.';
comment on column dlo.cause_counts.status is 'Status.';
comment on column dlo.cause_counts.cause_id is 'Cause of the last death.';
comment on column dlo.cause_counts.n is 'How many letters.';
comment on table dlo.queue_counts is 'Letters by namespace, job, queue, status, category and reason: the same as letter_counts by fewer facets, for what is asked most.';
comment on column dlo.queue_counts.namespace is 'Temporal namespace.';
comment on column dlo.queue_counts.job is 'Job.';
comment on column dlo.queue_counts.queue is 'Dead letter queue.';
comment on column dlo.queue_counts.status is 'Status.';
comment on column dlo.queue_counts.category is 'Category of the last death.';
comment on column dlo.queue_counts.reason is 'Reason of the last death.';
comment on column dlo.queue_counts.n is 'How many letters.';
comment on table dlo.letter_deltas is 'Changes to letter_counts, cause_counts and queue_counts, appended by triggers and folded by the office.';
comment on table dlo.time_counts is 'Deaths and failed attempts by quarter of an hour, for one dimension at a time. What is not folded in yet is in death_deltas and attempt_deltas. Pruning letters leaves them.';
comment on column dlo.time_counts.namespace is 'Temporal namespace.';
comment on column dlo.time_counts.dimension is 'all, queue, job, cause, category, reason: deaths; attempt_error: failed attempts by error type.';
comment on column dlo.time_counts.value is 'Value in that dimension; empty for all.';
comment on column dlo.time_counts.bucket is 'Begin of the quarter of an hour.';
comment on column dlo.time_counts.n is 'How many died, or failed, in it.';
comment on table dlo.death_deltas is 'Changes to time_counts and cause_builds, appended by triggers and folded by the office.';
comment on table dlo.attempt_deltas is 'Changes to time_counts of attempt_error, appended by triggers and folded by the office.';
comment on table dlo.cause_builds is 'Deaths of a cause by the worker''s build. What is not folded in yet is in death_deltas.';
comment on column dlo.cause_builds.cause_id is 'Cause.';
comment on column dlo.cause_builds.build_id is 'Build; empty where the worker did not say.';
comment on column dlo.cause_builds.first_at is 'First death of it there.';
comment on column dlo.cause_builds.last_at is 'Last death of it there.';
comment on column dlo.cause_builds.n is 'Deaths.';
comment on column dlo.letter_counts.namespace is 'Temporal namespace.';
comment on column dlo.letter_counts.kind is 'What died.';
comment on column dlo.letter_counts.job is 'Job.';
comment on column dlo.letter_counts.queue is 'Dead letter queue.';
comment on column dlo.letter_counts.status is 'Status.';
comment on column dlo.letter_counts.reason is 'Reason of the last death.';
comment on column dlo.letter_counts.category is 'Category of the last death.';
comment on column dlo.letter_counts.error_type is 'Type of the last error.';
comment on column dlo.letter_counts.cause_id is 'Cause of the last death.';
comment on column dlo.letter_counts.retried is 'Whether a retry was started.';
comment on column dlo.letter_counts.n is 'How many letters.';
comment on column dlo.letter_deltas.namespace is 'Temporal namespace.';
comment on column dlo.letter_deltas.kind is 'What died.';
comment on column dlo.letter_deltas.job is 'Job.';
comment on column dlo.letter_deltas.queue is 'Dead letter queue.';
comment on column dlo.letter_deltas.status is 'Status.';
comment on column dlo.letter_deltas.reason is 'Reason of the last death.';
comment on column dlo.letter_deltas.category is 'Category of the last death.';
comment on column dlo.letter_deltas.error_type is 'Type of the last error.';
comment on column dlo.letter_deltas.cause_id is 'Cause of the last death.';
comment on column dlo.letter_deltas.retried is 'Whether a retry was started.';
comment on column dlo.letter_deltas.n is 'How many letters more, or fewer.';
comment on column dlo.letter_deltas.id is 'In the order of writing.';
comment on column dlo.death_deltas.id is 'In the order of writing.';
comment on column dlo.attempt_deltas.id is 'In the order of writing.';
comment on column dlo.death_deltas.namespace is 'Temporal namespace.';
comment on column dlo.death_deltas.bucket is 'Begin of the quarter of an hour.';
comment on column dlo.death_deltas.job is 'Job of the letter.';
comment on column dlo.death_deltas.queue is 'Queue of the letter.';
comment on column dlo.death_deltas.reason is 'Reason of the deaths.';
comment on column dlo.death_deltas.category is 'Category of the deaths.';
comment on column dlo.death_deltas.cause_id is 'Cause of the deaths.';
comment on column dlo.death_deltas.build_id is 'Build of the worker; empty where it did not say.';
comment on column dlo.death_deltas.first_at is 'First of these deaths.';
comment on column dlo.death_deltas.last_at is 'Last of these deaths.';
comment on column dlo.death_deltas.n is 'How many deaths more, or fewer.';
comment on column dlo.attempt_deltas.namespace is 'Temporal namespace.';
comment on column dlo.attempt_deltas.bucket is 'Begin of the quarter of an hour.';
comment on column dlo.attempt_deltas.error_type is 'Type of the attempt''s error.';
comment on column dlo.attempt_deltas.n is 'How many failed attempts more.';
comment on table dlo.events is 'All that happened to letters and causes: audit and outbox. Append-only but for position.';
comment on column dlo.events.letter_id is 'Letter that it concerns. Null: it concerns a cause.';
comment on column dlo.events.namespace is 'Temporal namespace. Null where a cause was changed by hand: causes have none.';
comment on column dlo.events.workflow_id is 'Workflow id of the job. Null for what concerns a cause.';
comment on function dlo.quarter_hour is 'Begin of the quarter of an hour. Days and hours of every time zone in use are made of whole quarters.';
