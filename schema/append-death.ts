import type { SQL, WithSubquery } from "drizzle-orm";
import { and, eq, sql } from "drizzle-orm";
import { v7 as uuidv7 } from "uuid";
import { officeActor } from "../model/event.ts";
import type { AttemptEntry } from "../model/ledger.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { momentAt, momentOrNull } from "./moments.ts";
import type { RunDeath } from "./run-death.ts";
import { attempts, causes, deaths, events } from "./tables.ts";

/**
 * The parts of a statement that append a death to the letter which its part `letter` yields: cause, death, attempts, event.
 *
 * One statement rather than a transaction of six: it is as atomic, holds the letter's lock for less time, and costs one
 * exchange with the server.
 *
 * @param payloadData the run's own input
 */
export function appendDeath(db: Db, death: RunDeath, payloadData: Uint8Array | SQL | null): WithSubquery[] {
  const parts: WithSubquery[] = [
    db
      .$with("cause")
      .as(
        db
          .insert(causes)
          .values(causeRow(death))
          .onConflictDoNothing()
          .returning({ id: causes.id, title: causes.title }),
      ),
    db.$with("new_cause", {}).as(causeEvent(death)),
    db.$with("death").as(db.insert(deaths).values({ ...deathRow(death), payloadData })),
    db.$with("event").as(db.insert(events).values(eventRow(death))),
  ];
  if (death.attempts.length > 0)
    parts.push(db.$with("attempt").as(db.insert(attempts).values(death.attempts.map(attemptRow))));
  return parts;
}

/** The columns that tell a death's error, which letters and deaths have in common. */
export function errorColumns(death: RunDeath) {
  return {
    runId: death.runId,
    reason: death.reason,
    category: death.category,
    causeId: death.cause.id,
    errorType: death.error.type,
    errorMessage: death.error.message,
    stackTrace: death.error.stack ?? null,
    failure: death.error,
    buildId: death.buildId ?? null,
    workerIdentity: death.workerIdentity ?? null,
  };
}

/** Finds this very death. Index: `deaths_once`. */
export function deathIs(death: RunDeath) {
  const { namespace, workflowId, runId } = cleanRow({
    namespace: death.namespace,
    workflowId: death.workflowId,
    runId: death.runId,
  });
  return and(eq(deaths.workflowId, workflowId), eq(deaths.namespace, namespace), eq(deaths.runId, runId));
}

const letterId = sql<string>`(select id from letter)`;
const letterDeaths = sql<number>`(select deaths from letter)`;

function causeRow({ cause, error, diedAtMs }: RunDeath) {
  const { id, fingerprint, version, title, rule = null } = cause;
  return cleanRow({ id, fingerprint, version, title, rule, errorType: error.type, firstSeenAt: momentAt(diedAtMs) });
}

function deathRow(death: RunDeath) {
  return cleanRow({
    id: uuidv7(),
    letterId,
    n: letterDeaths,
    namespace: death.namespace,
    workflowId: death.workflowId,
    ...errorColumns(death),
    attempts: death.attemptCount,
    startedAt: momentOrNull(death.startedAtMs),
    diedAt: momentAt(death.diedAtMs),
  });
}

function attemptRow(entry: AttemptEntry) {
  return cleanRow({
    letterId,
    deathN: letterDeaths,
    n: entry.n,
    state: entry.state,
    errorType: entry.error?.type ?? null,
    errorMessage: entry.error?.message ?? null,
    stackTrace: entry.error?.stack ?? null,
    failure: entry.error ?? null,
    category: entry.category ?? null,
    startedAt: momentOrNull(entry.startedAtMs),
    endedAt: momentOrNull(entry.endedAtMs),
    heartbeats: entry.heartbeats ?? null,
    lastHeartbeatAt: momentOrNull(entry.lastHeartbeatAtMs),
    progress: entry.progress ?? null,
    workerIdentity: entry.worker ?? null,
    buildId: entry.build ?? null,
  });
}

/** Whoever writes the cause says that it is new; all others find it there. */
function causeEvent({ namespace, reason, category, error, diedAtMs }: RunDeath): SQL {
  const clean = cleanRow({ namespace, data: { reason, category, errorType: error.type } });
  return sql`
    insert into dlo.events (at, cause_id, namespace, type, data)
    select ${momentAt(diedAtMs).toISOString()}::timestamptz, cause.id, ${clean.namespace}, 'cause_new',
      ${JSON.stringify(clean.data)}::jsonb || jsonb_build_object('title', cause.title, 'letterId', ${letterId})
    from cause`;
}

function eventRow(death: RunDeath) {
  const { namespace, workflowId, runId, reason, category, error, attemptCount, diedAtMs } = death;
  return cleanRow({
    at: momentAt(diedAtMs),
    letterId,
    namespace,
    workflowId,
    causeId: death.cause.id,
    runId,
    type: sql<"parked" | "died_again">`case ${letterDeaths} when 1 then 'parked' else 'died_again' end`,
    by: death.found === undefined ? null : officeActor,
    reason: death.found ?? null,
    data: { reason, category, errorType: error.type, attempts: attemptCount },
  });
}
