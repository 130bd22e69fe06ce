import { strict as assert } from "node:assert";
import { and, eq, inArray, isNull } from "drizzle-orm";
import { v5 as uuidv5, v7 as uuidv7 } from "uuid";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { momentAt, momentOrNull } from "./moments.ts";
import type { ToldLetter } from "./read-letter-line.ts";
import { type LetterHead, letterHeadColumns } from "./rows.ts";
import { attempts, causes, deadLetters, deaths, events } from "./tables.ts";
import { translatingErrors, violatedConstraint } from "./translate-error.ts";

/** Where an imported letter is to live, and who imports it. */
export type ImportTarget = {
  readonly namespace: string;
  readonly by: string;
  readonly reason?: string;
  readonly nowMs: number;
  /** Of letters that do not say. Null has no end. */
  readonly retentionMs: number | null;
  readonly keepForMs: number | null;
};

export type FoundLetter = {
  readonly letter: LetterHead;
  /** `here`: this very letter. `open`: another one of the same job id, which is open. */
  readonly as: "here" | "open";
};

/**
 * The letter here that stands in a told one's way: itself, imported before or never gone, or an open one of its job id.
 *
 * Indexes: the primary key, `dead_letters_one_open`, `deaths_once`.
 */
export async function findTold(db: Db, told: ToldLetter, namespace: string): Promise<FoundLetter | undefined> {
  const { workflowId } = cleanRow({ workflowId: told.row.workflowId });
  const runIds = told.deaths.map(({ row }) => cleanRow({ runId: row.runId }).runId);
  const ofJob = and(eq(deadLetters.workflowId, workflowId), eq(deadLetters.namespace, namespace));
  const heads = () => db.select(letterHeadColumns).from(deadLetters);
  return await translatingErrors(db, async () => {
    const [byId] = await heads().where(and(inArray(deadLetters.id, idsOf(told, namespace)), ofJob));
    if (byId !== undefined) return { letter: byId, as: "here" };
    const { letterId, runId } = deaths;
    const [byDeath] = await heads()
      .innerJoin(deaths, eq(letterId, deadLetters.id))
      .where(and(eq(deaths.workflowId, workflowId), eq(deaths.namespace, namespace), inArray(runId, runIds)));
    if (byDeath !== undefined) return { letter: byDeath, as: "here" };
    const [open] = await heads().where(and(ofJob, isNull(deadLetters.closedAt)));
    return open === undefined ? undefined : { letter: open, as: "open" };
  });
}

/**
 * Writes a told letter with its deaths, attempts and causes, parked, and the event `imported`; all of it or nothing.
 *
 * @returns undefined where something stood in its way after all: look again
 */
export async function importLetter(db: Db, told: ToldLetter, target: ImportTarget): Promise<LetterHead | undefined> {
  return await translatingErrors(db, async () => {
    const [own, derived] = idsOf(told, target.namespace);
    const taken = await db.select({ id: deadLetters.id }).from(deadLetters).where(eq(deadLetters.id, own));
    try {
      return await db.transaction(async (tx) => await write(tx, told, target, taken.length === 0 ? own : derived));
    } catch (error) {
      const constraint = violatedConstraint(error) ?? "";
      if (["dead_letters_pkey", "dead_letters_one_open", "deaths_once"].includes(constraint)) return undefined;
      throw error;
    }
  });
}

/** Whether a letter was brought here by an import, and nothing has happened to it since. Index: `events_of_letter`. */
export async function isUntouchedImport(db: Db, { id, closedAt, revision }: LetterHead): Promise<boolean> {
  if (closedAt !== null || revision > 0) return false;
  return await translatingErrors(db, async () => {
    const found = await db
      .select({ type: events.type })
      .from(events)
      .where(and(eq(events.letterId, id), eq(events.type, "imported")))
      .limit(1);
    return found.length > 0;
  });
}

/** What tells a letter from all others of its job id: its id, and the runs of its deaths. `findTold` finds it by any of them. */
export function marksOf(told: ToldLetter): readonly string[] {
  const [own] = idsOf(told, "");
  return [own, ...told.deaths.map(({ row }) => row.runId)];
}

/** Its own id, and the one that it gets in a namespace where another has that. The same every time. */
function idsOf({ id, row, deaths: told }: ToldLetter, namespace: string): [own: string, derived: string] {
  const own = id ?? uuidv5(JSON.stringify([row.workflowId, told.at(-1)?.row.diedAt, row.errorMessage]), linesWithoutId);
  return [own, uuidv5(`${namespace} ${own}`, linesWithoutId)];
}

const linesWithoutId = "8b1f2a58-6f1c-5c0e-9d53-0d1f8a3f7f0e";

async function write(db: Db, told: ToldLetter, target: ImportTarget, id: string): Promise<LetterHead> {
  const { namespace, nowMs, by, reason } = target;
  const retentionMs = told.retentionMs === undefined ? target.retentionMs : told.retentionMs;
  const keepForMs = told.keepForMs === undefined ? target.keepForMs : told.keepForMs;
  await db.insert(causes).values(told.causes.map(cleanRow)).onConflictDoNothing();
  const said = { ...told.row, id, namespace, retentionMs, keepForMs };
  const clean = cleanRow(said);
  const [letter] = await db
    .insert(deadLetters)
    .values({
      ...clean,
      cleaned: said.cleaned || clean !== said,
      status: "parked",
      expiresAt: momentOrNull(retentionMs === null ? null : nowMs + retentionMs),
      revision: 0,
    })
    .returning(letterHeadColumns);
  const deathRows = told.deaths.map(({ row }) => cleanRow({ ...row, id: uuidv7(), letterId: id, namespace }));
  await db.insert(deaths).values(deathRows);
  const attemptRows = told.deaths.flatMap((death) => death.attempts.map((row) => cleanRow({ ...row, letterId: id })));
  for (let i = 0; i < attemptRows.length; i += rowsAtOnce)
    await db.insert(attempts).values(attemptRows.slice(i, i + rowsAtOnce));
  const { closed: _, ...from } = told.from;
  await db.insert(events).values(
    cleanRow({
      at: momentAt(nowMs),
      letterId: id,
      causeId: told.row.causeId,
      namespace,
      workflowId: told.row.workflowId,
      type: "imported" as const,
      by,
      reason: reason ?? null,
      revision: 0,
      data: from,
    }),
  );
  assert(letter, `letter ${id} was written, but did not come back`);
  return letter;
}

/** A statement takes 65,535 parameters. */
const rowsAtOnce = 1000;
