import { setTimeout as pause } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Db } from "../schema/database.ts";

/**
 * Tells how far an index of `dead_letters` is, whenever there is news, until the returned function is called.
 *
 * @param news takes such as "40% of the table read"
 */
export function watchBuild(db: Db, news: (state: string) => void): () => Promise<void> {
  const stop = new AbortController();
  const watching = (async () => {
    let said: string | undefined;
    while (!stop.signal.aborted) {
      await pause(1000, undefined, { signal: stop.signal }).catch(() => undefined);
      // Watching is not worth a failed build.
      const state = stop.signal.aborted ? undefined : await buildState(db).catch(() => undefined);
      if (state !== undefined && state !== said) news(state);
      said = state ?? said;
    }
  })();
  return async () => {
    stop.abort();
    await watching;
  };
}

type Progress = { phase: string; locker: number | null; tenths: number | null };

/** How far the index is that is just being built; undefined where none is. */
export async function buildState(db: Db): Promise<string | undefined> {
  const [found] = await db.execute<Progress>(sql`
    select phase, nullif(current_locker_pid, 0) as locker, (blocks_done * 10 / nullif(blocks_total, 0))::int as tenths
    from pg_stat_progress_create_index where relid = 'dlo.dead_letters'::regclass`);
  if (found === undefined) return undefined;
  const { phase, locker, tenths } = found;
  if (locker !== null)
    return `waiting for a transaction that began earlier to end (process ${locker}; pg_stat_activity shows what it does)`;
  return phase.startsWith("building index") && tenths !== null ? `${tenths * 10}% of the table read` : phase;
}
