-- The whole schema, as the migrations make it. Generated: npx vitest run test/schema/migrations.test.ts -u

-- A row for each time that failed workflows or activities of other make were looked for, to become letters.
create table dlo.adoptions (
  id uuid not null, -- UUID v7.
  namespace text not null, -- Temporal namespace.
  watch text, -- Name of the schedule that asked for it. Null: a person did.
  query text not null, -- Visibility query that says which ones.
  what text not null, -- workflows, or standalone activities.
  began_at timestamp(3) with time zone not null, -- When it began.
  ended_at timestamp(3) with time zone, -- When it ended. Null: it is under way, or was interrupted.
  by text not null, -- Who asked for it.
  reason text, -- Why.
  swept_until timestamp(3) with time zone, -- Runs that closed before were looked at: the next one of this watch goes on from here.
  adopted integer not null default 0, -- How many became letters.
  skipped jsonb not null default '{}'::jsonb, -- How many did not, by why not.
  constraint adoptions_what_known CHECK ((what = ANY (ARRAY['workflows'::text, 'activities'::text]))),
  constraint adoptions_pkey PRIMARY KEY (id)
);
CREATE INDEX adoptions_newest ON dlo.adoptions USING btree (namespace, began_at DESC, id DESC);
CREATE INDEX adoptions_of_watch ON dlo.adoptions USING btree (namespace, watch, began_at DESC) WHERE (watch IS NOT NULL);

-- Changes to time_counts of attempt_error, appended by triggers and folded by the office.
create table dlo.attempt_deltas (
  id bigint not null generated always as identity, -- In the order of writing.
  namespace text not null, -- Temporal namespace.
  bucket timestamp(3) with time zone not null, -- Begin of the quarter of an hour.
  error_type text not null, -- Type of the attempt's error.
  n integer not null, -- How many failed attempts more.
  constraint attempt_deltas_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000);

-- A row for each attempt of a run that died: the first 5 and the last 95 of them. Only appended to.
create table dlo.attempts (
  letter_id uuid not null, -- Letter that it belongs to.
  death_n integer not null, -- Death that it led to: deaths.n.
  n integer not null, -- Number of the attempt within its run, from 1.
  state text not null, -- failed, interrupted (a worker shut down; not counted), timed_out, lost (no answer), open (no answer yet).
  error_type text, -- Type of its error. At most 250 bytes.
  error_message text, -- Message of its error.
  stack_trace text, -- First frames of its error's stack.
  failure jsonb, -- Its error, bounded to 2 KiB.
  category text, -- What went wrong; the words of dead_letters.category.
  started_at timestamp(3) with time zone, -- When it began. Null: it died before it could say so.
  ended_at timestamp(3) with time zone, -- When it ended, where that is known.
  heartbeats integer, -- How often it beat.
  last_heartbeat_at timestamp(3) with time zone, -- When it beat last.
  progress jsonb, -- How far it came, as its handler said: {current, total, phase}.
  worker_identity text, -- Identity of the worker that ran it.
  build_id text, -- Build of that worker.
  constraint attempts_category_known CHECK ((category = ANY (ARRAY['timeout'::text, 'network'::text, 'dependency'::text, 'rate_limit'::text, 'resource'::text, 'data'::text, 'auth'::text, 'code'::text, 'lost'::text, 'unknown'::text]))),
  constraint attempts_state_known CHECK ((state = ANY (ARRAY['open'::text, 'failed'::text, 'interrupted'::text, 'timed_out'::text, 'lost'::text]))),
  constraint attempts_letter_id_dead_letters_id_fk FOREIGN KEY (letter_id) REFERENCES dlo.dead_letters(id) ON DELETE CASCADE,
  constraint attempts_in_order PRIMARY KEY (letter_id, death_n, n)
);
CREATE INDEX attempts_by_error ON dlo.attempts USING btree (error_type, letter_id);
CREATE TRIGGER counted_in AFTER INSERT ON dlo.attempts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION dlo.count_attempts();

-- Deaths of a cause by the worker's build. What is not folded in yet is in death_deltas.
create table dlo.cause_builds (
  cause_id uuid not null, -- Cause.
  build_id text not null, -- Build; empty where the worker did not say.
  first_at timestamp(3) with time zone not null, -- First death of it there.
  last_at timestamp(3) with time zone not null, -- Last death of it there.
  n bigint not null, -- Deaths.
  constraint cause_builds_once PRIMARY KEY (cause_id, build_id)
);
CREATE INDEX cause_builds_by_build ON dlo.cause_builds USING btree (build_id, first_at);

-- Letters by namespace, job, status and cause: the same as letter_counts by fewer facets, for what is asked most.
create table dlo.cause_counts (
  namespace text not null, -- Temporal namespace.
  job text not null, -- Job.
  status text not null, -- Status.
  cause_id uuid not null, -- Cause of the last death.
  n bigint not null, -- How many letters.
  constraint cause_counts_once PRIMARY KEY (cause_id, namespace, job, status)
);

-- Errors of the same kind at the same place, by a fingerprint. Letters are grouped by it.
create table dlo.causes (
  id uuid not null, -- Made from the fingerprint, so that it is the same everywhere.
  fingerprint text not null, -- Error type, message without its variable parts, and the topmost frame of the user's own code.
  version integer not null, -- Version of the rules that the fingerprint was made by.
  title text not null, -- One line for people.
  error_type text not null, -- Type of the error, such as TypeError.
  first_seen_at timestamp(3) with time zone not null, -- Death that brought it first. When it was last seen is in deaths: no death writes to a shared row.
  rule text, -- Name of the fingerprint rule of the office's configuration that made it; null for the built-in ones.
  state text not null default 'open'::text, -- open, resolved, or ignored. An ignored one whose time has passed counts as open.
  state_at timestamp(3) with time zone, -- When its state was set last.
  state_by text, -- Who set it.
  state_reason text, -- Why, in their words.
  resolved_in_build text, -- Build that mended it: a death of an older build does not bring it back.
  ignored_until timestamp(3) with time zone, -- Ignored until then.
  ignored_deaths integer, -- Ignored until so many more deaths came; with ignored_rate_ms, within such a span.
  ignored_rate_ms bigint, -- Span of ignored_deaths in milliseconds. Null: counted since state_at.
  returned_at timestamp(3) with time zone, -- When it last came back after it was resolved or ignored. Null once its state is set again.
  owner text, -- Who looks after it.
  note text, -- What people wrote about it.
  constraint causes_ignored_rate CHECK (((ignored_rate_ms IS NULL) OR (ignored_deaths IS NOT NULL))),
  constraint causes_ignored_until CHECK (((state = 'ignored'::text) OR ((ignored_until IS NULL) AND (ignored_deaths IS NULL)))),
  constraint causes_resolved_build CHECK (((resolved_in_build IS NULL) OR (state = 'resolved'::text))),
  constraint causes_state_known CHECK ((state = ANY (ARRAY['open'::text, 'resolved'::text, 'ignored'::text]))),
  constraint causes_pkey PRIMARY KEY (id)
);

-- How far each follower that keeps its place here has come in dlo.events.
create table dlo.cursors (
  name text not null, -- Name of the follower.
  "position" bigint not null, -- Position of the last event that it has dealt with.
  moved_at timestamp(3) with time zone not null, -- When it came there.
  constraint cursors_pkey PRIMARY KEY (name)
);

-- A row for each dead letter: a job that died and waits until somebody or a policy acts. At most one open row for a workflow id in a namespace. The letter's workflow is the truth and this row its projection.
create table dlo.dead_letters (
  id uuid not null, -- UUID v7: ids sort by when the letter was opened.
  namespace text not null, -- Temporal namespace of the job.
  workflow_id text not null, -- Workflow id of the job. The letter's own workflow is dead-letter/ and this id.
  run_id text not null, -- Run that died last.
  workflow_type text not null, -- Workflow type of that run; a job's is its name.
  task_queue text not null, -- Task queue that a retry is started on.
  kind text not null, -- What died: job, workflow, activity, record, step.
  job text not null, -- Name of the job; for other kinds the type of what died. At most 250 bytes.
  queue text not null, -- Dead letter queue that the letter is filed under.
  status text not null, -- parked, retrying (open); recovered, expired, discarded, superseded (closed). Expired and discarded ones can be opened again.
  reason text not null, -- What ended the run that died last: exhausted, non_retryable, timed_out, given_up, lost, failed.
  category text not null, -- What went wrong then: timeout, network, dependency, rate_limit, resource, data, auth, code, lost, unknown.
  error_type text not null, -- Type of its last error. At most 250 bytes; the whole is in failure.
  error_message text not null, -- Message of its last error.
  cause_id uuid not null, -- Cause of its last death.
  stack_trace text, -- Stack trace of its last error, where there is one.
  failure jsonb not null, -- Its last error, whole: type, message, stack, causes, further properties. Bounded to 64 KiB.
  payload jsonb, -- Decoded input of the job, for looking; an array where it has several arguments. Null where it is encrypted or omitted.
  payload_data bytea, -- Encoded input that a retry starts with: a serialized temporal.api.common.v1.Payloads.
  original_payload_data bytea, -- Encoded input before the first amendment. Null: it was not amended.
  payload_omitted boolean not null default false, -- True: the queue stores no payloads, so a retry has to bring one.
  memo_data bytea, -- Encoded memo of the run that died last, which a retry carries on: a serialized Payload.
  headers jsonb not null default '{}'::jsonb, -- Headers that the caller gave the job: text by name.
  key text, -- What the job is about, by its contract or its caller: an order, a customer. At most 250 bytes.
  idempotency_key text not null, -- Stays the same over attempts and retries; the workflow id unless the caller gave another.
  attempts integer not null, -- Attempts over all deaths; those that a shutdown interrupted don't count.
  deaths integer not null default 1, -- How often the job died since the letter was opened; at least 1.
  retries integer not null default 0, -- Runs that a retry of this letter started.
  expiry_retries integer not null default 0, -- Those of them that nobody asked for: by the end of the retention, or by autoRetry.
  first_failed_at timestamp(3) with time zone not null, -- First death.
  failed_at timestamp(3) with time zone not null, -- Last death.
  expires_at timestamp(3) with time zone, -- When it expires unless somebody acts. Null: never, or the clock stands still because a retry runs or is set for later.
  retry_at timestamp(3) with time zone, -- When a retry that was put off is due.
  retried_at timestamp(3) with time zone, -- When the last retry started.
  closed_at timestamp(3) with time zone, -- When it was closed. Null: it is open.
  close_reason text, -- Why, in the words of whoever closed it.
  keep_until timestamp(3) with time zone, -- When a closed letter may be pruned. Null: it is open, or kept without end.
  build_id text, -- Build of the worker that ran the last attempt.
  worker_identity text, -- Identity of that worker.
  started_by text, -- Who or what started the run that died first, where it is known.
  source jsonb, -- Where the letter came from, if not from a job that died here.
  batch text, -- The caller's group of runs.
  trace_id text, -- W3C trace id, from the header traceparent.
  revision integer not null default 0, -- Grows with each change that the letter's workflow makes; an older one is never written over a newer one.
  tags text[] not null default '{}'::text[], -- Free words of the job's contract.
  retention_ms bigint, -- How long it waits, parked, before it expires, in milliseconds. Null: without end.
  keep_for_ms bigint, -- How long the row is kept after closing, in milliseconds. Null: without end.
  on_expire text not null default 'expire'::text, -- What the end of the retention does: expire, retry, or hand_on.
  maximum_retries integer not null default 3, -- Retries that nobody asked for, at most.
  cleaned boolean not null default false, -- True: something that Postgres refuses (NUL, half a surrogate pair) or has no room for was replaced in some column. payload_data has the true input.
  retry_when text, -- Probe of the office's configuration that its retry waits for. Null: none.
  hand_on_to text, -- Queue that it is filed under at the end of its retention, where on_expire is hand_on.
  warn_before_ms bigint, -- So long before it expires there is an event. Null: none.
  auto_retry jsonb, -- When it is retried by itself: categories, afterMs, backoffCoefficient, maximumRetries, withinMs. Null: never.
  own_policy jsonb not null default '{}'::jsonb, -- What goes before its queue's policy: retentionMs, keepForMs, onExpire, maximumRetries, as the job's contract said them, or the last extend.
  own_code text[] not null default '{}'::text[], -- Code of the job that the letter runs: onDead, onExpire.
  failed_code text, -- The one of these that failed last, and was not run again since. Null: none.
  retry_run_id text, -- Run that its current or last retry started. Null: it was not retried yet.
  superseded_by text not null default 'id'::text, -- Whose later success closes it: id (a run of the same workflow id) or key (also a run of the job with the same key).
  constraint dead_letters_category_known CHECK ((category = ANY (ARRAY['timeout'::text, 'network'::text, 'dependency'::text, 'rate_limit'::text, 'resource'::text, 'data'::text, 'auth'::text, 'code'::text, 'lost'::text, 'unknown'::text]))),
  constraint dead_letters_clock_runs_while_parked CHECK (((expires_at IS NULL) OR (status = 'parked'::text))),
  constraint dead_letters_closing_is_final CHECK (((closed_at IS NOT NULL) OR ((close_reason IS NULL) AND (keep_until IS NULL)))),
  constraint dead_letters_counts CHECK (((attempts >= 0) AND (retries >= 0) AND (expiry_retries >= 0) AND (maximum_retries >= 0))),
  constraint dead_letters_died CHECK ((deaths >= 1)),
  constraint dead_letters_hand_on CHECK (((on_expire = 'hand_on'::text) = (hand_on_to IS NOT NULL))),
  constraint dead_letters_kind_known CHECK ((kind = ANY (ARRAY['job'::text, 'workflow'::text, 'activity'::text, 'record'::text, 'step'::text]))),
  constraint dead_letters_omitted_payload CHECK (((NOT payload_omitted) OR ((payload IS NULL) AND (payload_data IS NULL)))),
  constraint dead_letters_on_expire_known CHECK ((on_expire = ANY (ARRAY['expire'::text, 'retry'::text, 'hand_on'::text]))),
  constraint dead_letters_one_clock CHECK (((expires_at IS NULL) OR (retry_at IS NULL))),
  constraint dead_letters_open_until_closed CHECK (((status = ANY (ARRAY['parked'::text, 'retrying'::text])) = (closed_at IS NULL))),
  constraint dead_letters_probe_waits_while_parked CHECK (((retry_when IS NULL) OR ((status = 'parked'::text) AND (expires_at IS NULL) AND (retry_at IS NULL)))),
  constraint dead_letters_reason_known CHECK ((reason = ANY (ARRAY['exhausted'::text, 'non_retryable'::text, 'timed_out'::text, 'given_up'::text, 'lost'::text, 'failed'::text]))),
  constraint dead_letters_retry_waits_while_parked CHECK (((retry_at IS NULL) OR (status = 'parked'::text))),
  constraint dead_letters_revision_counts_up CHECK ((revision >= 0)),
  constraint dead_letters_status_known CHECK ((status = ANY (ARRAY['parked'::text, 'retrying'::text, 'recovered'::text, 'expired'::text, 'discarded'::text, 'superseded'::text]))),
  constraint dead_letters_superseded_by_known CHECK ((superseded_by = ANY (ARRAY['id'::text, 'key'::text]))),
  constraint dead_letters_cause_id_causes_id_fk FOREIGN KEY (cause_id) REFERENCES dlo.causes(id),
  constraint dead_letters_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_insert_scale_factor=0.02, autovacuum_analyze_scale_factor=0.02);
CREATE INDEX dead_letters_by_cause ON dlo.dead_letters USING btree (cause_id, failed_at DESC, id DESC);
CREATE INDEX dead_letters_by_job ON dlo.dead_letters USING btree (job, failed_at DESC, id DESC);
CREATE INDEX dead_letters_by_key ON dlo.dead_letters USING btree (key, failed_at DESC, id DESC) WHERE (key IS NOT NULL);
CREATE INDEX dead_letters_by_queue ON dlo.dead_letters USING btree (queue, failed_at DESC, id DESC);
CREATE INDEX dead_letters_closed ON dlo.dead_letters USING btree (closed_at) INCLUDE (status, first_failed_at, job, queue) WHERE (closed_at IS NOT NULL);
CREATE INDEX dead_letters_failed_code ON dlo.dead_letters USING btree (failed_code, failed_at DESC) WHERE (failed_code IS NOT NULL);
CREATE INDEX dead_letters_most_deaths ON dlo.dead_letters USING btree (deaths DESC, failed_at DESC, id DESC);
CREATE INDEX dead_letters_newest ON dlo.dead_letters USING btree (failed_at DESC, id DESC) INCLUDE (job, queue, status, category, reason, cause_id, error_type, deaths, retries);
CREATE INDEX dead_letters_open_expiring ON dlo.dead_letters USING btree (expires_at, id) WHERE (closed_at IS NULL);
CREATE INDEX dead_letters_open_message ON dlo.dead_letters USING gin (error_message dlo.gin_trgm_ops) WHERE (closed_at IS NULL);
CREATE INDEX dead_letters_open_newest ON dlo.dead_letters USING btree (failed_at DESC, id DESC) INCLUDE (job, queue, status, category, reason, cause_id, error_type, deaths, retries) WHERE (closed_at IS NULL);
CREATE INDEX dead_letters_open_payload ON dlo.dead_letters USING gin (((payload)::text) dlo.gin_trgm_ops) WHERE (closed_at IS NULL);
CREATE INDEX dead_letters_tags ON dlo.dead_letters USING gin (tags);
CREATE UNIQUE INDEX dead_letters_one_open ON dlo.dead_letters USING btree (namespace, workflow_id) WHERE (closed_at IS NULL);
CREATE TRIGGER counted_anew AFTER UPDATE ON dlo.dead_letters REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION dlo.count_letters();
CREATE TRIGGER counted_in AFTER INSERT ON dlo.dead_letters REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION dlo.count_letters();
CREATE TRIGGER counted_out AFTER DELETE ON dlo.dead_letters REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION dlo.count_letters();

-- Changes to time_counts and cause_builds, appended by triggers and folded by the office.
create table dlo.death_deltas (
  id bigint not null generated always as identity, -- In the order of writing.
  namespace text not null, -- Temporal namespace.
  bucket timestamp(3) with time zone not null, -- Begin of the quarter of an hour.
  job text not null, -- Job of the letter.
  queue text not null, -- Queue of the letter.
  reason text not null, -- Reason of the deaths.
  category text not null, -- Category of the deaths.
  cause_id uuid not null, -- Cause of the deaths.
  build_id text not null, -- Build of the worker; empty where it did not say.
  first_at timestamp(3) with time zone not null, -- First of these deaths.
  last_at timestamp(3) with time zone not null, -- Last of these deaths.
  n integer not null, -- How many deaths more, or fewer.
  constraint death_deltas_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000);

-- A row for each death of a letter: one end of one run. Only appended to.
create table dlo.deaths (
  id uuid not null, -- UUID v7.
  letter_id uuid not null, -- Letter that it belongs to.
  n integer not null, -- Number of the death within its letter, from 1.
  namespace text not null, -- Temporal namespace of the run.
  workflow_id text not null, -- Workflow id of the run.
  run_id text not null, -- The run that died; it dies once.
  reason text not null, -- What ended the run; the words of dead_letters.reason.
  category text not null, -- What went wrong; the words of dead_letters.category.
  cause_id uuid not null, -- Cause of the last error.
  error_type text not null, -- Type of the last error. At most 250 bytes.
  error_message text not null, -- Message of the last error.
  stack_trace text, -- Stack trace of the last error.
  failure jsonb not null, -- The last error, whole.
  attempts integer not null, -- Attempts of the run, also those that have no row.
  started_at timestamp(3) with time zone, -- When the run started.
  died_at timestamp(3) with time zone not null, -- When it died.
  build_id text, -- Build of the worker that ran the last attempt.
  worker_identity text, -- Identity of that worker.
  payload_data bytea, -- Encoded input of the run. Null where the queue omits payloads.
  constraint deaths_category_known CHECK ((category = ANY (ARRAY['timeout'::text, 'network'::text, 'dependency'::text, 'rate_limit'::text, 'resource'::text, 'data'::text, 'auth'::text, 'code'::text, 'lost'::text, 'unknown'::text]))),
  constraint deaths_numbered CHECK ((n >= 1)),
  constraint deaths_reason_known CHECK ((reason = ANY (ARRAY['exhausted'::text, 'non_retryable'::text, 'timed_out'::text, 'given_up'::text, 'lost'::text, 'failed'::text]))),
  constraint deaths_cause_id_causes_id_fk FOREIGN KEY (cause_id) REFERENCES dlo.causes(id),
  constraint deaths_letter_id_dead_letters_id_fk FOREIGN KEY (letter_id) REFERENCES dlo.dead_letters(id) ON DELETE CASCADE,
  constraint deaths_pkey PRIMARY KEY (id),
  constraint deaths_in_order UNIQUE (letter_id, n),
  constraint deaths_once UNIQUE (workflow_id, namespace, run_id)
);
CREATE INDEX deaths_by_time ON dlo.deaths USING btree (died_at);
CREATE INDEX deaths_of_cause ON dlo.deaths USING btree (cause_id, died_at);
CREATE TRIGGER counted_anew AFTER UPDATE ON dlo.deaths REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION dlo.count_deaths();
CREATE TRIGGER counted_in AFTER INSERT ON dlo.deaths REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION dlo.count_deaths();

-- All that happened to letters and causes: audit and outbox. Append-only but for position.
create table dlo.events (
  id bigint not null generated always as identity, -- In the order of writing; concurrent writers may commit out of it, so follow position instead.
  at timestamp(3) with time zone not null default date_trunc('milliseconds'::text, clock_timestamp()), -- When it happened.
  "position" bigint, -- Cursor for followers: without gaps, in the order in which the office saw the events. Null until it has.
  letter_id uuid, -- Letter that it concerns. Null: it concerns a cause or a redrive.
  namespace text, -- Temporal namespace. Null where a cause was changed by hand: causes have none.
  workflow_id text, -- Workflow id of the job. Null for what concerns a cause.
  type text not null, -- What happened: parked, retry_asked, retrying, retry_cancelled, waiting, died_again, recovered, expired, discarded, superseded, amended, extended, noted, refused; later releases add some.
  by text, -- Who did it; office where nobody asked.
  reason text, -- Why, in their words.
  request_id text, -- Request that brought it; a repeat of it brings no second event.
  run_id text, -- Run that it concerns.
  revision integer, -- Revision that it brought the letter to. Null for deaths that the letter did not write itself.
  data jsonb, -- What else is known, by type.
  cause_id uuid, -- Cause that it concerns; of a death, the one it died of.
  redrive_id uuid, -- Redrive that it concerns, in dlo.redrives; null for what concerns a letter or a cause.
  constraint events_concern_something CHECK (((letter_id IS NOT NULL) OR (cause_id IS NOT NULL) OR (redrive_id IS NOT NULL))),
  constraint events_cause_id_causes_id_fk FOREIGN KEY (cause_id) REFERENCES dlo.causes(id),
  constraint events_letter_id_dead_letters_id_fk FOREIGN KEY (letter_id) REFERENCES dlo.dead_letters(id) ON DELETE CASCADE,
  constraint events_redrive_id_redrives_id_fk FOREIGN KEY (redrive_id) REFERENCES dlo.redrives(id),
  constraint events_pkey PRIMARY KEY (id)
);
CREATE INDEX events_of_cause ON dlo.events USING btree (cause_id, id) WHERE (letter_id IS NULL);
CREATE INDEX events_of_letter ON dlo.events USING btree (letter_id, id);
CREATE INDEX events_of_redrive ON dlo.events USING btree (redrive_id, id) WHERE (redrive_id IS NOT NULL);
CREATE INDEX events_signed ON dlo.events USING btree (letter_id, at) WHERE ((by IS NOT NULL) AND (by <> 'office'::text));
CREATE INDEX events_without_position ON dlo.events USING btree (id) WHERE ("position" IS NULL);
CREATE UNIQUE INDEX events_position ON dlo.events USING btree ("position") WHERE ("position" IS NOT NULL);

-- Letters by every combination of facets that occurs. What is not folded in yet is in letter_deltas: the count is the sum of both.
create table dlo.letter_counts (
  namespace text not null, -- Temporal namespace.
  kind text not null, -- What died.
  job text not null, -- Job.
  queue text not null, -- Dead letter queue.
  status text not null, -- Status.
  reason text not null, -- Reason of the last death.
  category text not null, -- Category of the last death.
  error_type text not null, -- Type of the last error.
  cause_id uuid not null, -- Cause of the last death.
  retried boolean not null, -- Whether a retry was started.
  n bigint not null, -- How many letters.
  constraint letter_counts_once PRIMARY KEY (cause_id, namespace, kind, job, queue, status, reason, category, error_type, retried)
);
CREATE INDEX letter_counts_by_namespace ON dlo.letter_counts USING btree (namespace);

-- Changes to letter_counts, cause_counts and queue_counts, appended by triggers and folded by the office.
create table dlo.letter_deltas (
  id bigint not null generated always as identity, -- In the order of writing.
  namespace text not null, -- Temporal namespace.
  kind text not null, -- What died.
  job text not null, -- Job.
  queue text not null, -- Dead letter queue.
  status text not null, -- Status.
  reason text not null, -- Reason of the last death.
  category text not null, -- Category of the last death.
  error_type text not null, -- Type of the last error.
  cause_id uuid not null, -- Cause of the last death.
  retried boolean not null, -- Whether a retry was started.
  n integer not null, -- How many letters more, or fewer.
  constraint letter_deltas_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000);

-- One row: which database this is, and which code may use it.
create table dlo.office (
  singleton boolean not null default true, -- Always true, so that there is one row.
  database_id uuid not null, -- Names this database; an office's resting workflow remembers it, so that it never writes into another.
  schema_version integer not null, -- How many migrations this database has.
  minimum_code_version integer not null, -- The least migration that code must have been written against to use this database.
  last_position bigint not null default 0, -- Position of the event that was numbered last. Kept here, as that event may be pruned.
  constraint office_one_row CHECK (singleton),
  constraint office_pkey PRIMARY KEY (singleton)
);

-- A row for each time that closed letters were deleted.
create table dlo.prunes (
  id uuid not null, -- UUID v7.
  namespace text not null, -- Temporal namespace.
  began_at timestamp(3) with time zone not null, -- When it began.
  ended_at timestamp(3) with time zone, -- When it ended. Null: it is under way, or was interrupted.
  by text not null, -- Who asked for it; office for the schedule.
  reason text, -- Why.
  rule jsonb not null, -- Which letters: filter, and the age in place of their keep time.
  letters integer not null default 0, -- How many letters were deleted, with their deaths, attempts and events.
  oldest_closed_at timestamp(3) with time zone, -- When the first of them had been closed.
  newest_closed_at timestamp(3) with time zone, -- When the last of them had been closed.
  constraint prunes_pkey PRIMARY KEY (id)
);
CREATE INDEX prunes_newest ON dlo.prunes USING btree (began_at DESC, id DESC);

-- Letters by namespace, job, queue, status, category and reason: the same as letter_counts by fewer facets, for what is asked most.
create table dlo.queue_counts (
  namespace text not null, -- Temporal namespace.
  job text not null, -- Job.
  queue text not null, -- Dead letter queue.
  status text not null, -- Status.
  category text not null, -- Category of the last death.
  reason text not null, -- Reason of the last death.
  n bigint not null, -- How many letters.
  constraint queue_counts_once PRIMARY KEY (namespace, queue, job, status, category, reason)
);

-- A row for each time that Temporal and Postgres were compared, and mended where they differed.
create table dlo.reconciles (
  id uuid not null, -- UUID v7.
  namespace text not null, -- Temporal namespace.
  began_at timestamp(3) with time zone not null, -- When it began.
  ended_at timestamp(3) with time zone, -- When it ended. Null: it is under way, or was interrupted.
  by text not null, -- Who asked for it; office for the schedule.
  reason text, -- Why.
  dry_run boolean not null, -- Whether it only looked.
  thorough boolean not null, -- Whether it asked each open letter for its state.
  swept_until timestamp(3) with time zone, -- Runs that closed before were looked at: the next one goes on from here.
  found jsonb not null default '{}'::jsonb, -- How many of what it found: lost, timed_out, unrecorded, undecodable, no_workflow, no_row, differs, succeeded.
  mended integer not null default 0, -- How many of these it mended.
  constraint reconciles_mended CHECK (((mended >= 0) AND ((NOT dry_run) OR (mended = 0)))),
  constraint reconciles_pkey PRIMARY KEY (id)
);
CREATE INDEX reconciles_newest ON dlo.reconciles USING btree (namespace, began_at DESC, id DESC);

-- A row for each letter of a redrive, with what came of it. It outlives the letter.
create table dlo.redrive_items (
  redrive_id uuid not null, -- Redrive.
  n integer not null, -- Its place in the order, from 1.
  letter_id uuid not null, -- Letter, in dlo.dead_letters until it is pruned.
  workflow_id text not null, -- Workflow id of the job.
  job text not null, -- Job.
  cause_id uuid not null, -- Cause of its last death when the redrive began.
  deaths integer not null, -- How often it had died by then.
  key text, -- Letters of one key are retried one after the other.
  key_n integer, -- Its place among those of its key, by the first death.
  state text not null, -- behind (an earlier one of its key comes first), waiting, running, recovered, died_again, done, refused, skipped.
  code text, -- Why it was refused or skipped, as a word to count by.
  why text, -- The same as a sentence.
  run_id text, -- Run that its retry started.
  new_cause_id uuid, -- Cause that it died again of.
  asked boolean not null default false, -- Whether its letter is known to have been asked.
  counted boolean not null default false, -- Whether its outcome is in the counts of dlo.redrives.
  begun_at timestamp(3) with time zone, -- When its turn came.
  ended_at timestamp(3) with time zone, -- When its outcome came.
  constraint redrive_items_ended CHECK (((ended_at IS NULL) = (state = ANY (ARRAY['behind'::text, 'waiting'::text, 'running'::text])))),
  constraint redrive_items_state_known CHECK ((state = ANY (ARRAY['behind'::text, 'waiting'::text, 'running'::text, 'recovered'::text, 'died_again'::text, 'done'::text, 'refused'::text, 'skipped'::text]))),
  constraint redrive_items_redrive_id_redrives_id_fk FOREIGN KEY (redrive_id) REFERENCES dlo.redrives(id) ON DELETE CASCADE,
  constraint redrive_items_in_order PRIMARY KEY (redrive_id, n)
);
CREATE INDEX redrive_items_by_key ON dlo.redrive_items USING btree (redrive_id, key, key_n) WHERE (key IS NOT NULL);
CREATE INDEX redrive_items_by_state ON dlo.redrive_items USING btree (redrive_id, state, n);
CREATE INDEX redrive_items_to_count ON dlo.redrive_items USING btree (redrive_id) WHERE ((NOT counted) AND (state <> ALL (ARRAY['behind'::text, 'waiting'::text, 'running'::text])));
CREATE UNIQUE INDEX redrive_items_one_at_a_time ON dlo.redrive_items USING btree (letter_id) WHERE (state = ANY (ARRAY['behind'::text, 'waiting'::text, 'running'::text]));

-- A row for each redrive: many letters, asked the same thing at a rate. Counts are of outcomes that were added up; those of the last second stand in dlo.redrive_items alone.
create table dlo.redrives (
  id uuid not null, -- A version 7 UUID, unless whoever asked for it gave another.
  namespace text not null, -- Temporal namespace.
  command text not null, -- What each letter is asked: retry, expire, discard, amend, extend, move, runCode, applyPolicy, reopen, note.
  spec jsonb not null, -- All that was asked for, with defaults filled in: members (filter, ids, or an earlier redrive), order, first, force, amend, canary, ramp.
  status text not null, -- preparing, running, paused, stopped (by a rule), completed, cancelled.
  by text not null, -- Who asked for it.
  reason text, -- Why.
  asked_at timestamp(3) with time zone not null, -- When it was asked for.
  snapshot_at timestamp(3) with time zone, -- When its letters were written down: what died later is not in it.
  last_begun_at timestamp(3) with time zone, -- When it last asked a letter.
  ended_at timestamp(3) with time zone, -- When it completed, or was cancelled.
  rate double precision not null, -- Letters a second, as it is now.
  max_in_flight integer not null, -- Letters that may be under way at a time.
  jitter_ms bigint not null, -- Each is asked up to so much later than its turn.
  stop_on_failure double precision, -- It stops when more than this share has died again. Null: never.
  stop_on_same_cause integer, -- It stops when so many have died again of the cause that they had before. Null: never.
  held_by text, -- Why its probe held it when it was asked last. Null: it did not.
  stop_rule text, -- Rule by which it stopped: canary, ramp, same_cause, failures.
  stop_why text, -- The same as a sentence.
  stop_letters uuid[], -- Letters that told it so, at most 10.
  items integer not null default 0, -- Letters of its snapshot.
  recovered integer not null default 0, -- Their retry succeeded.
  died_again integer not null default 0, -- Their retry died.
  same_cause integer not null default 0, -- Of these: of the cause that they had before.
  done integer not null default 0, -- Another command than a retry was carried out.
  refused integer not null default 0, -- The letter, or its job's worker, did not take it.
  skipped integer not null default 0, -- Nothing was asked of them, or their run ended without a verdict.
  forgiven_recovered integer not null default 0, -- Recovered when it was last resumed: rules look at what came since.
  forgiven_died integer not null default 0, -- Died when it was last resumed.
  forgiven_same_cause integer not null default 0, -- Of these: of the cause that they had before.
  sealed bytea, -- Inputs and patches that it was given, serialized and through the codec, where `spec` may not show them. Readers may not select it.
  constraint redrives_end CHECK (((ended_at IS NULL) = (status <> ALL (ARRAY['completed'::text, 'cancelled'::text])))),
  constraint redrives_rate CHECK (((rate > (0)::double precision) AND (max_in_flight >= 1) AND (jitter_ms >= 0))),
  constraint redrives_status_known CHECK ((status = ANY (ARRAY['preparing'::text, 'running'::text, 'paused'::text, 'stopped'::text, 'completed'::text, 'cancelled'::text]))),
  constraint redrives_stop CHECK (((stop_rule IS NULL) = (stop_why IS NULL))),
  constraint redrives_pkey PRIMARY KEY (id)
);
CREATE INDEX redrives_newest ON dlo.redrives USING btree (asked_at DESC, id DESC);

-- SQL as a door: an inserted row asks for a command to one letter (letter_id) or to all that fit a filter, in the caller's own transaction; the office carries it out once and answers in the row.
create table dlo.requests (
  id bigint not null generated always as identity, -- In the order of asking.
  namespace text not null default 'default'::text, -- Temporal namespace; an office answers for its own alone.
  command text not null, -- retry, expire, discard, amend, extend, move, runCode, applyPolicy, reopen, note.
  letter_id uuid, -- The letter. Either this or filter.
  filter text, -- A filter in one line, as dlo list takes it: a redrive of the letters that fit.
  options jsonb, -- What the command takes besides: input, text, retention; for a filter a redrive's options, such as rate.
  reason text, -- Why.
  by text not null default SESSION_USER, -- The database user who inserted it; written by a trigger.
  asked_at timestamp(3) with time zone not null default date_trunc('milliseconds'::text, clock_timestamp()), -- When; written by a trigger.
  state text not null default 'asked'::text, -- asked, working, done, refused.
  lease_until timestamp(3) with time zone, -- Until when the office that works on it has it for itself.
  answered_at timestamp(3) with time zone, -- When it was done or refused.
  redrive_id uuid, -- The redrive that it began, in dlo.redrives.
  code text, -- Code of the refusal, such as LETTER_CLOSED.
  answer text, -- What came of it, as a sentence.
  constraint requests_answered CHECK (((answered_at IS NULL) = (state = ANY (ARRAY['asked'::text, 'working'::text])))),
  constraint requests_state_known CHECK ((state = ANY (ARRAY['asked'::text, 'working'::text, 'done'::text, 'refused'::text]))),
  constraint requests_pkey PRIMARY KEY (id)
);
CREATE INDEX requests_asked ON dlo.requests USING btree (id) WHERE (state = ANY (ARRAY['asked'::text, 'working'::text]));
CREATE TRIGGER requests_ring AFTER INSERT ON dlo.requests FOR EACH STATEMENT EXECUTE FUNCTION dlo.ring_for_requests();
CREATE TRIGGER requests_signed BEFORE INSERT ON dlo.requests FOR EACH ROW EXECUTE FUNCTION dlo.sign_request();

-- Deaths and failed attempts by quarter of an hour, for one dimension at a time. What is not folded in yet is in death_deltas and attempt_deltas. Pruning letters leaves them.
create table dlo.time_counts (
  namespace text not null, -- Temporal namespace.
  dimension text not null, -- all, queue, job, cause, category, reason: deaths; attempt_error: failed attempts by error type.
  value text not null, -- Value in that dimension; empty for all.
  bucket timestamp(3) with time zone not null, -- Begin of the quarter of an hour.
  n bigint not null, -- How many died, or failed, in it.
  constraint time_counts_once PRIMARY KEY (dimension, value, namespace, bucket) INCLUDE (n)
);
CREATE INDEX time_counts_by_time ON dlo.time_counts USING btree (dimension, bucket, value);

-- A row for each failed attempt of each death: every error, not only the last.
create view dlo.attempt_errors as
 SELECT a.letter_id,
    l.namespace,
    l.workflow_id,
    l.job,
    l.queue,
    d.n AS death,
    a.n AS attempt,
    d.cause_id,
    a.state,
    a.error_type,
    a.error_message,
    a.category,
    a.started_at,
    a.ended_at,
    (a.ended_at - a.started_at) AS took,
    a.heartbeats,
    d.died_at,
    a.worker_identity,
    a.build_id
   FROM ((dlo.attempts a
     JOIN dlo.dead_letters l ON ((l.id = a.letter_id)))
     JOIN dlo.deaths d ON (((d.letter_id = a.letter_id) AND (d.n = a.death_n))))
  WHERE (a.error_type IS NOT NULL);

-- Deaths per day of the session's time zone, from the first day on, without gaps.
create view dlo.daily_deaths as
 WITH counted AS (
         SELECT death_counts.namespace,
            (death_counts.bucket)::date AS day,
            (sum(death_counts.n))::bigint AS deaths
           FROM dlo.death_counts
          WHERE (death_counts.dimension = 'all'::text)
          GROUP BY death_counts.namespace, ((death_counts.bucket)::date)
        ), days AS (
         SELECT counted_1.namespace,
            (generate_series((min(counted_1.day))::timestamp without time zone, (GREATEST(max(counted_1.day), CURRENT_DATE))::timestamp without time zone, '1 day'::interval))::date AS day
           FROM counted counted_1
          GROUP BY counted_1.namespace
        )
 SELECT days.namespace,
    days.day,
    COALESCE(counted.deaths, (0)::bigint) AS deaths
   FROM (days
     LEFT JOIN counted USING (namespace, day));

-- Deaths, and failed attempts, counted by quarter of an hour, for one dimension at a time, up to this moment. They stay when letters are pruned.
create view dlo.death_counts as
 SELECT namespace,
    dimension,
    value,
    bucket,
    (sum(n))::bigint AS n
   FROM ( SELECT time_counts.namespace,
            time_counts.dimension,
            time_counts.value,
            time_counts.bucket,
            time_counts.n
           FROM dlo.time_counts
        UNION ALL
         SELECT death_deltas.namespace,
            d.dimension,
            d.value,
            death_deltas.bucket,
            death_deltas.n
           FROM (dlo.death_deltas
             CROSS JOIN LATERAL ( VALUES ('all'::text,''::text), ('queue'::text,death_deltas.queue), ('job'::text,death_deltas.job), ('cause'::text,(death_deltas.cause_id)::text), ('category'::text,death_deltas.category), ('reason'::text,death_deltas.reason)) d(dimension, value))
        UNION ALL
         SELECT attempt_deltas.namespace,
            'attempt_error'::text,
            attempt_deltas.error_type,
            attempt_deltas.bucket,
            attempt_deltas.n
           FROM dlo.attempt_deltas) counted
  GROUP BY namespace, dimension, value, bucket
 HAVING (sum(n) <> (0)::numeric);

-- A row for each job that ever died.
create view dlo.deaths_by_job as
 WITH letters AS (
         SELECT letters_by_facet.namespace,
            letters_by_facet.job,
            (sum(letters_by_facet.letters))::bigint AS letters,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE letters_by_facet.open), (0)::numeric))::bigint AS open,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE (letters_by_facet.status = 'recovered'::text)), (0)::numeric))::bigint AS recovered,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE (NOT letters_by_facet.open)), (0)::numeric))::bigint AS closed
           FROM dlo.letters_by_facet
          GROUP BY letters_by_facet.namespace, letters_by_facet.job
        ), died AS (
         SELECT death_counts.namespace,
            death_counts.value AS job,
            (sum(death_counts.n))::bigint AS deaths,
            (COALESCE(sum(death_counts.n) FILTER (WHERE (death_counts.bucket > (now() - '24:00:00'::interval))), (0)::numeric))::bigint AS deaths_last_day,
            (COALESCE(sum(death_counts.n) FILTER (WHERE (death_counts.bucket > (now() - '7 days'::interval))), (0)::numeric))::bigint AS deaths_last_week
           FROM dlo.death_counts
          WHERE (death_counts.dimension = 'job'::text)
          GROUP BY death_counts.namespace, death_counts.value
        )
 SELECT namespace,
    job,
    COALESCE(died.deaths, (0)::bigint) AS deaths,
    COALESCE(died.deaths_last_day, (0)::bigint) AS deaths_last_day,
    COALESCE(died.deaths_last_week, (0)::bigint) AS deaths_last_week,
    COALESCE(letters.letters, (0)::bigint) AS letters,
    COALESCE(letters.open, (0)::bigint) AS open,
    COALESCE(letters.recovered, (0)::bigint) AS recovered,
    round(((letters.recovered)::numeric / (NULLIF(letters.closed, 0))::numeric), 4) AS recovered_share
   FROM (died
     FULL JOIN letters USING (namespace, job));

-- A row for each cause: failures of the same error at the same place, with samples.
create view dlo.error_groups as
 WITH letters AS (
         SELECT letters_by_facet.namespace,
            letters_by_facet.cause_id,
            (sum(letters_by_facet.letters))::bigint AS letters,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE letters_by_facet.open), (0)::numeric))::bigint AS open,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE (letters_by_facet.status = 'recovered'::text)), (0)::numeric))::bigint AS recovered,
            array_agg(DISTINCT letters_by_facet.job ORDER BY letters_by_facet.job) AS jobs,
            array_agg(DISTINCT letters_by_facet.category ORDER BY letters_by_facet.category) AS categories
           FROM dlo.letters_by_facet
          GROUP BY letters_by_facet.namespace, letters_by_facet.cause_id
        ), died AS (
         SELECT death_counts.namespace,
            (death_counts.value)::uuid AS cause_id,
            (sum(death_counts.n))::bigint AS deaths,
            (COALESCE(sum(death_counts.n) FILTER (WHERE (death_counts.bucket > (now() - '24:00:00'::interval))), (0)::numeric))::bigint AS deaths_last_day
           FROM dlo.death_counts
          WHERE (death_counts.dimension = 'cause'::text)
          GROUP BY death_counts.namespace, (death_counts.value)::uuid
        ), seen AS (
         SELECT built.cause_id,
            max(built.last_at) AS last_seen_at,
            array_agg(DISTINCT built.build_id ORDER BY built.build_id) FILTER (WHERE (built.build_id <> ''::text)) AS builds
           FROM ( SELECT cause_builds.cause_id,
                    cause_builds.build_id,
                    cause_builds.last_at
                   FROM dlo.cause_builds
                  WHERE (cause_builds.n > 0)
                UNION ALL
                 SELECT death_deltas.cause_id,
                    death_deltas.build_id,
                    death_deltas.last_at
                   FROM dlo.death_deltas
                  WHERE (death_deltas.n > 0)) built
          GROUP BY built.cause_id
        )
 SELECT namespace,
    cause_id,
    c.title,
    c.error_type,
        CASE
            WHEN ((c.state = 'ignored'::text) AND (c.ignored_until <= now())) THEN 'open'::text
            ELSE c.state
        END AS state,
    c.owner,
    COALESCE(died.deaths, (0)::bigint) AS deaths,
    COALESCE(died.deaths_last_day, (0)::bigint) AS deaths_last_day,
    COALESCE(letters.letters, (0)::bigint) AS letters,
    COALESCE(letters.open, (0)::bigint) AS open,
    COALESCE(letters.recovered, (0)::bigint) AS recovered,
    COALESCE(letters.jobs, '{}'::text[]) AS jobs,
    COALESCE(letters.categories, '{}'::text[]) AS categories,
    c.first_seen_at,
    s.last_seen_at,
    COALESCE(s.builds, '{}'::text[]) AS builds,
    ARRAY( SELECT l.id
           FROM dlo.dead_letters l
          WHERE ((l.cause_id = c.id) AND (l.namespace = namespace))
          ORDER BY l.failed_at DESC, l.id DESC
         LIMIT 3) AS sample_ids
   FROM (((died
     FULL JOIN letters USING (namespace, cause_id) AS grouped)
     JOIN dlo.causes c ON ((c.id = cause_id)))
     LEFT JOIN seen s USING (cause_id));

-- A row for each letter that somebody has looked at: by a signed command or note, or by a change of its cause while it was open.
create view dlo.first_looks as
 SELECT l.id AS letter_id,
    l.namespace,
    l.workflow_id,
    l.job,
    l.queue,
    l.category,
    l.cause_id,
    l.status,
    l.first_failed_at,
    looked.at AS looked_at,
    looked.by AS looked_by,
    looked.type AS looked_how,
    (looked.at - l.first_failed_at) AS took
   FROM (dlo.dead_letters l
     CROSS JOIN LATERAL ( SELECT e.at,
            e.by,
            e.type
           FROM (( SELECT events.at,
                    events.by,
                    events.type
                   FROM dlo.events
                  WHERE ((events.letter_id = l.id) AND (events.by IS NOT NULL) AND (events.by <> 'office'::text) AND (events.type <> ALL (ARRAY['imported'::text, 'captured'::text])))
                  ORDER BY events.at
                 LIMIT 1)
                UNION ALL
                ( SELECT events.at,
                    events.by,
                    events.type
                   FROM dlo.events
                  WHERE ((events.cause_id = l.cause_id) AND (events.letter_id IS NULL) AND (events.by IS NOT NULL) AND (events.by <> 'office'::text) AND (events.at >= l.first_failed_at) AND (events.at <= COALESCE(l.closed_at, 'infinity'::timestamp with time zone)))
                  ORDER BY events.at
                 LIMIT 1)) e
          ORDER BY e.at
         LIMIT 1) looked);

-- Deaths per hour of the session's time zone, from the first hour on, without gaps.
create view dlo.hourly_deaths as
 WITH counted AS (
         SELECT death_counts.namespace,
            death_counts.bucket,
            death_counts.n
           FROM dlo.death_counts
          WHERE (death_counts.dimension = 'all'::text)
        ), spans AS (
         SELECT counted_1.namespace,
            min(counted_1.bucket) AS first,
            GREATEST(max(counted_1.bucket), now()) AS last
           FROM counted counted_1
          GROUP BY counted_1.namespace
        ), quarters AS (
         SELECT spans.namespace,
            generate_series(spans.first, spans.last, '00:15:00'::interval) AS bucket
           FROM spans
        )
 SELECT quarters.namespace,
    date_trunc('hour'::text, quarters.bucket) AS hour,
    (COALESCE(sum(counted.n), (0)::numeric))::bigint AS deaths
   FROM (quarters
     LEFT JOIN counted USING (namespace, bucket))
  GROUP BY quarters.namespace, (date_trunc('hour'::text, quarters.bucket));

-- Letters counted by every combination of their facets that occurs, up to this moment, however many there are.
create view dlo.letters_by_facet as
 SELECT namespace,
    kind,
    job,
    queue,
    status,
    (status = ANY (ARRAY['parked'::text, 'retrying'::text])) AS open,
    reason,
    category,
    (category = ANY (ARRAY['data'::text, 'auth'::text, 'code'::text, 'lost'::text, 'unknown'::text])) AS needs_person,
    error_type,
    cause_id,
    retried,
    (sum(n))::bigint AS letters
   FROM ( SELECT letter_counts.namespace,
            letter_counts.kind,
            letter_counts.job,
            letter_counts.queue,
            letter_counts.status,
            letter_counts.reason,
            letter_counts.category,
            letter_counts.error_type,
            letter_counts.cause_id,
            letter_counts.retried,
            letter_counts.n
           FROM dlo.letter_counts
        UNION ALL
         SELECT letter_deltas.namespace,
            letter_deltas.kind,
            letter_deltas.job,
            letter_deltas.queue,
            letter_deltas.status,
            letter_deltas.reason,
            letter_deltas.category,
            letter_deltas.error_type,
            letter_deltas.cause_id,
            letter_deltas.retried,
            letter_deltas.n
           FROM dlo.letter_deltas) counted
  GROUP BY namespace, kind, job, queue, status, reason, category, error_type, cause_id, retried
 HAVING (sum(n) <> (0)::numeric);

-- A row for each open letter, with what helps to decide on it. The payload stands in dlo.dead_letters.
create view dlo.open_letters as
 SELECT l.id,
    l.namespace,
    l.workflow_id,
    l.job,
    l.queue,
    l.key,
    l.status,
    l.reason,
    l.category,
    (l.category = ANY (ARRAY['data'::text, 'auth'::text, 'code'::text, 'lost'::text, 'unknown'::text])) AS needs_person,
    l.error_type,
    l.error_message,
    l.cause_id,
    c.title AS cause,
    c.owner,
    l.deaths,
    l.attempts,
    l.retries,
    l.first_failed_at,
    l.failed_at,
    (now() - l.failed_at) AS waiting,
    l.expires_at,
    l.retry_at,
    l.tags,
    l.build_id,
    l.trace_id
   FROM (dlo.dead_letters l
     JOIN dlo.causes c ON ((c.id = l.cause_id)))
  WHERE (l.closed_at IS NULL);

-- A row for each dead letter queue: how full it is, how old, and what becomes of its letters.
create view dlo.queue_health as
 WITH letters AS (
         SELECT letters_by_facet.namespace,
            letters_by_facet.queue,
            (sum(letters_by_facet.letters))::bigint AS letters,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE letters_by_facet.open), (0)::numeric))::bigint AS open,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE (letters_by_facet.open AND letters_by_facet.needs_person)), (0)::numeric))::bigint AS needs_person,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE (letters_by_facet.open AND (NOT letters_by_facet.needs_person))), (0)::numeric))::bigint AS transient,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE (letters_by_facet.open AND (NOT letters_by_facet.retried))), (0)::numeric))::bigint AS not_retried,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE (letters_by_facet.status = 'retrying'::text)), (0)::numeric))::bigint AS retrying,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE (NOT letters_by_facet.open)), (0)::numeric))::bigint AS closed,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE (letters_by_facet.status = 'recovered'::text)), (0)::numeric))::bigint AS recovered,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE ((NOT letters_by_facet.open) AND letters_by_facet.retried)), (0)::numeric))::bigint AS closed_after_retry,
            (COALESCE(sum(letters_by_facet.letters) FILTER (WHERE ((letters_by_facet.status = 'recovered'::text) AND letters_by_facet.retried)), (0)::numeric))::bigint AS recovered_by_retry
           FROM dlo.letters_by_facet
          GROUP BY letters_by_facet.namespace, letters_by_facet.queue
        ), categories AS (
         SELECT by_category.namespace,
            by_category.queue,
            jsonb_object_agg(by_category.category, by_category.letters) AS open_by_category
           FROM ( SELECT letters_by_facet.namespace,
                    letters_by_facet.queue,
                    letters_by_facet.category,
                    sum(letters_by_facet.letters) AS letters
                   FROM dlo.letters_by_facet
                  WHERE letters_by_facet.open
                  GROUP BY letters_by_facet.namespace, letters_by_facet.queue, letters_by_facet.category) by_category
          GROUP BY by_category.namespace, by_category.queue
        ), died AS (
         SELECT death_counts.namespace,
            death_counts.value AS queue,
            (sum(death_counts.n))::bigint AS deaths,
            (COALESCE(sum(death_counts.n) FILTER (WHERE (death_counts.bucket > (now() - '01:00:00'::interval))), (0)::numeric))::bigint AS deaths_last_hour,
            (COALESCE(sum(death_counts.n) FILTER (WHERE (death_counts.bucket > (now() - '24:00:00'::interval))), (0)::numeric))::bigint AS deaths_last_day
           FROM dlo.death_counts
          WHERE (death_counts.dimension = 'queue'::text)
          GROUP BY death_counts.namespace, death_counts.value
        ), waiting AS (
         SELECT dead_letters.namespace,
            dead_letters.queue,
            min(dead_letters.failed_at) AS oldest_open_at,
            max(dead_letters.failed_at) AS newest_open_at,
            min(dead_letters.expires_at) AS next_expiry_at
           FROM dlo.dead_letters
          WHERE (dead_letters.closed_at IS NULL)
          GROUP BY dead_letters.namespace, dead_letters.queue
        )
 SELECT namespace,
    queue,
    COALESCE(letters.letters, (0)::bigint) AS letters,
    COALESCE(letters.open, (0)::bigint) AS open,
    COALESCE(letters.needs_person, (0)::bigint) AS needs_person,
    COALESCE(letters.transient, (0)::bigint) AS transient,
    COALESCE(letters.not_retried, (0)::bigint) AS not_retried,
    COALESCE(letters.retrying, (0)::bigint) AS retrying,
    COALESCE(categories.open_by_category, '{}'::jsonb) AS open_by_category,
    waiting.oldest_open_at,
    waiting.newest_open_at,
    waiting.next_expiry_at,
    COALESCE(died.deaths, (0)::bigint) AS deaths,
    COALESCE(died.deaths_last_hour, (0)::bigint) AS deaths_last_hour,
    COALESCE(died.deaths_last_day, (0)::bigint) AS deaths_last_day,
    COALESCE(letters.recovered, (0)::bigint) AS recovered,
    round(((letters.recovered)::numeric / (NULLIF(letters.closed, 0))::numeric), 4) AS recovered_share,
    round(((letters.recovered_by_retry)::numeric / (NULLIF(letters.closed_after_retry, 0))::numeric), 4) AS retry_success_share
   FROM (((died
     FULL JOIN letters USING (namespace, queue))
     LEFT JOIN categories USING (namespace, queue))
     LEFT JOIN waiting USING (namespace, queue));

-- A row for each letter that recovered.
create view dlo.recovery_times as
 SELECT id AS letter_id,
    namespace,
    workflow_id,
    job,
    queue,
    category,
    error_type,
    cause_id,
    deaths,
    attempts,
    retries,
    first_failed_at,
    closed_at AS recovered_at,
    (closed_at - first_failed_at) AS took
   FROM dlo.dead_letters
  WHERE ((closed_at IS NOT NULL) AND (status = 'recovered'::text));

CREATE OR REPLACE FUNCTION dlo.count_attempts()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin
  insert into dlo.attempt_deltas (namespace, bucket, error_type, n)
  select l.namespace, dlo.quarter_hour(coalesce(a.ended_at, a.started_at, l.failed_at)), a.error_type, count(*)
  from new_rows a join dlo.dead_letters l on l.id = a.letter_id where a.error_type is not null group by 1, 2, 3;
  return null;
end $function$
;

CREATE OR REPLACE FUNCTION dlo.count_deaths()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin
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
end $function$
;

CREATE OR REPLACE FUNCTION dlo.count_letters()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin
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
end $function$
;

CREATE OR REPLACE FUNCTION dlo.quarter_hour(at timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select date_bin('15 minutes', at, timestamptz '2000-01-01 00:00:00+00')
$function$
;

CREATE OR REPLACE FUNCTION dlo.ring_for_requests()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  notify dlo_requests;
  return null;
end $function$
;

CREATE OR REPLACE FUNCTION dlo.sign_request()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
end $function$
;
