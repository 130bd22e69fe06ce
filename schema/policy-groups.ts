import { asc, desc, inArray, sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import type { Db } from "./database.ts";
import { spanOrNull } from "./moments.ts";
import { type LetterPolicy, policyOfRow, policyRowColumns } from "./policy-of-row.ts";
import { deadLetters } from "./tables.ts";

export type PolicyGroup = LetterPolicy & { readonly letters: number };

/**
 * Letters by the policy that they have, the largest groups first: there are as many as queues and contracts that differ, and
 * retentions that were set by hand.
 *
 * @param ids a select of the letters' ids
 */
export async function policyGroups(db: Db, ids: SQL): Promise<PolicyGroup[]> {
  const letters = sql<number>`count(*)::int`;
  const rows = await db
    .select({ ...policyRowColumns, letters })
    .from(deadLetters)
    .where(inArray(deadLetters.id, sql`(${ids})`))
    .groupBy(...Object.values(policyRowColumns))
    .orderBy(desc(letters), asc(deadLetters.queue));
  return rows.map(({ letters: count, ...row }) => ({ ...policyOfRow(row), letters: count }));
}

/**
 * How many of each group have a clock that another retention would have ended by now, in the order of the groups.
 *
 * @param groups each with the retention that it would get
 */
export async function endedUnder(
  db: Db,
  ids: SQL,
  groups: readonly (PolicyGroup & { readonly toMs: number })[],
): Promise<number[]> {
  if (groups.length === 0) return [];
  const asked = groups.map(({ queue, own, policy, toMs }, n) => ({
    ...{ n, queue, own_policy: own, to_ms: toMs },
    ...{ retention_ms: spanOrNull(policy.retentionMs), keep_for_ms: spanOrNull(policy.keepForMs) },
    ...{ on_expire: policy.onExpire, hand_on_to: policy.handOnTo, maximum_retries: policy.maximumRetries },
    ...{ warn_before_ms: policy.warnBeforeMs, auto_retry: policy.autoRetry },
  }));
  const rows = await db.execute<{ n: number; letters: number }>(sql`
    select g.n, count(*)::int as letters
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) as g (
      n int, queue text, own_policy jsonb, to_ms bigint, retention_ms bigint, keep_for_ms bigint, on_expire text,
      hand_on_to text, maximum_retries int, warn_before_ms bigint, auto_retry jsonb)
    join dlo.dead_letters l on l.queue = g.queue and l.own_policy = g.own_policy and l.on_expire = g.on_expire
      and l.maximum_retries = g.maximum_retries
      and (l.retention_ms, l.keep_for_ms, l.hand_on_to, l.warn_before_ms, nullif(l.auto_retry, 'null'))
        is not distinct from (g.retention_ms, g.keep_for_ms, g.hand_on_to, g.warn_before_ms, nullif(g.auto_retry, 'null'))
    where l.id in (${ids}) and l.status = 'parked' and l.retry_at is null and l.retry_when is null
      and (l.expires_at is not null or (l.retention_ms is null and l.failed_code is distinct from 'onExpire'))
      and coalesce(l.expires_at - l.retention_ms * interval '1 millisecond', l.failed_at) + g.to_ms * interval '1 millisecond' <= now()
    group by g.n`);
  const found = new Map(rows.map(({ n, letters }) => [n, letters]));
  return groups.map((_, n) => found.get(n) ?? 0);
}
