import type { Client } from "@temporalio/client";
import { v7 as uuidv7 } from "uuid";
import { defaultOffice, reconcileType, reconcileWorkflowId } from "../model/ids.ts";
import { usage } from "../model/office-error.ts";
import {
  type Finding,
  readReconcile,
  reconcileKeys,
  type ReconcileOptions,
  type ReconcileReport,
} from "../model/reconcile.ts";
import { unknownWord } from "../model/suggest.ts";
import type { Db } from "../schema/database.ts";
import { findReconcile, type ReconcileRow } from "../schema/reconcile-rows.ts";
import { runInOffice } from "./run-in-office.ts";

export type StartReconcileOptions = ReconcileOptions & {
  /** The office that looks. @default "dead-letter-office" */
  readonly office?: string;
  /** Is told what is found by now, as often as that changes and at most twice a second. */
  readonly onProgress?: (progress: ReconcileProgress) => void;
};

export type ReconcileProgress = {
  readonly found: Readonly<Partial<Record<Finding, number>>>;
  readonly mended: number;
};

/** What was found, and how much of it was mended. */
export type Reconciled = ReconcileReport & { readonly id: string; readonly dryRun: boolean };

/**
 * Compares Temporal and Postgres, mends what differs, and waits until that is done: jobs that ended without a letter, letters without
 * their workflow or their row, and letters whose job has succeeded since. The office does it; a row in `dlo.reconciles` tells of it.
 *
 * The office goes on where the caller goes away. What is mended is not found by the next one.
 *
 * @throws {OfficeError} `USAGE`; `WAIT_TIMEOUT` where no office begins it, and then none does later; `JOB_CANCELLED` where somebody cancelled it
 */
export type ReconcileStores = (options?: StartReconcileOptions) => Promise<Reconciled>;

type Needs = { readonly temporal: Client; readonly database: () => Db };

export function reconcileOf({ temporal, database }: Needs): ReconcileStores {
  return async (given = {}) => {
    const known = [...reconcileKeys, "office", "onProgress"];
    for (const key of Object.keys(given))
      if (!known.includes(key)) throw usage(unknownWord("reconcile option", key, known));
    const { office = defaultOffice, onProgress, ...options } = given;
    const asked = readReconcile(options, { id: uuidv7(), by: temporal.options.identity ?? "unknown" });
    let told = "";
    const report = await runInOffice<ReconcileReport & { readonly id: string }, ReconcileRow>(temporal, {
      ...{ type: reconcileType, workflowId: reconcileWorkflowId(asked.id), office, id: asked.id },
      options: { ...options, id: asked.id, by: asked.by },
      summary: `reconcile${asked.dryRun ? ", a dry run" : ""}${asked.thorough ? ", thorough" : ""}`,
      ...{ verb: "reconcile", table: "dlo.reconciles" },
      findRow: async () => await findReconcile(database(), asked.id),
      onRow: ({ found, mended }) => {
        const progress = { found, mended };
        if (JSON.stringify(progress) !== told) onProgress?.(progress);
        told = JSON.stringify(progress);
      },
    });
    return { ...report, dryRun: asked.dryRun };
  };
}
