import { and, eq, sql } from "drizzle-orm";
import { officeActor } from "../model/event.ts";
import type { LetterState } from "../model/letter-state.ts";
import { isOpen } from "../model/status.ts";
import { appendEvents } from "./append-events.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { keepUntil } from "./keep-until.ts";
import { momentAt, momentOrNull, spanOrNull } from "./moments.ts";
import type { LetterHead } from "./rows.ts";
import { deadLetters } from "./tables.ts";
import { translatingErrors, violatedConstraint } from "./translate-error.ts";

/** What a letter's workflow says of itself, and when it closed, where it did. */
export type ToldState = { readonly state: LetterState; readonly closedAtMs?: number };

/** In which columns a row says otherwise than its letter's workflow. */
export function differences(row: LetterHead, { state }: ToldState): string[] {
  const told = projected(state);
  const isSame = (key: keyof typeof told) => {
    const [here, there] = [row[key], told[key]];
    return here instanceof Date && there instanceof Date ? here.getTime() === there.getTime() : here === there;
  };
  return (Object.keys(told) as (keyof typeof told)[]).filter((key) => !isSame(key));
}

/**
 * Brings a letter's row to what its workflow says, whatever the row said before, and writes the event `settled`; in one
 * statement, or neither.
 *
 * @param seen the row's revision when it was compared: what has been written since is not overwritten
 * @returns whether it was done; another letter of the job may be open, of which there is at most one
 */
export async function settleLetter(
  db: Db,
  { state, closedAtMs }: ToldState,
  seen: { readonly revision: number; readonly was: Readonly<Record<string, unknown>> },
): Promise<boolean> {
  const closed = isOpen(state.status)
    ? { closedAt: null, closeReason: null, keepUntil: null }
    : closing(closedAtMs ?? Date.now());
  const event = {
    ...{ type: "settled" as const, atMs: Date.now(), by: officeActor },
    data: { was: seen.was, status: state.status },
  };
  return await translatingErrors(db, async () => {
    const letter = db.$with("letter").as(
      db
        .update(deadLetters)
        .set({ ...projected(state), ...closed })
        .where(and(eq(deadLetters.id, state.letterId), eq(deadLetters.revision, seen.revision)))
        .returning({
          ...{ id: deadLetters.id, namespace: deadLetters.namespace, workflowId: deadLetters.workflowId },
          causeId: deadLetters.causeId,
        }),
    );
    try {
      const written = await db
        .with(letter, ...appendEvents(db, [event], state.revision))
        .select()
        .from(letter);
      return written.length > 0;
    } catch (error) {
      if (violatedConstraint(error) === "dead_letters_one_open") return false;
      throw error;
    }
  });
}

/** The columns that a letter's workflow decides, as it has them. */
function projected(state: LetterState) {
  const { status, pendingRetry, code } = state;
  const parked = status === "parked";
  const retryAt = parked ? momentOrNull(state.retryAtMs) : null;
  const retryWhen = parked && retryAt === null ? (pendingRetry?.when ?? null) : null;
  return {
    status,
    revision: state.revision,
    deaths: state.deaths,
    retries: state.retries,
    expiryRetries: state.expiryRetries,
    ...cleanRow({ queue: state.queue, retryWhen }),
    retentionMs: spanOrNull(state.retentionMs),
    retryAt,
    expiresAt: parked && retryAt === null && retryWhen === null ? momentOrNull(state.expiresAtMs) : null,
    failedCode: code?.failed === undefined ? null : code.name,
  };
}

function closing(closedAtMs: number) {
  const at = momentAt(closedAtMs);
  return {
    closedAt: sql<Date>`coalesce(${deadLetters.closedAt}, ${at.toISOString()}::timestamptz)`,
    keepUntil: sql<Date>`case when ${deadLetters.keepForMs} is null then null else coalesce(${deadLetters.keepUntil}, ${keepUntil(at)}) end`,
  };
}
