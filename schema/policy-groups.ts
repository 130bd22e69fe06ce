import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Db } from "./database.ts";
import { type LetterPolicy, policyOfRow, type PolicyRow } from "./policy-of-row.ts";

export type PolicyGroup = LetterPolicy & { readonly letters: number };

/** Groups that are looked at; there are as many as queues and contracts that differ. */
const mostGroups = 200;

/**
 * Letters by the policy that they have, the largest groups first.
 *
 * @param ids a select of the letters' ids
 */
export async function policyGroups(db: Db, ids: SQL): Promise<PolicyGroup[]> {
  const rows = await db.execute<Raw>(sql`
    select ${columns}, count(*)::int as letters from dlo.dead_letters where id in (${ids})
    group by ${columns} order by letters desc, queue limit ${sql.raw(String(mostGroups))}`);
  return rows.map((row) => ({ ...policyOfRow(rowOf(row)), letters: row.letters }));
}

/** How many of a group have a clock that another retention would have ended by now. */
export async function endedUnder(db: Db, ids: SQL, group: PolicyGroup, retentionMs: number): Promise<number> {
  const { queue, own, policy } = group;
  const was = policy.retentionMs === "indefinite" ? null : policy.retentionMs;
  const parkedAt =
    was === null ? sql`failed_at` : sql`coalesce(expires_at - ${was}::bigint * interval '1 millisecond', failed_at)`;
  const [counted] = await db.execute<{ letters: number }>(sql`
    select count(*)::int as letters from dlo.dead_letters
    where id in (${ids}) and queue = ${queue} and own_policy = ${JSON.stringify(own)}::jsonb
      and retention_ms is not distinct from ${was}::bigint
      and status = 'parked' and retry_at is null and (expires_at is not null or retention_ms is null)
      and ${parkedAt} + ${retentionMs}::bigint * interval '1 millisecond' <= now()`);
  return counted?.letters ?? 0;
}

const columns = sql.raw(
  "queue, own_policy, retention_ms, keep_for_ms, on_expire, hand_on_to, maximum_retries, warn_before_ms, auto_retry",
);

/** 64-bit numbers come as texts. */
type Raw = {
  queue: string;
  own_policy: PolicyRow["ownPolicy"];
  retention_ms: string | null;
  keep_for_ms: string | null;
  on_expire: PolicyRow["onExpire"];
  hand_on_to: string | null;
  maximum_retries: number;
  warn_before_ms: string | null;
  auto_retry: PolicyRow["autoRetry"];
  letters: number;
};

function rowOf(row: Raw): PolicyRow {
  const span = (text: string | null) => (text === null ? null : Number(text));
  return {
    queue: row.queue,
    ownPolicy: row.own_policy,
    retentionMs: span(row.retention_ms),
    keepForMs: span(row.keep_for_ms),
    onExpire: row.on_expire,
    handOnTo: row.hand_on_to,
    maximumRetries: row.maximum_retries,
    warnBeforeMs: span(row.warn_before_ms),
    autoRetry: row.auto_retry,
  };
}
