import { Context } from "@temporalio/activity";
import type { PruneActivities } from "../model/prune-activities.ts";
import { countLetters } from "../schema/count-letters.ts";
import type { Db } from "../schema/database.ts";
import { pruneBatch } from "../schema/prune-letters.ts";
import { beginPrune, countLeft, endPrune, findPrune } from "../schema/prune-rows.ts";
import { translated } from "./translated.ts";

export type PruneNeeds = { readonly db: Db; readonly namespace: string };

/** A batch that has to look long for its letters beats meanwhile. */
const beatMs = 2_000;

/** What prunes do to Postgres. Each is safe to repeat: whoever takes over, after whatever crash, finds gone what is gone, and counted. */
export function pruneActivities({ db, namespace }: PruneNeeds): PruneActivities {
  return {
    pruneLetters: async ({ prune, sliceMs, after }) =>
      await translated(async () => {
        const { heartbeat, cancellationSignal } = Context.current();
        const beating = setInterval(() => heartbeat(), beatMs);
        try {
          await beginPrune(db, prune, namespace);
          const begun = await findPrune(db, prune.id);
          // Somebody asks for it once more.
          if (begun !== undefined && begun.endedAt !== null) return { letters: begun.letters };
          const until = Date.now() + sliceMs;
          let batch = await pruneBatch(db, prune, namespace, after);
          while (batch.after !== undefined && Date.now() < until && !cancellationSignal.aborted)
            batch = await pruneBatch(db, prune, namespace, batch.after);
          const row = await findPrune(db, prune.id);
          return { letters: row?.letters ?? 0, ...(batch.after === undefined ? {} : { after: batch.after }) };
        } finally {
          clearInterval(beating);
        }
      }),

    finishPrune: async ({ prune }) =>
      await translated(async () => {
        await endPrune(db, prune.id);
        const count = async (status: "open" | "closed") => (await countLetters(db, { namespace, status })).count;
        const row = await findPrune(db, prune.id);
        return {
          id: prune.id,
          letters: row?.letters ?? 0,
          left: await countLeft(db, prune, namespace),
          remaining: { open: await count("open"), closed: await count("closed") },
        };
      }),
  };
}
