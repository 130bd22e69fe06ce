import { setTimeout as pause } from "node:timers/promises";
import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
} from "@temporalio/client";
import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { v7 as uuidv7 } from "uuid";
import { defaultOffice, pruneType, pruneWorkflowId } from "../model/ids.ts";
import { errorCodeOf, officeErrorOf, usage } from "../model/office-error.ts";
import { type Prune, pruneKeys, type PruneOptions, readPrune, ruleSummary } from "../model/prune.ts";
import type { PruneOutcome } from "../model/prune-activities.ts";
import { unknownWord } from "../model/suggest.ts";
import type { Db } from "../schema/database.ts";
import { type PrunePreview, previewPrune } from "../schema/preview-prune.ts";
import { findPrune } from "../schema/prune-rows.ts";

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

/** How long an office may take to begin. */
const officeMs = 20_000;
/** Between two looks at what is deleted by now. */
const [firstLookMs, lookMs] = [100, 500];

export function pruneOf({ temporal, database }: Needs): PruneLetters {
  const { namespace, identity } = temporal.options;
  async function prune(given: StartPruneOptions = {}): Promise<PrunePreview | Pruned> {
    refuseUnknown(given);
    const { dryRun = false, office = defaultOffice, onProgress, ...options } = given;
    const asked = readPrune(options, { id: uuidv7(), by: identity ?? "unknown", atMs: Date.now() });
    if (dryRun) return await previewPrune(database(), asked, namespace);
    const handle = await startWorkflow(temporal, office, asked, options);
    const outcome = await ended(handle, asked.id, database(), onProgress);
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

async function startWorkflow(temporal: Client, office: string, asked: Prune, options: PruneOptions) {
  const workflowId = pruneWorkflowId(asked.id);
  try {
    return await temporal.workflow.start(pruneType, {
      workflowId,
      taskQueue: office,
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      // Read once more by the office: what a newer client knows, an older office refuses.
      args: [{ ...options, id: asked.id, by: asked.by }],
      staticSummary: `prune ${ruleSummary(asked)}`.slice(0, 200),
    });
  } catch (error) {
    // The same id again: the first one counts.
    if (error instanceof WorkflowExecutionAlreadyStartedError) return temporal.workflow.getHandle(workflowId);
    throw error;
  }
}

async function ended(
  handle: WorkflowHandle,
  id: string,
  db: Db,
  onProgress: StartPruneOptions["onProgress"],
): Promise<PruneOutcome> {
  const over = new AbortController();
  const answer = (handle.result() as Promise<PruneOutcome>).finally(() => over.abort());
  // It is waited for below, but a look at the database may fail first.
  answer.catch(() => undefined);
  const until = Date.now() + officeMs;
  let told: number | undefined;
  for (let waitMs = firstLookMs; ; waitMs = lookMs) {
    await pause(waitMs, undefined, { signal: over.signal }).catch(() => undefined);
    if (over.signal.aborted) break;
    const row = await findPrune(db, id);
    if (row === undefined && Date.now() > until) {
      await handle.terminate("no office began it in time");
      throw officeErrorOf(
        "WAIT_TIMEOUT",
        `No office has begun to prune within ${officeMs / 1000} seconds, so nothing was deleted. Is one running? (dlo office, or dlo dev)`,
        { id },
      );
    }
    if (row === undefined || row.letters === told) continue;
    told = row.letters;
    onProgress?.(told);
  }
  try {
    return await answer;
  } catch (error) {
    throw translate(error, id);
  }
}

function translate(error: unknown, id: string): unknown {
  if (!(error instanceof WorkflowFailedError)) return error;
  if (error.cause instanceof CancelledFailure)
    return officeErrorOf(
      "JOB_CANCELLED",
      `Prune ${id} was cancelled. How much it had deleted by then is in dlo.prunes`,
      {
        id,
      },
    );
  const code = error.cause instanceof ApplicationFailure ? errorCodeOf({ code: error.cause.type }) : undefined;
  return code === undefined ? error : officeErrorOf(code, error.cause?.message ?? "", { id }, { cause: error });
}
