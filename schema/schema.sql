-- The whole schema, as the migrations make it. Generated: npx vitest run test/schema/migrations.test.ts -u

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

-- Errors of the same kind at the same place, by a fingerprint. Letters are grouped by it.
create table dlo.causes (
  id uuid not null, -- Made from the fingerprint, so that it is the same everywhere.
  fingerprint text not null, -- Error type, message without its variable parts, and the topmost frame of the user's own code.
  version integer not null, -- Version of the rules that the fingerprint was made by.
  title text not null, -- One line for people.
  error_type text not null, -- Type of the error, such as TypeError.
  first_seen_at timestamp(3) with time zone not null, -- Death that brought it first. When it was last seen is in deaths: no death writes to a shared row.
  constraint causes_pkey PRIMARY KEY (id)
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
  status text not null, -- parked, retrying (open); recovered, expired, discarded, superseded (closed, final).
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
  expiry_retries integer not null default 0, -- Those of them that the end of the retention started.
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
  on_expire text not null default 'expire'::text, -- What the end of the retention does: expire, or retry.
  maximum_retries integer not null default 3, -- Retries on expiry, at most.
  cleaned boolean not null default false, -- True: something that Postgres refuses (NUL, half a surrogate pair) or has no room for was replaced in some column. payload_data has the true input.
  constraint dead_letters_category_known CHECK ((category = ANY (ARRAY['timeout'::text, 'network'::text, 'dependency'::text, 'rate_limit'::text, 'resource'::text, 'data'::text, 'auth'::text, 'code'::text, 'lost'::text, 'unknown'::text]))),
  constraint dead_letters_clock_runs_while_parked CHECK (((expires_at IS NULL) OR (status = 'parked'::text))),
  constraint dead_letters_closing_is_final CHECK (((closed_at IS NOT NULL) OR ((close_reason IS NULL) AND (keep_until IS NULL)))),
  constraint dead_letters_counts CHECK (((attempts >= 0) AND (retries >= 0) AND (expiry_retries >= 0) AND (maximum_retries >= 0))),
  constraint dead_letters_died CHECK ((deaths >= 1)),
  constraint dead_letters_kind_known CHECK ((kind = ANY (ARRAY['job'::text, 'workflow'::text, 'activity'::text, 'record'::text, 'step'::text]))),
  constraint dead_letters_omitted_payload CHECK (((NOT payload_omitted) OR ((payload IS NULL) AND (payload_data IS NULL)))),
  constraint dead_letters_on_expire_known CHECK ((on_expire = ANY (ARRAY['expire'::text, 'retry'::text]))),
  constraint dead_letters_one_clock CHECK (((expires_at IS NULL) OR (retry_at IS NULL))),
  constraint dead_letters_open_until_closed CHECK (((status = ANY (ARRAY['parked'::text, 'retrying'::text])) = (closed_at IS NULL))),
  constraint dead_letters_reason_known CHECK ((reason = ANY (ARRAY['exhausted'::text, 'non_retryable'::text, 'timed_out'::text, 'given_up'::text, 'lost'::text, 'failed'::text]))),
  constraint dead_letters_retry_waits_while_parked CHECK (((retry_at IS NULL) OR (status = 'parked'::text))),
  constraint dead_letters_revision_counts_up CHECK ((revision >= 0)),
  constraint dead_letters_status_known CHECK ((status = ANY (ARRAY['parked'::text, 'retrying'::text, 'recovered'::text, 'expired'::text, 'discarded'::text, 'superseded'::text]))),
  constraint dead_letters_cause_id_causes_id_fk FOREIGN KEY (cause_id) REFERENCES dlo.causes(id),
  constraint dead_letters_pkey PRIMARY KEY (id)
) with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_insert_scale_factor=0.02, autovacuum_analyze_scale_factor=0.02);
CREATE INDEX dead_letters_by_cause ON dlo.dead_letters USING btree (cause_id, failed_at DESC, id DESC);
CREATE INDEX dead_letters_by_job ON dlo.dead_letters USING btree (job, failed_at DESC, id DESC);
CREATE INDEX dead_letters_by_key ON dlo.dead_letters USING btree (key, failed_at DESC, id DESC) WHERE (key IS NOT NULL);
CREATE INDEX dead_letters_by_queue ON dlo.dead_letters USING btree (queue, failed_at DESC, id DESC);
CREATE INDEX dead_letters_newest ON dlo.dead_letters USING btree (failed_at DESC, id DESC) INCLUDE (job, queue, status, category, reason, cause_id, error_type, deaths, retries);
CREATE INDEX dead_letters_open_expiring ON dlo.dead_letters USING btree (expires_at, id) WHERE (closed_at IS NULL);
CREATE INDEX dead_letters_open_newest ON dlo.dead_letters USING btree (failed_at DESC, id DESC) INCLUDE (job, queue, status, category, reason, cause_id, error_type, deaths, retries) WHERE (closed_at IS NULL);
CREATE UNIQUE INDEX dead_letters_one_open ON dlo.dead_letters USING btree (namespace, workflow_id) WHERE (closed_at IS NULL);

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

-- What happened to letters: audit and outbox. Only appended to, but for position.
create table dlo.events (
  id bigint not null generated always as identity, -- In the order of writing; concurrent writers may commit out of it, so follow position instead.
  at timestamp(3) with time zone not null default date_trunc('milliseconds'::text, clock_timestamp()), -- When it happened.
  "position" bigint, -- Cursor for followers: without gaps, in the order in which the office saw the events. Null until it has.
  letter_id uuid not null, -- Letter that it happened to.
  namespace text not null, -- Temporal namespace of the job.
  workflow_id text not null, -- Workflow id of the job.
  type text not null, -- What happened: parked, retry_asked, retrying, retry_cancelled, waiting, died_again, recovered, expired, discarded, superseded, amended, extended, noted, refused; later releases add some.
  by text, -- Who did it; office where nobody asked.
  reason text, -- Why, in their words.
  request_id text, -- Request that brought it; a repeat of it brings no second event.
  run_id text, -- Run that it concerns.
  revision integer, -- Revision that it brought the letter to. Null for deaths that the letter did not write itself.
  data jsonb, -- What else is known, by type.
  constraint events_letter_id_dead_letters_id_fk FOREIGN KEY (letter_id) REFERENCES dlo.dead_letters(id) ON DELETE CASCADE,
  constraint events_pkey PRIMARY KEY (id)
);
CREATE INDEX events_of_letter ON dlo.events USING btree (letter_id, id);
CREATE INDEX events_without_position ON dlo.events USING btree (id) WHERE ("position" IS NULL);
CREATE UNIQUE INDEX events_position ON dlo.events USING btree ("position") WHERE ("position" IS NOT NULL);

-- One row: which database this is, and which code may use it.
create table dlo.office (
  singleton boolean not null default true, -- Always true, so that there is one row.
  database_id uuid not null, -- Names this database; an office's resting workflow remembers it, so that it never writes into another.
  schema_version integer not null, -- How many migrations this database has.
  minimum_code_version integer not null, -- The least migration that code must have been written against to use this database.
  constraint office_one_row CHECK (singleton),
  constraint office_pkey PRIMARY KEY (singleton)
);
