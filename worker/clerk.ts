import { foldCounts } from "../schema/fold-counts.ts";
import { type Db, openDatabase } from "../schema/database.ts";
import { sequenceEvents } from "../schema/sequence-events.ts";
import { type Follower, followEvents } from "./follow-events.ts";
import { keepDoing } from "./keep-doing.ts";

/** The office's own work on its tables, until it is closed. */
export type Clerk = {
  /** When it last looked for events, and could. */
  lookedAt(): Date;
  close(): Promise<void>;
};

const batchRows = 2_000;
const foldRows = 10_000;

/** While events come, a batch should have some; while none come, a look is an index probe. */
const [busyMs, quietMs, idleMs] = [50, 100, 250];
const foldMs = 1_000;
const tidyMs = 3_600_000;

/**
 * Starts what an office does beside Temporal's work: it gives events their positions, folds the counts, hands events to
 * followers, and tidies up each hour. Any number of offices may do so on one database: locks and guarded cursors share it out.
 *
 * It has connections of its own, so that no death waits behind it, and outlives Postgres: what it missed it makes up for.
 */
export function startClerk(
  databaseUrl: string,
  followers: readonly Follower[] = [],
  tidy: (db: Db) => Promise<void> = async () => undefined,
): Clerk {
  const { db, close } = openDatabase(databaseUrl, { connections: 3, part: "clerk" });
  const stopping = new AbortController();
  const { signal } = stopping;
  let pauseMs = quietMs;
  let lookedAt = new Date();
  const sequence = async () => {
    const { numbered } = await sequenceEvents(db, batchRows);
    lookedAt = new Date();
    if (numbered === batchRows) return 0;
    pauseMs = numbered > 0 ? busyMs : Math.min(Math.max(pauseMs * 1.5, quietMs), idleMs);
    return pauseMs;
  };
  const fold = async () => ((await foldCounts(db, foldRows)) >= foldRows ? 0 : foldMs);
  const tidyUp = async () => {
    await tidy(db);
    return tidyMs;
  };
  const running = Promise.all([
    keepDoing("number events", sequence, signal),
    keepDoing("fold counts", fold, signal),
    keepDoing("forget hooks that are gone", tidyUp, signal),
    ...followers.map(async (follower) => await followEvents(db, follower, signal)),
  ]);
  return {
    lookedAt: () => lookedAt,
    close: async () => {
      stopping.abort();
      await running;
      await close();
    },
  };
}
