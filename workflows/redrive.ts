import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  uuid4,
  workflowInfo,
} from "@temporalio/workflow";
import { hasEnded, type RedriveControl, redriveControls, type RedriveState } from "../model/redrive.ts";
import type {
  PreviewedLetter,
  RedriveActivities,
  RedrivePreview,
  RedriveProgress,
} from "../model/redrive-activities.ts";
import { redriveDetails } from "../model/redrive-details.ts";
import { readRedriveControl } from "../model/read-redrive.ts";
import { searchAttributes } from "../model/search-attributes.ts";
import { usageFailure } from "./letter-rules.ts";
import { jobWorker, refusalOf } from "./office-calls.ts";

/*
 * Many letters, asked the same thing at a rate.
 *
 *   prepare: the snapshot ──▶ drive, slice by slice ──▶ finish: the balance
 *                                │  ▲
 *                                └──┴─ paused, or stopped by a rule: waits to be told
 *
 * One slice is one activity, of some minutes: six events, however many letters it asks. The items' place is the table, and the
 * outcomes are written by the letters' own projections: no letter sends a signal here.
 */

const quick = proxyActivities<Pick<RedriveActivities, "controlRedrive" | "finishRedrive">>({
  startToCloseTimeout: "10 minutes",
  heartbeatTimeout: "1 minute",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" },
});

const reading = proxyActivities<Pick<RedriveActivities, "prepareRedrive" | "previewRedrive">>({
  startToCloseTimeout: "1 hour",
  heartbeatTimeout: "30 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "30 seconds" },
});

const driving = proxyActivities<Pick<RedriveActivities, "driveRedrive">>({
  startToCloseTimeout: "1 hour",
  // Whoever is killed is noticed so soon; nothing is lost meanwhile, as the place is the table.
  heartbeatTimeout: "10 seconds",
  retry: { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "10 seconds" },
});

/** The first slices are short, so that details and queries soon have something to tell. */
const [shortestSliceMs, longestSliceMs] = [2_000, 120_000];

const stateQuery = defineQuery<RedriveState>("state");

/** Runs one redrive, to its balance. */
export async function redrive(initial: RedriveState): Promise<RedriveState> {
  if (initial.version > 1)
    throw new Error(
      `This office is older than what started the redrive: it knows version 1, not ${initial.version}. Upgrade it`,
    );
  let state = initial;
  /** Changes that were carried out: what a slice says of the status is older than the last one. */
  let changes = 0;
  let lastChange: Promise<unknown> = Promise.resolve();
  setHandler(stateQuery, () => state);
  for (const name of redriveControls) {
    setHandler(defineUpdate<RedriveState, [unknown]>(name), async (given) => await control(name, given), {
      validator: (given) => void readOrFail(name, given),
    });
    setHandler(defineSignal<[unknown]>(name), async (given) => {
      try {
        await control(name, given);
      } catch (error) {
        // Nobody waits for a signal's answer.
        if (!(error instanceof ApplicationFailure)) throw error;
      }
    });
  }
  // Deaf to cancellation, as letters are: its items would stay open for ever. To end it there is `cancel`.
  return await CancellationScope.nonCancellable(run);

  async function run(): Promise<RedriveState> {
    if (state.status === "preparing") {
      take(await reading.prepareRedrive(state.spec));
      state = { ...state, beganAtMs: Date.now() };
    }
    while (!hasEnded(state.status)) {
      show();
      if (state.status !== "running") {
        await condition(() => state.status === "running" || hasEnded(state.status));
        continue;
      }
      if (workflowInfo().continueAsNewSuggested) {
        // A change that is under way would be lost.
        await condition(allHandlersFinished);
        await continueAsNew<typeof redrive>(state);
      }
      const before = changes;
      const { ended, nextDueMs, ...progress } = await driving.driveRedrive({
        redriveId: state.spec.id,
        sliceMs: sliceMs(),
        ...(state.nextDueMs !== undefined && { nextDueMs: state.nextDueMs }),
      });
      take(before === changes ? progress : { counts: progress.counts, ...ruled() });
      if (nextDueMs !== undefined) state = { ...state, nextDueMs };
      if (ended === "done") break;
    }
    await condition(allHandlersFinished);
    take(await quick.finishRedrive({ redriveId: state.spec.id }));
    // Somebody paused it in the very moment of its end.
    if (!hasEnded(state.status)) return await run();
    show();
    await condition(allHandlersFinished);
    return state;
  }

  async function control(name: RedriveControl, given: unknown): Promise<RedriveState> {
    const change = readOrFail(name, given);
    const asked = { ...change, name, redriveId: state.spec.id, requestId: change.requestId ?? uuid4() };
    await CancellationScope.nonCancellable(async () => {
      // One after the other: the last answer is of the last change.
      const carriedOut = lastChange.then(async () => await quick.controlRedrive(asked));
      lastChange = carriedOut.catch(() => undefined);
      try {
        take(await carriedOut);
        changes++;
      } catch (error) {
        if (isCancellation(error)) throw error;
        throw refusalOf(error) ?? error;
      }
    });
    show();
    return state;
  }

  /** What a change decides, as it is by now. */
  function ruled(): Pick<RedriveProgress, "status" | "limits" | "stop"> {
    const { status, spec, stop } = state;
    return { status, limits: spec.limits, ...(stop !== undefined && { stop }) };
  }

  function take({ status, counts, limits, stop }: RedriveProgress): void {
    const { stop: _, ...before } = state;
    // Whatever was asked before the end came, it has ended.
    const isLate = hasEnded(state.status) && !hasEnded(status);
    state = {
      ...before,
      status: isLate ? state.status : status,
      counts,
      spec: { ...state.spec, limits },
      ...(stop !== undefined && { stop }),
    };
  }

  function sliceMs(): number {
    const ranMs = Date.now() - (state.beganAtMs ?? Date.now());
    return Math.min(longestSliceMs, Math.max(shortestSliceMs, ranMs / 5));
  }

  function show(): void {
    setCurrentDetails(redriveDetails(state, workflowInfo().namespace));
    const known = workflowInfo().typedSearchAttributes.getAll();
    const status = known.find(({ key }) => key.name === searchAttributes.status);
    if (status !== undefined && status.value !== state.status)
      upsertSearchAttributes([{ key: status.key, value: state.status } as typeof status]);
  }
}

/** What a redrive would do: a run of its own, which writes nothing. */
export async function previewRedrive(initial: RedriveState): Promise<RedrivePreview> {
  const preview = await reading.previewRedrive(initial.spec);
  const samples = await Promise.all(preview.samples.map(checkSample));
  return { ...preview, samples };
}

/** Asks the job's own worker about the input that it would get. */
async function checkSample({ input, ...sample }: PreviewedLetter): Promise<PreviewedLetter> {
  if (sample.refused !== undefined || input === undefined || sample.kind !== undefined) return sample;
  try {
    const verdict = await jobWorker(sample.taskQueue).validateInput(sample.job, input);
    if (verdict.valid) return sample;
    return { ...sample, refused: `its input is not valid for ${sample.job}: ${verdict.violations.join("; ")}` };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return {
      ...sample,
      refused: `no worker of ${sample.job} on task queue "${sample.taskQueue}" could check its input`,
    };
  }
}

function readOrFail(name: RedriveControl, given: unknown) {
  try {
    return readRedriveControl(name, given);
  } catch (error) {
    throw usageFailure(error);
  }
}
