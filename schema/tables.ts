import { isNotNull, isNull, sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import type { Category } from "../model/category.ts";
import { categories } from "../model/category.ts";
import type { CauseState } from "../model/cause-state.ts";
import { causeStates } from "../model/cause-state.ts";
import { type SupersededBy, supersededByWords } from "../model/contract.ts";
import type { ErrorRecord } from "../model/error-record.ts";
import type { EventType } from "../model/event.ts";
import type { AttemptState, Progress } from "../model/ledger.ts";
import { attemptStates } from "../model/ledger.ts";
import type { OwnCode } from "../model/own-code.ts";
import { type AutoRetryPolicy, expiryActions, type OnExpire, type OwnPolicy } from "../model/queue-policy.ts";
import { type RequestState, requestStates } from "../model/request.ts";
import type { Reason } from "../model/reason.ts";
import { reasons } from "../model/reason.ts";
import type { BulkCommand, ItemCode, ItemState, RedriveSpec, RedriveStatus, RedriveStop } from "../model/redrive.ts";
import { endedRedriveStatuses, itemStates, redriveStatuses } from "../model/redrive.ts";
import type { Status } from "../model/status.ts";
import { openStatuses, statuses } from "../model/status.ts";
import { bytes, literals, moment, oneOf, span } from "./column-types.ts";
import type { Kind } from "./kinds.ts";
import { kinds } from "./kinds.ts";
import type { TimeDimension } from "./time-dimension.ts";

/*
 * The tables of the schema `dlo`. What each column means stands in the database itself (`\d+ dlo.dead_letters`), by the
 * migration that comments on it.
 *
 * The letter's workflow is the truth, its row in `dead_letters` a projection: it may be late, never ahead. `deaths` and
 * `attempts` are only ever appended to, and `events` too, but for `position`.
 */

export const dlo = pgSchema("dlo");

/** One row: which database this is, and which code may use it. */
export const office = dlo.table(
  "office",
  {
    singleton: boolean("singleton").primaryKey().default(true),
    databaseId: uuid("database_id").notNull(),
    schemaVersion: integer("schema_version").notNull(),
    minimumCodeVersion: integer("minimum_code_version").notNull(),
    lastPosition: bigint("last_position", { mode: "number" }).notNull().default(0),
  },
  (t) => [check("office_one_row", sql`${t.singleton}`)],
);

/** Letters that died of the same error at the same place. Never written to per death: all deaths would queue for that row. */
export const causes = dlo.table(
  "causes",
  {
    id: uuid("id").primaryKey(),
    fingerprint: text("fingerprint").notNull(),
    version: integer("version").notNull(),
    title: text("title").notNull(),
    errorType: text("error_type").notNull(),
    firstSeenAt: moment("first_seen_at").notNull(),
    rule: text("rule"),
    state: text("state").$type<CauseState>().notNull().default("open"),
    stateAt: moment("state_at"),
    stateBy: text("state_by"),
    stateReason: text("state_reason"),
    resolvedInBuild: text("resolved_in_build"),
    ignoredUntil: moment("ignored_until"),
    ignoredDeaths: integer("ignored_deaths"),
    ignoredRateMs: span("ignored_rate_ms"),
    returnedAt: moment("returned_at"),
    owner: text("owner"),
    note: text("note"),
  },
  (t) => [
    oneOf("causes_state_known", t.state, causeStates),
    check("causes_resolved_build", sql`${t.resolvedInBuild} is null or ${t.state} = 'resolved'`),
    check(
      "causes_ignored_until",
      sql`${t.state} = 'ignored' or (${t.ignoredUntil} is null and ${t.ignoredDeaths} is null)`,
    ),
    check("causes_ignored_rate", sql`${t.ignoredRateMs} is null or ${t.ignoredDeaths} is not null`),
  ],
);

export const deadLetters = dlo.table(
  "dead_letters",
  {
    id: uuid("id").primaryKey(),
    namespace: text("namespace").notNull(),
    workflowId: text("workflow_id").notNull(),
    runId: text("run_id").notNull(),
    workflowType: text("workflow_type").notNull(),
    taskQueue: text("task_queue").notNull(),
    kind: text("kind").$type<Kind>().notNull(),
    job: text("job").notNull(),
    queue: text("queue").notNull(),
    status: text("status").$type<Status>().notNull(),
    reason: text("reason").$type<Reason>().notNull(),
    category: text("category").$type<Category>().notNull(),
    errorType: text("error_type").notNull(),
    errorMessage: text("error_message").notNull(),
    causeId: uuid("cause_id")
      .notNull()
      .references(() => causes.id),
    stackTrace: text("stack_trace"),
    failure: jsonb("failure").$type<ErrorRecord>().notNull(),
    payload: jsonb("payload").$type<unknown>(),
    payloadData: bytes("payload_data"),
    originalPayloadData: bytes("original_payload_data"),
    payloadOmitted: boolean("payload_omitted").notNull().default(false),
    memoData: bytes("memo_data"),
    headers: jsonb("headers").$type<Readonly<Record<string, string>>>().notNull().default({}),
    key: text("key"),
    idempotencyKey: text("idempotency_key").notNull(),
    attempts: integer("attempts").notNull(),
    deaths: integer("deaths").notNull().default(1),
    retries: integer("retries").notNull().default(0),
    expiryRetries: integer("expiry_retries").notNull().default(0),
    firstFailedAt: moment("first_failed_at").notNull(),
    failedAt: moment("failed_at").notNull(),
    expiresAt: moment("expires_at"),
    retryAt: moment("retry_at"),
    retryWhen: text("retry_when"),
    retriedAt: moment("retried_at"),
    closedAt: moment("closed_at"),
    closeReason: text("close_reason"),
    keepUntil: moment("keep_until"),
    buildId: text("build_id"),
    workerIdentity: text("worker_identity"),
    startedBy: text("started_by"),
    source: jsonb("source").$type<unknown>(),
    batch: text("batch"),
    traceId: text("trace_id"),
    revision: integer("revision").notNull().default(0),
    tags: text("tags")
      .array()
      .notNull()
      .default(sql`'{}'`),
    retentionMs: span("retention_ms"),
    keepForMs: span("keep_for_ms"),
    onExpire: text("on_expire").$type<OnExpire>().notNull().default("expire"),
    handOnTo: text("hand_on_to"),
    maximumRetries: integer("maximum_retries").notNull().default(3),
    warnBeforeMs: span("warn_before_ms"),
    autoRetry: jsonb("auto_retry").$type<AutoRetryPolicy>(),
    ownPolicy: jsonb("own_policy").$type<OwnPolicy>().notNull().default({}),
    ownCode: text("own_code")
      .array()
      .$type<readonly OwnCode[]>()
      .notNull()
      .default(sql`'{}'`),
    failedCode: text("failed_code").$type<OwnCode>(),
    retryRunId: text("retry_run_id"),
    supersededBy: text("superseded_by").$type<SupersededBy>().notNull().default("id"),
    cleaned: boolean("cleaned").notNull().default(false),
  },
  (t) => [
    // A query's desc() is plain DESC, an index's .desc() is DESC NULLS LAST: the planner would not use it. Hence raw SQL.
    // The two "newest" carry more columns (INCLUDE), which drizzle cannot say: see the first migration.
    uniqueIndex("dead_letters_one_open").on(t.namespace, t.workflowId).where(isNull(t.closedAt)),
    index("dead_letters_newest").on(sql`failed_at desc`, sql`id desc`),
    index("dead_letters_open_newest")
      .on(sql`failed_at desc`, sql`id desc`)
      .where(isNull(t.closedAt)),
    index("dead_letters_open_expiring").on(t.expiresAt, t.id).where(isNull(t.closedAt)),
    index("dead_letters_by_job").on(t.job, sql`failed_at desc`, sql`id desc`),
    index("dead_letters_by_queue").on(t.queue, sql`failed_at desc`, sql`id desc`),
    index("dead_letters_by_cause").on(t.causeId, sql`failed_at desc`, sql`id desc`),
    index("dead_letters_by_key")
      .on(t.key, sql`failed_at desc`, sql`id desc`)
      .where(isNotNull(t.key)),
    index("dead_letters_failed_code")
      .on(t.failedCode, sql`failed_at desc`)
      .where(isNotNull(t.failedCode)),
    index("dead_letters_most_deaths").on(sql`deaths desc`, sql`failed_at desc`, sql`id desc`),
    // Carries more columns, too: see the migration that brought it.
    index("dead_letters_closed").on(t.closedAt).where(isNotNull(t.closedAt)),
    index("dead_letters_tags").using("gin", t.tags),
    // The two for text are made by hand: pg_trgm may stand in any schema.
    oneOf("dead_letters_kind_known", t.kind, kinds),
    oneOf("dead_letters_status_known", t.status, statuses),
    oneOf("dead_letters_reason_known", t.reason, reasons),
    oneOf("dead_letters_category_known", t.category, categories),
    oneOf("dead_letters_on_expire_known", t.onExpire, expiryActions),
    oneOf("dead_letters_superseded_by_known", t.supersededBy, supersededByWords),
    check("dead_letters_hand_on", sql`(${t.onExpire} = 'hand_on') = (${t.handOnTo} is not null)`),
    check(
      "dead_letters_open_until_closed",
      sql`(${t.status} in (${literals(openStatuses)})) = (${t.closedAt} is null)`,
    ),
    check(
      "dead_letters_closing_is_final",
      sql`${t.closedAt} is not null or (${t.closeReason} is null and ${t.keepUntil} is null)`,
    ),
    check("dead_letters_clock_runs_while_parked", sql`${t.expiresAt} is null or ${t.status} = 'parked'`),
    check("dead_letters_retry_waits_while_parked", sql`${t.retryAt} is null or ${t.status} = 'parked'`),
    check(
      "dead_letters_probe_waits_while_parked",
      sql`${t.retryWhen} is null or (${t.status} = 'parked' and ${t.expiresAt} is null and ${t.retryAt} is null)`,
    ),
    check("dead_letters_one_clock", sql`${t.expiresAt} is null or ${t.retryAt} is null`),
    check("dead_letters_died", sql`${t.deaths} >= 1`),
    check("dead_letters_revision_counts_up", sql`${t.revision} >= 0`),
    check(
      "dead_letters_counts",
      sql`${t.attempts} >= 0 and ${t.retries} >= 0 and ${t.expiryRetries} >= 0 and ${t.maximumRetries} >= 0`,
    ),
    check(
      "dead_letters_omitted_payload",
      sql`not ${t.payloadOmitted} or (${t.payload} is null and ${t.payloadData} is null)`,
    ),
  ],
);

export const deaths = dlo.table(
  "deaths",
  {
    id: uuid("id").primaryKey(),
    letterId: uuid("letter_id")
      .notNull()
      .references(() => deadLetters.id, { onDelete: "cascade" }),
    n: integer("n").notNull(),
    namespace: text("namespace").notNull(),
    workflowId: text("workflow_id").notNull(),
    runId: text("run_id").notNull(),
    reason: text("reason").$type<Reason>().notNull(),
    category: text("category").$type<Category>().notNull(),
    causeId: uuid("cause_id")
      .notNull()
      .references(() => causes.id),
    errorType: text("error_type").notNull(),
    errorMessage: text("error_message").notNull(),
    stackTrace: text("stack_trace"),
    failure: jsonb("failure").$type<ErrorRecord>().notNull(),
    attempts: integer("attempts").notNull(),
    startedAt: moment("started_at"),
    diedAt: moment("died_at").notNull(),
    buildId: text("build_id"),
    workerIdentity: text("worker_identity"),
    payloadData: bytes("payload_data"),
  },
  (t) => [
    // The workflow id leads, so that this index also finds the letters of a job when the namespace isn't said.
    unique("deaths_once").on(t.workflowId, t.namespace, t.runId),
    unique("deaths_in_order").on(t.letterId, t.n),
    index("deaths_of_cause").on(t.causeId, t.diedAt),
    index("deaths_by_time").on(t.diedAt),
    check("deaths_numbered", sql`${t.n} >= 1`),
    oneOf("deaths_reason_known", t.reason, reasons),
    oneOf("deaths_category_known", t.category, categories),
  ],
);

export const attempts = dlo.table(
  "attempts",
  {
    letterId: uuid("letter_id")
      .notNull()
      .references(() => deadLetters.id, { onDelete: "cascade" }),
    deathN: integer("death_n").notNull(),
    n: integer("n").notNull(),
    state: text("state").$type<AttemptState>().notNull(),
    errorType: text("error_type"),
    errorMessage: text("error_message"),
    stackTrace: text("stack_trace"),
    failure: jsonb("failure").$type<ErrorRecord>(),
    category: text("category").$type<Category>(),
    startedAt: moment("started_at"),
    endedAt: moment("ended_at"),
    heartbeats: integer("heartbeats"),
    lastHeartbeatAt: moment("last_heartbeat_at"),
    progress: jsonb("progress").$type<Progress>(),
    workerIdentity: text("worker_identity"),
    buildId: text("build_id"),
  },
  (t) => [
    primaryKey({ name: "attempts_in_order", columns: [t.letterId, t.deathN, t.n] }),
    index("attempts_by_error").on(t.errorType, t.letterId),
    oneOf("attempts_state_known", t.state, attemptStates),
    oneOf("attempts_category_known", t.category, categories),
  ],
);

export const events = dlo.table(
  "events",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    // Truncated, as timestamptz(3) rounds, and so may lie in the future.
    at: moment("at")
      .notNull()
      .default(sql`date_trunc('milliseconds', clock_timestamp())`),
    position: bigint("position", { mode: "number" }),
    // Null for what concerns a cause alone.
    letterId: uuid("letter_id").references(() => deadLetters.id, { onDelete: "cascade" }),
    causeId: uuid("cause_id").references(() => causes.id),
    redriveId: uuid("redrive_id").references(() => redrives.id),
    namespace: text("namespace"),
    workflowId: text("workflow_id"),
    // No check on the words: later releases add some, and a new check reads the whole table under a lock.
    type: text("type").$type<EventType>().notNull(),
    by: text("by"),
    reason: text("reason"),
    requestId: text("request_id"),
    runId: text("run_id"),
    revision: integer("revision"),
    data: jsonb("data").$type<Readonly<Record<string, unknown>>>(),
  },
  (t) => [
    index("events_of_letter").on(t.letterId, t.id),
    uniqueIndex("events_position").on(t.position).where(isNotNull(t.position)),
    index("events_without_position").on(t.id).where(isNull(t.position)),
    index("events_of_cause").on(t.causeId, t.id).where(isNull(t.letterId)),
    // What a person did: the first one is a letter's first look.
    index("events_signed")
      .on(t.letterId, t.at)
      .where(sql`by is not null and by <> 'office'`),
    index("events_of_redrive").on(t.redriveId, t.id).where(isNotNull(t.redriveId)),
    check(
      "events_concern_something",
      sql`${t.letterId} is not null or ${t.causeId} is not null or ${t.redriveId} is not null`,
    ),
  ],
);

/** Many letters, asked the same thing at a rate. Its workflow is the truth, this row its projection, and the place where its counts stand. */
export const redrives = dlo.table(
  "redrives",
  {
    id: uuid("id").primaryKey(),
    namespace: text("namespace").notNull(),
    command: text("command").$type<BulkCommand["name"]>().notNull(),
    spec: jsonb("spec").$type<RedriveSpec>().notNull(),
    sealed: bytes("sealed"),
    status: text("status").$type<RedriveStatus>().notNull(),
    by: text("by").notNull(),
    reason: text("reason"),
    askedAt: moment("asked_at").notNull(),
    snapshotAt: moment("snapshot_at"),
    lastBegunAt: moment("last_begun_at"),
    endedAt: moment("ended_at"),
    rate: doublePrecision("rate").notNull(),
    maxInFlight: integer("max_in_flight").notNull(),
    jitterMs: span("jitter_ms").notNull(),
    stopOnFailure: doublePrecision("stop_on_failure"),
    stopOnSameCause: integer("stop_on_same_cause"),
    heldBy: text("held_by"),
    stopRule: text("stop_rule").$type<RedriveStop["rule"]>(),
    stopWhy: text("stop_why"),
    stopLetters: uuid("stop_letters").array(),
    items: integer("items").notNull().default(0),
    recovered: integer("recovered").notNull().default(0),
    diedAgain: integer("died_again").notNull().default(0),
    sameCause: integer("same_cause").notNull().default(0),
    done: integer("done").notNull().default(0),
    refused: integer("refused").notNull().default(0),
    skipped: integer("skipped").notNull().default(0),
    forgivenRecovered: integer("forgiven_recovered").notNull().default(0),
    forgivenDied: integer("forgiven_died").notNull().default(0),
    forgivenSameCause: integer("forgiven_same_cause").notNull().default(0),
  },
  (t) => [
    index("redrives_newest").on(sql`asked_at desc`, sql`id desc`),
    oneOf("redrives_status_known", t.status, redriveStatuses),
    check("redrives_end", sql`(${t.endedAt} is null) = (${t.status} not in (${literals(endedRedriveStatuses)}))`),
    check("redrives_stop", sql`(${t.stopRule} is null) = (${t.stopWhy} is null)`),
    check("redrives_rate", sql`${t.rate} > 0 and ${t.maxInFlight} >= 1 and ${t.jitterMs} >= 0`),
  ],
);

/** The letters of each redrive, as they were when it began, and what came of them. */
export const redriveItems = dlo.table(
  "redrive_items",
  {
    redriveId: uuid("redrive_id")
      .notNull()
      .references(() => redrives.id, { onDelete: "cascade" }),
    n: integer("n").notNull(),
    // No reference: the report outlives its letters.
    letterId: uuid("letter_id").notNull(),
    workflowId: text("workflow_id").notNull(),
    job: text("job").notNull(),
    causeId: uuid("cause_id").notNull(),
    deaths: integer("deaths").notNull(),
    key: text("key"),
    keyN: integer("key_n"),
    state: text("state").$type<ItemState>().notNull(),
    code: text("code").$type<ItemCode>(),
    why: text("why"),
    runId: text("run_id"),
    newCauseId: uuid("new_cause_id"),
    asked: boolean("asked").notNull().default(false),
    counted: boolean("counted").notNull().default(false),
    begunAt: moment("begun_at"),
    endedAt: moment("ended_at"),
  },
  (t) => [
    primaryKey({ name: "redrive_items_in_order", columns: [t.redriveId, t.n] }),
    uniqueIndex("redrive_items_one_at_a_time")
      .on(t.letterId)
      .where(sql`state in ('behind', 'waiting', 'running')`),
    index("redrive_items_by_state").on(t.redriveId, t.state, t.n),
    index("redrive_items_to_count")
      .on(t.redriveId)
      .where(sql`not counted and state not in ('behind', 'waiting', 'running')`),
    index("redrive_items_by_key").on(t.redriveId, t.key, t.keyN).where(isNotNull(t.key)),
    oneOf("redrive_items_state_known", t.state, itemStates),
    check("redrive_items_ended", sql`(${t.endedAt} is null) = (${t.state} in ('behind', 'waiting', 'running'))`),
  ],
);

/** Commands that somebody asks for by inserting a row, and the office's answers. */
export const requests = dlo.table(
  "requests",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    namespace: text("namespace").notNull().default("default"),
    command: text("command").notNull(),
    letterId: uuid("letter_id"),
    filter: text("filter"),
    options: jsonb("options").$type<Readonly<Record<string, unknown>>>(),
    reason: text("reason"),
    // The rest is the office's; a trigger keeps others from saying it.
    by: text("by")
      .notNull()
      .default(sql`session_user`),
    askedAt: moment("asked_at")
      .notNull()
      .default(sql`date_trunc('milliseconds', clock_timestamp())`),
    state: text("state").$type<RequestState>().notNull().default("asked"),
    leaseUntil: moment("lease_until"),
    answeredAt: moment("answered_at"),
    redriveId: uuid("redrive_id"),
    code: text("code"),
    answer: text("answer"),
  },
  (t) => [
    index("requests_asked")
      .on(t.id)
      .where(sql`state in ('asked', 'working')`),
    oneOf("requests_state_known", t.state, requestStates),
    check("requests_answered", sql`(${t.answeredAt} is null) = (${t.state} in ('asked', 'working'))`),
  ],
);

/** What was deleted of closed letters: when, by whom, by which rule, how many. */
export const prunes = dlo.table(
  "prunes",
  {
    id: uuid("id").primaryKey(),
    namespace: text("namespace").notNull(),
    beganAt: moment("began_at").notNull(),
    endedAt: moment("ended_at"),
    by: text("by").notNull(),
    reason: text("reason"),
    rule: jsonb("rule").$type<Readonly<Record<string, unknown>>>().notNull(),
    letters: integer("letters").notNull().default(0),
    oldestClosedAt: moment("oldest_closed_at"),
    newestClosedAt: moment("newest_closed_at"),
  },
  () => [index("prunes_newest").on(sql`began_at desc`, sql`id desc`)],
);

/** What was found to differ between Temporal and Postgres, and mended: a row each time that somebody, or the schedule, looked. */
export const reconciles = dlo.table(
  "reconciles",
  {
    id: uuid("id").primaryKey(),
    namespace: text("namespace").notNull(),
    beganAt: moment("began_at").notNull(),
    endedAt: moment("ended_at"),
    by: text("by").notNull(),
    reason: text("reason"),
    dryRun: boolean("dry_run").notNull(),
    thorough: boolean("thorough").notNull(),
    sweptUntil: moment("swept_until"),
    found: jsonb("found").$type<Readonly<Record<string, number>>>().notNull().default({}),
    mended: integer("mended").notNull().default(0),
  },
  (t) => [
    index("reconciles_newest").on(t.namespace, sql`began_at desc`, sql`id desc`),
    check("reconciles_mended", sql`${t.mended} >= 0 and (not ${t.dryRun} or ${t.mended} = 0)`),
  ],
);

/** Failed workflows and activities of any make that became letters: a row each time that somebody, or a schedule, looked. */
export const adoptions = dlo.table(
  "adoptions",
  {
    id: uuid("id").primaryKey(),
    namespace: text("namespace").notNull(),
    watch: text("watch"),
    query: text("query").notNull(),
    what: text("what").$type<"workflows" | "activities">().notNull(),
    beganAt: moment("began_at").notNull(),
    endedAt: moment("ended_at"),
    by: text("by").notNull(),
    reason: text("reason"),
    sweptUntil: moment("swept_until"),
    adopted: integer("adopted").notNull().default(0),
    skipped: jsonb("skipped").$type<Readonly<Record<string, number>>>().notNull().default({}),
  },
  (t) => [
    index("adoptions_newest").on(t.namespace, sql`began_at desc`, sql`id desc`),
    index("adoptions_of_watch")
      .on(t.namespace, t.watch, sql`began_at desc`)
      .where(isNotNull(t.watch)),
    oneOf("adoptions_what_known", t.what, ["workflows", "activities"]),
  ],
);

/** How far each of those who follow the events by themselves has come; one writer a name. */
export const cursors = dlo.table("cursors", {
  name: text("name").primaryKey(),
  position: bigint("position", { mode: "number" }).notNull(),
  movedAt: moment("moved_at").notNull(),
});

/*
 * Counts. A statement's triggers append what it changed to the `*_deltas`, so that no death writes to a row that others
 * write to; the office folds them into the counts. What is counted is the sum of both.
 */

const facets = () => ({
  namespace: text("namespace").notNull(),
  kind: text("kind").$type<Kind>().notNull(),
  job: text("job").notNull(),
  queue: text("queue").notNull(),
  status: text("status").$type<Status>().notNull(),
  reason: text("reason").$type<Reason>().notNull(),
  category: text("category").$type<Category>().notNull(),
  errorType: text("error_type").notNull(),
  causeId: uuid("cause_id").notNull(),
  retried: boolean("retried").notNull(),
});

function pick<T extends object, Key extends keyof T>(of: T, keys: readonly Key[]): Pick<T, Key> {
  return Object.fromEntries(keys.map((key) => [key, of[key]])) as Pick<T, Key>;
}

const deltaId = () => bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity();

/** Letters by every combination of their facets that occurs. */
export const letterCounts = dlo.table(
  "letter_counts",
  { ...facets(), n: bigint("n", { mode: "number" }).notNull() },
  (t) => [
    primaryKey({
      name: "letter_counts_once",
      columns: [
        ...[t.causeId, t.namespace, t.kind, t.job, t.queue, t.status, t.reason, t.category, t.errorType, t.retried],
      ] as never,
    }),
    // Whether there is more than one.
    index("letter_counts_by_namespace").on(t.namespace),
  ],
);

/** The same by fewer facets, for what is asked most: lists of causes. */
export const causeCounts = dlo.table(
  "cause_counts",
  { ...pick(facets(), ["namespace", "job", "status", "causeId"]), n: bigint("n", { mode: "number" }).notNull() },
  (t) => [primaryKey({ name: "cause_counts_once", columns: [t.causeId, t.namespace, t.job, t.status] })],
);

/** And for numbers over all causes. */
export const queueCounts = dlo.table(
  "queue_counts",
  {
    ...pick(facets(), ["namespace", "job", "queue", "status", "category", "reason"]),
    n: bigint("n", { mode: "number" }).notNull(),
  },
  (t) => [
    primaryKey({
      name: "queue_counts_once",
      columns: [t.namespace, t.queue, t.job, t.status, t.category, t.reason],
    }),
  ],
);

export const letterDeltas = dlo.table("letter_deltas", { id: deltaId(), ...facets(), n: integer("n").notNull() });

/** Deaths, and failed attempts, by quarter of an hour: of these, days of every time zone can be made. They stay when letters are pruned. */
export const timeCounts = dlo.table(
  "time_counts",
  {
    namespace: text("namespace").notNull(),
    dimension: text("dimension").$type<TimeDimension>().notNull(),
    value: text("value").notNull(),
    bucket: moment("bucket").notNull(),
    n: bigint("n", { mode: "number" }).notNull(),
  },
  (t) => [
    // The namespace before the time: a range must come last. Carries `n`, too: see the migration.
    primaryKey({ name: "time_counts_once", columns: [t.dimension, t.value, t.namespace, t.bucket] }),
    index("time_counts_by_time").on(t.dimension, t.bucket, t.value),
  ],
);

export const deathDeltas = dlo.table("death_deltas", {
  id: deltaId(),
  namespace: text("namespace").notNull(),
  bucket: moment("bucket").notNull(),
  job: text("job").notNull(),
  queue: text("queue").notNull(),
  reason: text("reason").$type<Reason>().notNull(),
  category: text("category").$type<Category>().notNull(),
  causeId: uuid("cause_id").notNull(),
  buildId: text("build_id").notNull(),
  firstAt: moment("first_at").notNull(),
  lastAt: moment("last_at").notNull(),
  n: integer("n").notNull(),
});

export const attemptDeltas = dlo.table("attempt_deltas", {
  id: deltaId(),
  namespace: text("namespace").notNull(),
  bucket: moment("bucket").notNull(),
  errorType: text("error_type").notNull(),
  n: integer("n").notNull(),
});

/** Deaths of a cause by the build of the worker, "" where it is not known. */
export const causeBuilds = dlo.table(
  "cause_builds",
  {
    causeId: uuid("cause_id").notNull(),
    buildId: text("build_id").notNull(),
    firstAt: moment("first_at").notNull(),
    lastAt: moment("last_at").notNull(),
    n: bigint("n", { mode: "number" }).notNull(),
  },
  (t) => [
    primaryKey({ name: "cause_builds_once", columns: [t.causeId, t.buildId] }),
    index("cause_builds_by_build").on(t.buildId, t.firstAt),
  ],
);
