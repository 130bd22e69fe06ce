import { and, eq, sql } from "drizzle-orm";
import type { Status } from "../model/status.ts";
import type { Db } from "./database.ts";
import type { Kind } from "./kinds.ts";
import { texts } from "./sql-lists.ts";
import { deadLetters, deaths } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

/** What the tables know of a workflow id. */
export type KnownId = {
  /** Runs whose deaths are recorded, each with its letter. */
  readonly deaths: ReadonlyMap<string, KnownDeath>;
  /** It died as a job of ours at some time. */
  readonly isJob: boolean;
  /** Its open letter, if it has one, retries it just now. */
  readonly isRetrying: boolean;
};

export type KnownDeath = {
  readonly letterId: string;
  readonly kind: Kind;
  readonly status: Status;
  /** The dead letter queue that it is filed under. */
  readonly queue: string;
  /** Deaths of the letter in all. */
  readonly letterDeaths: number;
  /** The adoption that the letter's newest run came with. */
  readonly adoption: string | null;
};

/** What is known of these workflow ids; those of which nothing is are left out. Index: `deaths_once`. */
export async function knownIds(
  db: Db,
  namespace: string,
  workflowIds: readonly string[],
): Promise<ReadonlyMap<string, KnownId>> {
  const rows = await translatingErrors(db, async () =>
    db
      .select({
        ...{ workflowId: deaths.workflowId, runId: deaths.runId },
        ...{ letterId: deadLetters.id, kind: deadLetters.kind, status: deadLetters.status, queue: deadLetters.queue },
        letterDeaths: deadLetters.deaths,
        adoption: sql<string | null>`${deadLetters.source} ->> 'adoption'`,
      })
      .from(deaths)
      .innerJoin(deadLetters, eq(deadLetters.id, deaths.letterId))
      .where(and(sql`${deaths.workflowId} = any(${texts(workflowIds)})`, eq(deaths.namespace, namespace))),
  );
  const known = new Map<string, { deaths: Map<string, KnownDeath>; isJob: boolean; isRetrying: boolean }>();
  for (const { workflowId, runId, ...death } of rows) {
    const id = known.get(workflowId) ?? { deaths: new Map(), isJob: false, isRetrying: false };
    id.deaths.set(runId, death);
    id.isJob ||= death.kind === "job";
    id.isRetrying ||= death.status === "retrying";
    known.set(workflowId, id);
  }
  return known;
}

/** Which of these workflow types are jobs of ours: the newest letter of the name is one's. Index: `dead_letters_by_job`. */
export async function jobTypes(db: Db, types: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await translatingErrors(db, async () =>
    db.execute<{ type: string }>(sql`
      select type from unnest(${texts(types)}) as type
      where (
        select kind from dlo.dead_letters where job = type order by failed_at desc, id desc limit 1
      ) = 'job'`),
  );
  return new Set([...rows].map(({ type }) => type));
}
