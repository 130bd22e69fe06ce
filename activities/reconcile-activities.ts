import { Context } from "@temporalio/activity";
import type {
  ReconcileActivities,
  ReconciledSlice,
  ReconcilePhase,
  ReconcilePlace,
  ReconcileSlice,
} from "../model/reconcile-activities.ts";
import { reconcilePhases } from "../model/reconcile-activities.ts";
import { withFound } from "../model/reconcile.ts";
import { beginReconcile, endReconcile, jobsThatDied, lastSweptUntil, noteReconcile } from "../schema/reconcile-rows.ts";
import type { OfficeNeeds } from "./office-needs.ts";
import { reconcileLetters } from "./reconcile-letters.ts";
import { reconcileRedrives } from "./reconcile-redrives.ts";
import { reconcileRows } from "./reconcile-rows.ts";
import { reconcileRuns } from "./reconcile-runs.ts";
import { reconcileStuck } from "./reconcile-stuck.ts";
import { reconcileWorkflows } from "./reconcile-workflows.ts";
import type { Reconciling, StepEnd } from "./reconciling.ts";
import { translated } from "./translated.ts";

export type ReconcileNeeds = OfficeNeeds & {
  /** Jobs that the office's configuration names. */
  readonly jobs: readonly string[];
};

/** Visibility may be late by so much. */
const overlapMs = 60_000;

/** Those that look at what closed in a span of time. */
const bySpan: readonly ReconcilePhase[] = ["runs", "letters"];

const steps: Readonly<Record<ReconcilePhase, (step: Reconciling) => Promise<StepEnd>>> = {
  runs: reconcileRuns,
  letters: reconcileLetters,
  stuck: reconcileStuck,
  rows: reconcileRows,
  workflows: reconcileWorkflows,
  redrives: reconcileRedrives,
};

/** What reconciles do to Postgres and to letters. Each is safe to repeat: what is mended is not found again. */
export function reconcileActivities(needs: ReconcileNeeds): ReconcileActivities {
  const { db, client, jobs } = needs;
  const { namespace } = client.options;
  return {
    beginReconcile: async ({ reconcile }) =>
      await translated(async () => {
        await beginReconcile(db, reconcile, namespace);
        const swept = reconcile.thorough ? undefined : await lastSweptUntil(db, namespace);
        const sinceMs = swept === undefined ? 0 : swept.getTime() - overlapMs;
        const known = new Set([...reconcile.jobs, ...jobs, ...(await jobsThatDied(db, namespace))]);
        return { phase: "runs", sinceMs, fromMs: sinceMs, untilMs: Date.now(), jobs: [...known] };
      }),

    reconcileSlice: async (slice) => {
      const { heartbeat, cancellationSignal } = Context.current();
      return await translated(async () => await goOn(needs, slice, () => heartbeat(), cancellationSignal));
    },

    finishReconcile: async ({ reconcile, report }) =>
      await translated(async () => {
        await noteReconcile(db, reconcile, report);
        await endReconcile(db, reconcile.id);
      }),
  };
}

async function goOn(
  needs: ReconcileNeeds,
  { reconcile: asked, contracts, ...slice }: ReconcileSlice,
  beat: () => void,
  cancelled: AbortSignal,
): Promise<ReconciledSlice> {
  const until = Date.now() + slice.sliceMs;
  let { report } = slice;
  for (let place = slice.place; ;) {
    beat();
    let isLeft = false;
    const {
      items,
      runs = 0,
      letters = 0,
      running = place.running,
      wants,
      ...end
    } = await steps[place.phase]({ needs, asked, place, contracts, beat, leave: () => (isLeft = true) });
    if (wants !== undefined) return { report, place, wants };
    report = { ...withFound(report, items), runs: report.runs + runs, letters: report.letters + letters };
    const next = end.place ?? following(place);
    // What could not be mended is looked at again by the next one.
    const isLeftHere = bySpan.includes(place.phase) && (isLeft || items.some(({ mended }) => !mended));
    const leftMs = Math.min(place.leftMs ?? place.untilMs, isLeftHere ? place.fromMs : place.untilMs);
    // All runs and letters that closed until then have been looked at.
    const isSwept = end.place === undefined && place.phase === "letters";
    await noteReconcile(needs.db, asked, report, isSwept ? leftMs : undefined);
    if (next === undefined) return { report };
    place = { ...next, leftMs, ...(running === undefined ? {} : { running }) };
    if (Date.now() >= until || cancelled.aborted) return { report, place };
  }
}

function following({ phase, sinceMs, untilMs, jobs }: ReconcilePlace): ReconcilePlace | undefined {
  const next = reconcilePhases[reconcilePhases.indexOf(phase) + 1];
  if (next === undefined) return undefined;
  return { phase: next, sinceMs, fromMs: sinceMs, untilMs, jobs };
}
