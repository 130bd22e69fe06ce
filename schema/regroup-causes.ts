import { and, asc, gt, inArray, sql } from "drizzle-orm";
import { builtInCause, causeByRule } from "../model/cause-by-rule.ts";
import type { Signature } from "../model/command.ts";
import type { Filter } from "../model/filter.ts";
import type { FingerprintRule } from "../model/fingerprint-rule.ts";
import type { CauseRef } from "../model/ledger.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { filterConditions } from "./filter-conditions.ts";
import { causes, deadLetters, deaths } from "./tables.ts";
import { translatingErrors } from "./translate-error.ts";

export type RegroupOptions = {
  readonly filter: Filter;
  /** Those of the office. Where none matches, the built-in fingerprint counts. */
  readonly rules: readonly FingerprintRule[];
  /** Absent: only tells what would be done. */
  readonly apply?: Signature;
  /** Told after each batch. */
  readonly progress?: (letters: number) => void;
};

/** What moved from one cause to another, or would. */
export type Regrouped = {
  readonly from: { readonly id: string; readonly title: string };
  /** `isNew`: nothing had died of it before. */
  readonly to: { readonly id: string; readonly title: string; readonly isNew: boolean };
  readonly letters: number;
  readonly deaths: number;
};

export type Regrouping = {
  /** Most letters first. */
  readonly moves: readonly Regrouped[];
  /** How many letters were looked at, with all of their deaths. */
  readonly letters: number;
  readonly applied: boolean;
};

/**
 * Gives old deaths and their letters the causes that they would get today.
 *
 * By the primary key, batch by batch, so it may be stopped and run again: what has its cause already stays. Letters that die
 * meanwhile keep what their death said. Each pair of causes gets an event `cause_regrouped` on both sides, with how many
 * moved; a process that is killed leaves the batches done without it.
 *
 * @throws {OfficeError} `USAGE` for a filter that cannot be meant
 */
export async function regroupCauses(db: Db, options: RegroupOptions): Promise<Regrouping> {
  const { rules, apply, progress } = options;
  const moved = new Map<string, Move>();
  const titles = new Map<string, string>();
  const made = new Set<string>();
  const conditions = filterConditions(options.filter);
  let letters = 0;
  let after: string | undefined;
  try {
    for (;;) {
      const batch = await translatingErrors(db, async () => await readBatch(db, conditions, after));
      after = batch.letters.at(-1)?.id;
      if (after === undefined) break;
      letters += batch.letters.length;
      const changes = changesOf(batch, rules);
      for (const { id, title } of changes.targets.values()) titles.set(id, title);
      const done = apply === undefined ? changes.all : await moveBatch(db, changes, made);
      for (const change of done) count(moved, change);
      progress?.(letters);
    }
  } finally {
    // What has moved is told, also when the rest could not be.
    if (apply !== undefined && moved.size > 0)
      await translatingErrors(db, async () => await tell(db, [...moved.values()], apply));
  }
  return {
    moves: await translatingErrors(db, async () => await named(db, [...moved.values()], titles, made)),
    letters,
    applied: apply !== undefined,
  };
}

const batchLetters = 200;

async function readBatch(db: Db, conditions: ReturnType<typeof filterConditions>, after: string | undefined) {
  const { id, job, queue, reason, category, failure, causeId, failedAt } = deadLetters;
  const letters = await db
    .select({ id, job, queue, reason, category, failure, causeId, at: failedAt })
    .from(deadLetters)
    .where(and(...conditions, after === undefined ? undefined : gt(id, after)))
    .orderBy(asc(id))
    .limit(batchLetters);
  const ids = letters.map((letter) => letter.id);
  const died =
    ids.length === 0
      ? []
      : await db
          .select({
            id: deaths.id,
            letterId: deaths.letterId,
            reason: deaths.reason,
            category: deaths.category,
            failure: deaths.failure,
            causeId: deaths.causeId,
            at: deaths.diedAt,
          })
          .from(deaths)
          .where(inArray(deaths.letterId, ids))
          .orderBy(asc(deaths.id));
  return { letters, deaths: died };
}

type Change = { readonly of: "letters" | "deaths"; readonly id: string; readonly from: string; readonly to: string };

type Changes = {
  readonly all: readonly Change[];
  /** The rows of the causes that they lead to. */
  readonly targets: ReadonlyMap<string, Target>;
};

type Target = CauseRef & { readonly rule?: string; readonly errorType: string; readonly firstSeenAt: Date };

function changesOf(batch: Awaited<ReturnType<typeof readBatch>>, rules: readonly FingerprintRule[]): Changes {
  const all: Change[] = [];
  const targets = new Map<string, Target>();
  const look = (
    of: Change["of"],
    { id, failure, reason, category, causeId, at }: Omit<(typeof batch.deaths)[number], "letterId">,
    { job, queue }: (typeof batch.letters)[number],
  ) => {
    const cause = causeByRule(rules, { error: failure, job, queue, category, reason }) ?? builtInCause(failure);
    if (cause.id === causeId) return;
    all.push({ of, id, from: causeId, to: cause.id });
    const known = targets.get(cause.id);
    if (known === undefined || known.firstSeenAt > at)
      targets.set(cause.id, { ...cause, errorType: failure.type, firstSeenAt: at });
  };
  const letterOf = new Map(batch.letters.map((letter) => [letter.id, letter]));
  for (const letter of batch.letters) look("letters", letter, letter);
  for (const death of batch.deaths) {
    const letter = letterOf.get(death.letterId);
    if (letter !== undefined) look("deaths", death, letter);
  }
  return { all, targets };
}

/** Moves what still is where it was read, and returns that. Rows are locked in the order of ids. */
async function moveBatch(db: Db, { all, targets }: Changes, made: Set<string>): Promise<Change[]> {
  if (all.length === 0) return [];
  return await translatingErrors(
    db,
    async () =>
      await db.transaction(async (tx) => {
        const rows = [...targets.values()]
          .toSorted((one, other) => (one.id < other.id ? -1 : 1))
          .map(({ id, fingerprint, version, title, errorType, firstSeenAt, rule = null }) =>
            cleanRow({ id, fingerprint, version, title, errorType, firstSeenAt, rule }),
          );
        const written = await tx
          .insert(causes)
          .values(rows)
          .onConflictDoUpdate({
            target: causes.id,
            set: { firstSeenAt: sql`excluded.first_seen_at` },
            setWhere: sql`${causes.firstSeenAt} > excluded.first_seen_at`,
          })
          // Only a row that was inserted has no older version that it ends.
          .returning({ id: causes.id, isNew: sql<boolean>`xmax = 0` });
        for (const { id, isNew } of written) if (isNew) made.add(id);
        const done: Change[] = [];
        for (const what of ["letters", "deaths"] as const) {
          const table = what === "letters" ? sql`dlo.dead_letters` : sql`dlo.deaths`;
          const changes = all.filter((change) => change.of === what);
          const updated = await tx.execute<{ id: string }>(sql`
        with moving as (
          select t.id, m."to" from ${table} as t
          join jsonb_to_recordset(${JSON.stringify(changes)}::jsonb) as m (id uuid, "from" uuid, "to" uuid)
            on m.id = t.id and m."from" = t.cause_id
          order by t.id for update of t
        )
        update ${table} as t set cause_id = moving."to" from moving where moving.id = t.id returning t.id`);
          const ids = new Set(updated.map(({ id }) => id));
          done.push(...changes.filter(({ id }) => ids.has(id)));
        }
        return done;
      }),
  );
}

type Move = { readonly from: string; readonly to: string; letters: number; deaths: number };

function count(moved: Map<string, Move>, { of, from, to }: Change): void {
  const key = `${from} ${to}`;
  const move = moved.get(key) ?? { from, to, letters: 0, deaths: 0 };
  move[of]++;
  moved.set(key, move);
}

async function tell(db: Db, moves: readonly Move[], { by, reason, requestId }: Signature): Promise<void> {
  const clean = cleanRow({ by: by ?? null, reason: reason ?? null, requestId: requestId ?? null });
  await db.execute(sql`
    insert into dlo.events (cause_id, type, by, reason, request_id, data)
    select side.cause, 'cause_regrouped', ${clean.by}, ${clean.reason}, ${clean.requestId},
      jsonb_build_object('letters', m.letters, 'deaths', m.deaths, side.other, side.id, 'title', c.title)
    from jsonb_to_recordset(${JSON.stringify(moves)}::jsonb) as m ("from" uuid, "to" uuid, letters int, deaths int)
    cross join lateral (values (m."from", 'to', m."to"), (m."to", 'from', m."from")) as side (cause, other, id)
    join dlo.causes c on c.id = side.id
    order by m."from", m."to", side.other desc`);
}

/** With the causes' titles: the present ones, and of those that do not exist yet what they would be. */
async function named(
  db: Db,
  moves: readonly Move[],
  titles: ReadonlyMap<string, string>,
  made: ReadonlySet<string>,
): Promise<Regrouped[]> {
  const ids = [...new Set(moves.flatMap(({ from, to }) => [from, to]))];
  const rows =
    ids.length === 0
      ? []
      : await db.select({ id: causes.id, title: causes.title }).from(causes).where(inArray(causes.id, ids));
  const titleOf = new Map(rows.map(({ id, title }) => [id, title]));
  return moves
    .map(({ from, to, letters, deaths: died }) => ({
      from: { id: from, title: titleOf.get(from) ?? "" },
      to: { id: to, title: titleOf.get(to) ?? titles.get(to) ?? "", isNew: made.has(to) || !titleOf.has(to) },
      letters,
      deaths: died,
    }))
    .toSorted((one, other) => other.letters - one.letters || other.deaths - one.deaths);
}
