CREATE SCHEMA IF NOT EXISTS "dlo";
--> statement-breakpoint
CREATE TABLE "dlo"."attempts" (
	"letter_id" uuid NOT NULL,
	"death_n" integer NOT NULL,
	"n" integer NOT NULL,
	"state" text NOT NULL,
	"error_type" text,
	"error_message" text,
	"stack_trace" text,
	"failure" jsonb,
	"category" text,
	"started_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"heartbeats" integer,
	"last_heartbeat_at" timestamp (3) with time zone,
	"progress" jsonb,
	"worker_identity" text,
	"build_id" text,
	CONSTRAINT "attempts_in_order" PRIMARY KEY("letter_id","death_n","n"),
	CONSTRAINT "attempts_state_known" CHECK ("dlo"."attempts"."state" in ('open', 'failed', 'interrupted', 'timed_out', 'lost')),
	CONSTRAINT "attempts_category_known" CHECK ("dlo"."attempts"."category" in ('timeout', 'network', 'dependency', 'rate_limit', 'resource', 'data', 'auth', 'code', 'lost', 'unknown'))
);
--> statement-breakpoint
CREATE TABLE "dlo"."causes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"fingerprint" text NOT NULL,
	"version" integer NOT NULL,
	"title" text NOT NULL,
	"error_type" text NOT NULL,
	"first_seen_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "dlo"."dead_letters" (
	"id" uuid PRIMARY KEY NOT NULL,
	"namespace" text NOT NULL,
	"workflow_id" text NOT NULL,
	"run_id" text NOT NULL,
	"workflow_type" text NOT NULL,
	"task_queue" text NOT NULL,
	"kind" text NOT NULL,
	"job" text NOT NULL,
	"queue" text NOT NULL,
	"status" text NOT NULL,
	"reason" text NOT NULL,
	"category" text NOT NULL,
	"error_type" text NOT NULL,
	"error_message" text NOT NULL,
	"cause_id" uuid NOT NULL,
	"stack_trace" text,
	"failure" jsonb NOT NULL,
	"payload" jsonb,
	"payload_data" "bytea",
	"original_payload_data" "bytea",
	"payload_omitted" boolean DEFAULT false NOT NULL,
	"memo_data" "bytea",
	"headers" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"key" text,
	"idempotency_key" text NOT NULL,
	"attempts" integer NOT NULL,
	"deaths" integer DEFAULT 1 NOT NULL,
	"retries" integer DEFAULT 0 NOT NULL,
	"expiry_retries" integer DEFAULT 0 NOT NULL,
	"first_failed_at" timestamp (3) with time zone NOT NULL,
	"failed_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"retry_at" timestamp (3) with time zone,
	"retried_at" timestamp (3) with time zone,
	"closed_at" timestamp (3) with time zone,
	"close_reason" text,
	"keep_until" timestamp (3) with time zone,
	"build_id" text,
	"worker_identity" text,
	"started_by" text,
	"source" jsonb,
	"batch" text,
	"trace_id" text,
	"revision" integer DEFAULT 0 NOT NULL,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"retention_ms" bigint,
	"keep_for_ms" bigint,
	"on_expire" text DEFAULT 'expire' NOT NULL,
	"maximum_retries" integer DEFAULT 3 NOT NULL,
	"cleaned" boolean DEFAULT false NOT NULL,
	CONSTRAINT "dead_letters_kind_known" CHECK ("dlo"."dead_letters"."kind" in ('job', 'workflow', 'activity', 'record', 'step')),
	CONSTRAINT "dead_letters_status_known" CHECK ("dlo"."dead_letters"."status" in ('parked', 'retrying', 'recovered', 'expired', 'discarded', 'superseded')),
	CONSTRAINT "dead_letters_reason_known" CHECK ("dlo"."dead_letters"."reason" in ('exhausted', 'non_retryable', 'timed_out', 'given_up', 'lost', 'failed')),
	CONSTRAINT "dead_letters_category_known" CHECK ("dlo"."dead_letters"."category" in ('timeout', 'network', 'dependency', 'rate_limit', 'resource', 'data', 'auth', 'code', 'lost', 'unknown')),
	CONSTRAINT "dead_letters_on_expire_known" CHECK ("dlo"."dead_letters"."on_expire" in ('expire', 'retry')),
	CONSTRAINT "dead_letters_open_until_closed" CHECK (("dlo"."dead_letters"."status" in ('parked', 'retrying')) = ("dlo"."dead_letters"."closed_at" is null)),
	CONSTRAINT "dead_letters_closing_is_final" CHECK ("dlo"."dead_letters"."closed_at" is not null or ("dlo"."dead_letters"."close_reason" is null and "dlo"."dead_letters"."keep_until" is null)),
	CONSTRAINT "dead_letters_clock_runs_while_parked" CHECK ("dlo"."dead_letters"."expires_at" is null or "dlo"."dead_letters"."status" = 'parked'),
	CONSTRAINT "dead_letters_retry_waits_while_parked" CHECK ("dlo"."dead_letters"."retry_at" is null or "dlo"."dead_letters"."status" = 'parked'),
	CONSTRAINT "dead_letters_one_clock" CHECK ("dlo"."dead_letters"."expires_at" is null or "dlo"."dead_letters"."retry_at" is null),
	CONSTRAINT "dead_letters_died" CHECK ("dlo"."dead_letters"."deaths" >= 1),
	CONSTRAINT "dead_letters_revision_counts_up" CHECK ("dlo"."dead_letters"."revision" >= 0),
	CONSTRAINT "dead_letters_counts" CHECK ("dlo"."dead_letters"."attempts" >= 0 and "dlo"."dead_letters"."retries" >= 0 and "dlo"."dead_letters"."expiry_retries" >= 0 and "dlo"."dead_letters"."maximum_retries" >= 0),
	CONSTRAINT "dead_letters_omitted_payload" CHECK (not "dlo"."dead_letters"."payload_omitted" or ("dlo"."dead_letters"."payload" is null and "dlo"."dead_letters"."payload_data" is null))
);
--> statement-breakpoint
CREATE TABLE "dlo"."deaths" (
	"id" uuid PRIMARY KEY NOT NULL,
	"letter_id" uuid NOT NULL,
	"n" integer NOT NULL,
	"namespace" text NOT NULL,
	"workflow_id" text NOT NULL,
	"run_id" text NOT NULL,
	"reason" text NOT NULL,
	"category" text NOT NULL,
	"cause_id" uuid NOT NULL,
	"error_type" text NOT NULL,
	"error_message" text NOT NULL,
	"stack_trace" text,
	"failure" jsonb NOT NULL,
	"attempts" integer NOT NULL,
	"started_at" timestamp (3) with time zone,
	"died_at" timestamp (3) with time zone NOT NULL,
	"build_id" text,
	"worker_identity" text,
	"payload_data" "bytea",
	CONSTRAINT "deaths_once" UNIQUE("workflow_id","namespace","run_id"),
	CONSTRAINT "deaths_in_order" UNIQUE("letter_id","n"),
	CONSTRAINT "deaths_numbered" CHECK ("dlo"."deaths"."n" >= 1),
	CONSTRAINT "deaths_reason_known" CHECK ("dlo"."deaths"."reason" in ('exhausted', 'non_retryable', 'timed_out', 'given_up', 'lost', 'failed')),
	CONSTRAINT "deaths_category_known" CHECK ("dlo"."deaths"."category" in ('timeout', 'network', 'dependency', 'rate_limit', 'resource', 'data', 'auth', 'code', 'lost', 'unknown'))
);
--> statement-breakpoint
CREATE TABLE "dlo"."events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "dlo"."events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp (3) with time zone DEFAULT date_trunc('milliseconds', clock_timestamp()) NOT NULL,
	"position" bigint,
	"letter_id" uuid NOT NULL,
	"namespace" text NOT NULL,
	"workflow_id" text NOT NULL,
	"type" text NOT NULL,
	"by" text,
	"reason" text,
	"request_id" text,
	"run_id" text,
	"revision" integer,
	"data" jsonb
);
--> statement-breakpoint
CREATE TABLE "dlo"."office" (
	"singleton" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"database_id" uuid NOT NULL,
	"schema_version" integer NOT NULL,
	"minimum_code_version" integer NOT NULL,
	CONSTRAINT "office_one_row" CHECK ("dlo"."office"."singleton")
);
--> statement-breakpoint
ALTER TABLE "dlo"."attempts" ADD CONSTRAINT "attempts_letter_id_dead_letters_id_fk" FOREIGN KEY ("letter_id") REFERENCES "dlo"."dead_letters"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD CONSTRAINT "dead_letters_cause_id_causes_id_fk" FOREIGN KEY ("cause_id") REFERENCES "dlo"."causes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "dlo"."deaths" ADD CONSTRAINT "deaths_letter_id_dead_letters_id_fk" FOREIGN KEY ("letter_id") REFERENCES "dlo"."dead_letters"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "dlo"."deaths" ADD CONSTRAINT "deaths_cause_id_causes_id_fk" FOREIGN KEY ("cause_id") REFERENCES "dlo"."causes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "dlo"."events" ADD CONSTRAINT "events_letter_id_dead_letters_id_fk" FOREIGN KEY ("letter_id") REFERENCES "dlo"."dead_letters"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letters_one_open" ON "dlo"."dead_letters" USING btree ("namespace","workflow_id") WHERE "dlo"."dead_letters"."closed_at" is null;--> statement-breakpoint
CREATE INDEX "dead_letters_newest" ON "dlo"."dead_letters" USING btree (failed_at desc,id desc) INCLUDE (job, queue, status, category, reason, cause_id, error_type, deaths, retries);--> statement-breakpoint
CREATE INDEX "dead_letters_open_newest" ON "dlo"."dead_letters" USING btree (failed_at desc,id desc) INCLUDE (job, queue, status, category, reason, cause_id, error_type, deaths, retries) WHERE "dlo"."dead_letters"."closed_at" is null;--> statement-breakpoint
CREATE INDEX "dead_letters_open_expiring" ON "dlo"."dead_letters" USING btree ("expires_at","id") WHERE "dlo"."dead_letters"."closed_at" is null;--> statement-breakpoint
CREATE INDEX "dead_letters_by_job" ON "dlo"."dead_letters" USING btree ("job",failed_at desc,id desc);--> statement-breakpoint
CREATE INDEX "dead_letters_by_queue" ON "dlo"."dead_letters" USING btree ("queue",failed_at desc,id desc);--> statement-breakpoint
CREATE INDEX "dead_letters_by_cause" ON "dlo"."dead_letters" USING btree ("cause_id",failed_at desc,id desc);--> statement-breakpoint
CREATE INDEX "dead_letters_by_key" ON "dlo"."dead_letters" USING btree ("key",failed_at desc,id desc) WHERE "dlo"."dead_letters"."key" is not null;--> statement-breakpoint
CREATE INDEX "events_of_letter" ON "dlo"."events" USING btree ("letter_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "events_position" ON "dlo"."events" USING btree ("position") WHERE "dlo"."events"."position" is not null;--> statement-breakpoint
CREATE INDEX "events_without_position" ON "dlo"."events" USING btree ("id") WHERE "dlo"."events"."position" is null;