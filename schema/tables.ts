import { isNotNull, isNull, sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
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
import type { ErrorRecord } from "../model/error-record.ts";
import type { EventType } from "../model/event.ts";
import type { AttemptState, Progress } from "../model/ledger.ts";
import { attemptStates } from "../model/ledger.ts";
import type { Reason } from "../model/reason.ts";
import { reasons } from "../model/reason.ts";
import type { Status } from "../model/status.ts";
import { openStatuses, statuses } from "../model/status.ts";
import { bytes, literals, moment, oneOf, span } from "./column-types.ts";
import type { Kind } from "./kinds.ts";
import { kinds } from "./kinds.ts";

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
  },
  (t) => [check("office_one_row", sql`${t.singleton}`)],
);

/** Letters that died of the same error at the same place. Never written to per death: all deaths would queue for that row. */
export const causes = dlo.table("causes", {
  id: uuid("id").primaryKey(),
  fingerprint: text("fingerprint").notNull(),
  version: integer("version").notNull(),
  title: text("title").notNull(),
  errorType: text("error_type").notNull(),
  firstSeenAt: moment("first_seen_at").notNull(),
});

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
    onExpire: text("on_expire").$type<"expire" | "retry">().notNull().default("expire"),
    maximumRetries: integer("maximum_retries").notNull().default(3),
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
    oneOf("dead_letters_kind_known", t.kind, kinds),
    oneOf("dead_letters_status_known", t.status, statuses),
    oneOf("dead_letters_reason_known", t.reason, reasons),
    oneOf("dead_letters_category_known", t.category, categories),
    oneOf("dead_letters_on_expire_known", t.onExpire, ["expire", "retry"]),
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
    letterId: uuid("letter_id")
      .notNull()
      .references(() => deadLetters.id, { onDelete: "cascade" }),
    namespace: text("namespace").notNull(),
    workflowId: text("workflow_id").notNull(),
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
  ],
);
