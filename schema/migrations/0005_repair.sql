CREATE TABLE "dlo"."adoptions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"namespace" text NOT NULL,
	"watch" text,
	"query" text NOT NULL,
	"what" text NOT NULL,
	"began_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"by" text NOT NULL,
	"reason" text,
	"swept_until" timestamp (3) with time zone,
	"adopted" integer DEFAULT 0 NOT NULL,
	"skipped" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "adoptions_what_known" CHECK ("dlo"."adoptions"."what" in ('workflows', 'activities'))
);
--> statement-breakpoint
CREATE TABLE "dlo"."reconciles" (
	"id" uuid PRIMARY KEY NOT NULL,
	"namespace" text NOT NULL,
	"began_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"by" text NOT NULL,
	"reason" text,
	"dry_run" boolean NOT NULL,
	"thorough" boolean NOT NULL,
	"swept_until" timestamp (3) with time zone,
	"found" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"mended" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "reconciles_mended" CHECK ("dlo"."reconciles"."mended" >= 0 and (not "dlo"."reconciles"."dry_run" or "dlo"."reconciles"."mended" = 0))
);
--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD COLUMN "retry_run_id" text;--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD COLUMN "superseded_by" text DEFAULT 'id' NOT NULL;--> statement-breakpoint
CREATE INDEX "adoptions_newest" ON "dlo"."adoptions" USING btree ("namespace",began_at desc,id desc);--> statement-breakpoint
CREATE INDEX "adoptions_of_watch" ON "dlo"."adoptions" USING btree ("namespace","watch",began_at desc) WHERE "dlo"."adoptions"."watch" is not null;--> statement-breakpoint
CREATE INDEX "reconciles_newest" ON "dlo"."reconciles" USING btree ("namespace",began_at desc,id desc);--> statement-breakpoint
ALTER TABLE "dlo"."dead_letters" ADD CONSTRAINT "dead_letters_superseded_by_known" CHECK ("dlo"."dead_letters"."superseded_by" in ('id', 'key'));--> statement-breakpoint
comment on column dlo.dead_letters.retry_run_id is 'Run that its current or last retry started. Null: it was not retried yet.';
comment on column dlo.dead_letters.superseded_by is 'Whose later success closes it: id (a run of the same workflow id) or key (also a run of the job with the same key).';
comment on table dlo.reconciles is 'A row for each time that Temporal and Postgres were compared, and mended where they differed.';
comment on column dlo.reconciles.id is 'UUID v7.';
comment on column dlo.reconciles.namespace is 'Temporal namespace.';
comment on column dlo.reconciles.began_at is 'When it began.';
comment on column dlo.reconciles.ended_at is 'When it ended. Null: it is under way, or was interrupted.';
comment on column dlo.reconciles.by is 'Who asked for it; office for the schedule.';
comment on column dlo.reconciles.reason is 'Why.';
comment on column dlo.reconciles.dry_run is 'Whether it only looked.';
comment on column dlo.reconciles.thorough is 'Whether it asked each open letter for its state.';
comment on column dlo.reconciles.swept_until is 'Runs that closed before were looked at: the next one goes on from here.';
comment on column dlo.reconciles.found is 'How many of what it found: lost, timed_out, unrecorded, no_workflow, no_row, differs, succeeded.';
comment on column dlo.reconciles.mended is 'How many of these it mended.';
comment on table dlo.adoptions is 'A row for each time that failed workflows or activities of other make were looked for, to become letters.';
comment on column dlo.adoptions.id is 'UUID v7.';
comment on column dlo.adoptions.namespace is 'Temporal namespace.';
comment on column dlo.adoptions.watch is 'Name of the schedule that asked for it. Null: a person did.';
comment on column dlo.adoptions.query is 'Visibility query that says which ones.';
comment on column dlo.adoptions.what is 'workflows, or standalone activities.';
comment on column dlo.adoptions.began_at is 'When it began.';
comment on column dlo.adoptions.ended_at is 'When it ended. Null: it is under way, or was interrupted.';
comment on column dlo.adoptions.by is 'Who asked for it.';
comment on column dlo.adoptions.reason is 'Why.';
comment on column dlo.adoptions.swept_until is 'Runs that closed before were looked at: the next one of this watch goes on from here.';
comment on column dlo.adoptions.adopted is 'How many became letters.';
comment on column dlo.adoptions.skipped is 'How many did not, by why not.';
