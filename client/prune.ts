import type { Client } from "@temporalio/client";
import { v7 as uuidv7 } from "uuid";
import { defaultOffice, pruneType, pruneWorkflowId } from "../model/ids.ts";
import { usage } from "../model/office-error.ts";
import { pruneKeys, type PruneOptions, readPrune, ruleSummary } from "../model/prune.ts";
import type { PruneOutcome } from "../model/prune-activities.ts";
import { unknownWord } from "../model/suggest.ts";
import type { Db } from "../schema/database.ts";
import { type PrunePreview, previewPrune } from "../schema/preview-prune.ts";
import { findPrune, type PruneRow } from "../schema/prune-rows.ts";
import { runInOffice } from "./run-in-office.ts";

export type StartPruneOptions = PruneOptions & {
  /** The office that deletes. @default "dead-letter-office" */
  readonly office?: string;
  /** Counts what would be deleted, and deletes nothing. Needs no office. @default false */
  readonly dryRun?: boolean;
  /** Is told how many are deleted by now, as often as that changes and at most twice a second. */
  readonly onProgress?: (letters: number) => void;
};

/** What a prune deleted, and what is left. */
export type Pruned = PruneOutcome & {
  /** When the first and the last of them had been closed; null where none was deleted. */
  readonly oldestClosedAt: Date | null;
  readonly newestClosedAt: Date | null;
};

/**
 * Deletes closed letters past their keep time, with their deaths, attempts and events, and waits until that is done. The office
 * deletes; a row in `dlo.prunes` tells of it. Open letters are never deleted.
 *
 * The office goes on where the caller goes away. A repeat with the same `id` deletes nothing more.
 *
 * @throws {OfficeError} `USAGE`; `WAIT_TIMEOUT` where no office begins it, and then none does later; `JOB_CANCELLED` where somebody cancelled it
 */
export type PruneLetters = {
  (options: StartPruneOptions & { readonly dryRun: true }): Promise<PrunePreview>;
  (options?: StartPruneOptions & { readonly dryRun?: false }): Promise<Pruned>;
};

type Needs = { readonly temporal: Client; readonly database: () => Db };

export function pruneOf({ temporal, database }: Needs): PruneLetters {
  const { namespace, identity } = temporal.options;
  async function prune(given: StartPruneOptions = {}): Promise<PrunePreview | Pruned> {
    refuseUnknown(given);
    const { dryRun = false, office = defaultOffice, onProgress, ...options } = given;
    const asked = readPrune(options, { id: uuidv7(), by: identity ?? "unknown", atMs: Date.now() });
    if (dryRun) return await previewPrune(database(), asked, namespace);
    let told: number | undefined;
    const outcome = await runInOffice<PruneOutcome, PruneRow>(temporal, {
      ...{ type: pruneType, workflowId: pruneWorkflowId(asked.id), office, id: asked.id },
      options: { ...options, id: asked.id, by: asked.by },
      ...{ summary: `prune ${ruleSummary(asked)}`, verb: "prune", table: "dlo.prunes" },
      findRow: async () => await findPrune(database(), asked.id),
      onRow: ({ letters }) => {
        if (letters !== told) onProgress?.((told = letters));
      },
    });
    const row = await findPrune(database(), asked.id);
    return { ...outcome, oldestClosedAt: row?.oldestClosedAt ?? null, newestClosedAt: row?.newestClosedAt ?? null };
  }
  return prune as PruneLetters;
}

/** A misspelt `dryRun` must not delete anything. */
function refuseUnknown(given: StartPruneOptions): void {
  const known = [...pruneKeys, "office", "dryRun", "onProgress"];
  for (const key of Object.keys(given)) if (!known.includes(key)) throw usage(unknownWord("prune option", key, known));
  const { dryRun = false } = given;
  if (typeof dryRun !== "boolean") throw usage("dryRun must be true or false");
}
