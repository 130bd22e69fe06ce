import type { WithSubquery } from "drizzle-orm";
import { sql } from "drizzle-orm";
import type { ItemOutcome } from "../model/letter-activities.ts";
import { cleanRow } from "./clean-row.ts";
import type { Db } from "./database.ts";
import { now } from "./now.ts";
import { translatingErrors } from "./translate-error.ts";

/**
 * The part of a statement that tells a redrive what came of one of its letters, which the part `letter` yields with its `id`
 * and `cause_id`; none where no redrive asked. An item that has its outcome keeps it.
 *
 * Index: `redrive_items_one_at_a_time`.
 */
export function tellItem(db: Db, outcome: ItemOutcome | undefined): WithSubquery[] {
  if (outcome === undefined) return [];
  const { redrive, state, runId } = outcome;
  const { code, why } = cleanRow({ code: outcome.code ?? null, why: outcome.why ?? null });
  const ends = state !== "running";
  return [
    db.$with("item", {}).as(sql`
      update dlo.redrive_items i
      set state = ${state}, code = ${code}, why = ${why}, run_id = coalesce(${runId ?? null}, i.run_id), asked = true,
        ended_at = ${ends ? now : sql`null`},
        new_cause_id = ${state === "died_again" ? sql`letter.cause_id` : sql`null`}
      from letter
      where i.letter_id = letter.id and i.redrive_id::text = ${redrive} and i.state in ('behind', 'waiting', 'running')`),
  ];
}

/**
 * Ends the item whose letter can no longer tell what came of it: it would wait for ever, and no other redrive could take the letter.
 * Index: `redrive_items_one_at_a_time`.
 */
export async function releaseItem(db: Db, letterId: string, why: string): Promise<void> {
  await translatingErrors(db, async () =>
    db.execute(sql`
      update dlo.redrive_items set state = 'skipped', code = 'run_cancelled', why = ${why}, ended_at = ${now}
      where letter_id = ${letterId} and state = 'running' and asked`),
  );
}
