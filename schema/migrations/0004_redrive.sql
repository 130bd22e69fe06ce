CREATE TABLE "dlo"."prunes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"namespace" text NOT NULL,
	"began_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"by" text NOT NULL,
	"reason" text,
	"rule" jsonb NOT NULL,
	"letters" integer DEFAULT 0 NOT NULL,
	"oldest_closed_at" timestamp (3) with time zone,
	"newest_closed_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "dlo"."redrive_items" (
	"redrive_id" uuid NOT NULL,
	"n" integer NOT NULL,
	"letter_id" uuid NOT NULL,
	"workflow_id" text NOT NULL,
	"job" text NOT NULL,
	"cause_id" uuid NOT NULL,
	"deaths" integer NOT NULL,
	"key" text,
	"key_n" integer,
	"state" text NOT NULL,
	"code" text,
	"why" text,
	"run_id" text,
	"new_cause_id" uuid,
	"asked" boolean DEFAULT false NOT NULL,
	"counted" boolean DEFAULT false NOT NULL,
	"begun_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "redrive_items_in_order" PRIMARY KEY("redrive_id","n"),
	CONSTRAINT "redrive_items_state_known" CHECK ("dlo"."redrive_items"."state" in ('behind', 'waiting', 'running', 'recovered', 'died_again', 'done', 'refused', 'skipped')),
	CONSTRAINT "redrive_items_ended" CHECK (("dlo"."redrive_items"."ended_at" is null) = ("dlo"."redrive_items"."state" in ('behind', 'waiting', 'running')))
);
--> statement-breakpoint
CREATE TABLE "dlo"."redrives" (
	"id" uuid PRIMARY KEY NOT NULL,
	"namespace" text NOT NULL,
	"command" text NOT NULL,
	"spec" jsonb NOT NULL,
	"status" text NOT NULL,
	"by" text NOT NULL,
	"reason" text,
	"asked_at" timestamp (3) with time zone NOT NULL,
	"snapshot_at" timestamp (3) with time zone,
	"last_begun_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"rate" double precision NOT NULL,
	"max_in_flight" integer NOT NULL,
	"jitter_ms" bigint NOT NULL,
	"stop_on_failure" double precision,
	"stop_on_same_cause" integer,
	"held_by" text,
	"stop_rule" text,
	"stop_why" text,
	"stop_letters" uuid[],
	"items" integer DEFAULT 0 NOT NULL,
	"recovered" integer DEFAULT 0 NOT NULL,
	"died_again" integer DEFAULT 0 NOT NULL,
	"same_cause" integer DEFAULT 0 NOT NULL,
	"done" integer DEFAULT 0 NOT NULL,
	"refused" integer DEFAULT 0 NOT NULL,
	"skipped" integer DEFAULT 0 NOT NULL,
	"forgiven_recovered" integer DEFAULT 0 NOT NULL,
	"forgiven_died" integer DEFAULT 0 NOT NULL,
	"forgiven_same_cause" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "redrives_status_known" CHECK ("dlo"."redrives"."status" in ('preparing', 'running', 'paused', 'stopped', 'completed', 'cancelled')),
	CONSTRAINT "redrives_end" CHECK (("dlo"."redrives"."ended_at" is null) = ("dlo"."redrives"."status" not in ('completed', 'cancelled'))),
	CONSTRAINT "redrives_stop" CHECK (("dlo"."redrives"."stop_rule" is null) = ("dlo"."redrives"."stop_why" is null)),
	CONSTRAINT "redrives_rate" CHECK ("dlo"."redrives"."rate" > 0 and "dlo"."redrives"."max_in_flight" >= 1 and "dlo"."redrives"."jitter_ms" >= 0)
);
--> statement-breakpoint
CREATE TABLE "dlo"."requests" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "dlo"."requests_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"namespace" text DEFAULT 'default' NOT NULL,
	"command" text NOT NULL,
	"letter_id" uuid,
	"filter" text,
	"options" jsonb,
	"reason" text,
	"by" text DEFAULT session_user NOT NULL,
	"asked_at" timestamp (3) with time zone DEFAULT date_trunc('milliseconds', clock_timestamp()) NOT NULL,
	"state" text DEFAULT 'asked' NOT NULL,
	"lease_until" timestamp (3) with time zone,
	"answered_at" timestamp (3) with time zone,
	"redrive_id" uuid,
	"code" text,
	"answer" text,
	CONSTRAINT "requests_state_known" CHECK ("dlo"."requests"."state" in ('asked', 'working', 'done', 'refused')),
	CONSTRAINT "requests_answered" CHECK (("dlo"."requests"."answered_at" is null) = ("dlo"."requests"."state" in ('asked', 'working')))
);
--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" DROP CONSTRAINT "dead_letters_on_expire_known";--> statement-breakpoint
ALTER TABLE "dlo"."events" DROP CONSTRAINT "events_concern_something";--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD COLUMN "retry_when" text;--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD COLUMN "hand_on_to" text;--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD COLUMN "warn_before_ms" bigint;--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD COLUMN "auto_retry" jsonb;--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD COLUMN "own_policy" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD COLUMN "own_code" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD COLUMN "failed_code" text;--> statement-breakpoint
ALTER TABLE "dlo"."events" ADD COLUMN "redrive_id" uuid;--> statement-breakpoint
ALTER TABLE "dlo"."redrive_items" ADD CONSTRAINT "redrive_items_redrive_id_redrives_id_fk" FOREIGN KEY ("redrive_id") REFERENCES "dlo"."redrives"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "prunes_newest" ON "dlo"."prunes" USING btree (began_at desc,id desc);--> statement-breakpoint
CREATE UNIQUE INDEX "redrive_items_one_at_a_time" ON "dlo"."redrive_items" USING btree ("letter_id") WHERE state in ('behind', 'waiting', 'running');--> statement-breakpoint
CREATE INDEX "redrive_items_by_state" ON "dlo"."redrive_items" USING btree ("redrive_id","state","n");--> statement-breakpoint
CREATE INDEX "redrive_items_to_count" ON "dlo"."redrive_items" USING btree ("redrive_id") WHERE not counted and state not in ('behind', 'waiting', 'running');--> statement-breakpoint
CREATE INDEX "redrive_items_by_key" ON "dlo"."redrive_items" USING btree ("redrive_id","key","key_n") WHERE "dlo"."redrive_items"."key" is not null;--> statement-breakpoint
CREATE INDEX "redrives_newest" ON "dlo"."redrives" USING btree (asked_at desc,id desc);--> statement-breakpoint
CREATE INDEX "requests_asked" ON "dlo"."requests" USING btree ("id") WHERE state in ('asked', 'working');--> statement-breakpoint
ALTER TABLE "dlo"."events" ADD CONSTRAINT "events_redrive_id_redrives_id_fk" FOREIGN KEY ("redrive_id") REFERENCES "dlo"."redrives"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "dead_letters_failed_code" ON "dlo"."dead_letters" USING btree ("failed_code",failed_at desc) WHERE "dlo"."dead_letters"."failed_code" is not null;--> statement-breakpoint
CREATE INDEX "events_of_redrive" ON "dlo"."events" USING btree ("redrive_id","id") WHERE "dlo"."events"."redrive_id" is not null;--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD CONSTRAINT "dead_letters_hand_on" CHECK (("dlo"."dead_letters"."on_expire" = 'hand_on') = ("dlo"."dead_letters"."hand_on_to" is not null));--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD CONSTRAINT "dead_letters_probe_waits_while_parked" CHECK ("dlo"."dead_letters"."retry_when" is null or ("dlo"."dead_letters"."status" = 'parked' and "dlo"."dead_letters"."expires_at" is null and "dlo"."dead_letters"."retry_at" is null));--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD CONSTRAINT "dead_letters_on_expire_known" CHECK ("dlo"."dead_letters"."on_expire" in ('expire', 'retry', 'hand_on'));--> statement-breakpoint
ALTER TABLE "dlo"."events" ADD CONSTRAINT "events_concern_something" CHECK ("dlo"."events"."letter_id" is not null or "dlo"."events"."cause_id" is not null or "dlo"."events"."redrive_id" is not null);
--> statement-breakpoint
-- Who asks is who is connected, whatever the row says; and the answer is the office's alone. An analyst gets insert on the first columns only, but an owner has all.
create function dlo.sign_request() returns trigger language plpgsql as $$
begin
  new.by := session_user;
  new.asked_at := date_trunc('milliseconds', clock_timestamp());
  new.state := 'asked';
  new.lease_until := null;
  new.answered_at := null;
  new.redrive_id := null;
  new.code := null;
  new.answer := null;
  return new;
end $$;
create trigger requests_signed before insert on dlo.requests for each row execute function dlo.sign_request();
-- One notice a statement. The notice makes PREPARE TRANSACTION impossible in the caller's transaction.
create function dlo.ring_for_requests() returns trigger language plpgsql as $$
begin
  notify dlo_requests;
  return null;
end $$;
create trigger requests_ring after insert on dlo.requests for each statement execute function dlo.ring_for_requests();
--> statement-breakpoint
comment on column dlo.events.redrive_id is 'Redrive that it concerns, in dlo.redrives; null for what concerns a letter or a cause.';
comment on table dlo.redrives is 'A row for each redrive: many letters, asked the same thing at a rate. Counts are of outcomes that were added up; those of the last second stand in dlo.redrive_items alone.';
comment on column dlo.redrives.id is 'A version 7 UUID, unless whoever asked for it gave another.';
comment on column dlo.redrives.namespace is 'Temporal namespace.';
comment on column dlo.redrives.command is 'What each letter is asked: retry, expire, discard, amend, extend, move, runCode, applyPolicy, reopen, note.';
comment on column dlo.redrives.spec is 'All that was asked for, with defaults filled in: members (filter, ids, or an earlier redrive), order, first, force, amend, canary, ramp.';
comment on column dlo.redrives.status is 'preparing, running, paused, stopped (by a rule), completed, cancelled.';
comment on column dlo.redrives.by is 'Who asked for it.';
comment on column dlo.redrives.reason is 'Why.';
comment on column dlo.redrives.asked_at is 'When it was asked for.';
comment on column dlo.redrives.snapshot_at is 'When its letters were written down: what died later is not in it.';
comment on column dlo.redrives.last_begun_at is 'When it last asked a letter.';
comment on column dlo.redrives.ended_at is 'When it completed, or was cancelled.';
comment on column dlo.redrives.rate is 'Letters a second, as it is now.';
comment on column dlo.redrives.max_in_flight is 'Letters that may be under way at a time.';
comment on column dlo.redrives.jitter_ms is 'Each is asked up to so much later than its turn.';
comment on column dlo.redrives.stop_on_failure is 'It stops when more than this share has died again. Null: never.';
comment on column dlo.redrives.stop_on_same_cause is 'It stops when so many have died again of the cause that they had before. Null: never.';
comment on column dlo.redrives.held_by is 'Why its probe held it when it was asked last. Null: it did not.';
comment on column dlo.redrives.stop_rule is 'Rule by which it stopped: canary, ramp, same_cause, failures.';
comment on column dlo.redrives.stop_why is 'The same as a sentence.';
comment on column dlo.redrives.stop_letters is 'Letters that told it so, at most 10.';
comment on column dlo.redrives.items is 'Letters of its snapshot.';
comment on column dlo.redrives.recovered is 'Their retry succeeded.';
comment on column dlo.redrives.died_again is 'Their retry died.';
comment on column dlo.redrives.same_cause is 'Of these: of the cause that they had before.';
comment on column dlo.redrives.done is 'Another command than a retry was carried out.';
comment on column dlo.redrives.refused is 'The letter, or its job''s worker, did not take it.';
comment on column dlo.redrives.skipped is 'Nothing was asked of them, or their run ended without a verdict.';
comment on column dlo.redrives.forgiven_recovered is 'Recovered when it was last resumed: rules look at what came since.';
comment on column dlo.redrives.forgiven_died is 'Died when it was last resumed.';
comment on column dlo.redrives.forgiven_same_cause is 'Of these: of the cause that they had before.';
comment on table dlo.redrive_items is 'A row for each letter of a redrive, with what came of it. It outlives the letter.';
comment on column dlo.redrive_items.redrive_id is 'Redrive.';
comment on column dlo.redrive_items.n is 'Its place in the order, from 1.';
comment on column dlo.redrive_items.letter_id is 'Letter, in dlo.dead_letters until it is pruned.';
comment on column dlo.redrive_items.workflow_id is 'Workflow id of the job.';
comment on column dlo.redrive_items.job is 'Job.';
comment on column dlo.redrive_items.cause_id is 'Cause of its last death when the redrive began.';
comment on column dlo.redrive_items.deaths is 'How often it had died by then.';
comment on column dlo.redrive_items.key is 'Letters of one key are retried one after the other.';
comment on column dlo.redrive_items.key_n is 'Its place among those of its key, by the first death.';
comment on column dlo.redrive_items.state is 'behind (an earlier one of its key comes first), waiting, running, recovered, died_again, done, refused, skipped.';
comment on column dlo.redrive_items.code is 'Why it was refused or skipped, as a word to count by.';
comment on column dlo.redrive_items.why is 'The same as a sentence.';
comment on column dlo.redrive_items.run_id is 'Run that its retry started.';
comment on column dlo.redrive_items.new_cause_id is 'Cause that it died again of.';
comment on column dlo.redrive_items.asked is 'Whether its letter is known to have been asked.';
comment on column dlo.redrive_items.counted is 'Whether its outcome is in the counts of dlo.redrives.';
comment on column dlo.redrive_items.begun_at is 'When its turn came.';
comment on column dlo.redrive_items.ended_at is 'When its outcome came.';
comment on table dlo.requests is 'SQL as a door: an inserted row asks for a command to one letter (letter_id) or to all that fit a filter, in the caller''s own transaction; the office carries it out once and answers in the row.';
comment on column dlo.requests.id is 'In the order of asking.';
comment on column dlo.requests.namespace is 'Temporal namespace; an office answers for its own alone.';
comment on column dlo.requests.command is 'retry, expire, discard, amend, extend, move, runCode, applyPolicy, reopen, note.';
comment on column dlo.requests.letter_id is 'The letter. Either this or filter.';
comment on column dlo.requests.filter is 'A filter in one line, as dlo list takes it: a redrive of the letters that fit.';
comment on column dlo.requests.options is 'What the command takes besides: input, text, retention; for a filter a redrive''s options, such as rate.';
comment on column dlo.requests.reason is 'Why.';
comment on column dlo.requests.by is 'The database user who inserted it; written by a trigger.';
comment on column dlo.requests.asked_at is 'When; written by a trigger.';
comment on column dlo.requests.state is 'asked, working, done, refused.';
comment on column dlo.requests.lease_until is 'Until when the office that works on it has it for itself.';
comment on column dlo.requests.answered_at is 'When it was done or refused.';
comment on column dlo.requests.redrive_id is 'The redrive that it began, in dlo.redrives.';
comment on column dlo.requests.code is 'Code of the refusal, such as LETTER_CLOSED.';
comment on column dlo.requests.answer is 'What came of it, as a sentence.';
comment on table dlo.prunes is 'A row for each time that closed letters were deleted.';
comment on column dlo.prunes.id is 'UUID v7.';
comment on column dlo.prunes.namespace is 'Temporal namespace.';
comment on column dlo.prunes.began_at is 'When it began.';
comment on column dlo.prunes.ended_at is 'When it ended. Null: it is under way, or was interrupted.';
comment on column dlo.prunes.by is 'Who asked for it; office for the schedule.';
comment on column dlo.prunes.reason is 'Why.';
comment on column dlo.prunes.rule is 'Which letters: filter, and the age in place of their keep time.';
comment on column dlo.prunes.letters is 'How many letters were deleted, with their deaths, attempts and events.';
comment on column dlo.prunes.oldest_closed_at is 'When the first of them had been closed.';
comment on column dlo.prunes.newest_closed_at is 'When the last of them had been closed.';
comment on column dlo.dead_letters.hand_on_to is 'Queue that it is filed under at the end of its retention, where on_expire is hand_on.';
comment on column dlo.dead_letters.warn_before_ms is 'So long before it expires there is an event. Null: none.';
comment on column dlo.dead_letters.auto_retry is 'When it is retried by itself: categories, afterMs, backoffCoefficient, maximumRetries, withinMs. Null: never.';
comment on column dlo.dead_letters.own_policy is 'What goes before its queue''s policy: retentionMs, keepForMs, onExpire, maximumRetries, as the job''s contract said them, or the last extend.';
comment on column dlo.dead_letters.own_code is 'Code of the job that the letter runs: onDead, onExpire.';
comment on column dlo.dead_letters.failed_code is 'The one of these that failed last, and was not run again since. Null: none.';
comment on column dlo.dead_letters.retry_when is 'Probe of the office''s configuration that its retry waits for. Null: none.';