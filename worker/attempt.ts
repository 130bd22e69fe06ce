import { strict as assert } from "node:assert";
import { activityInfo, ApplicationFailure, CancelledFailure, Context } from "@temporalio/activity";
import { checkInput } from "../model/check-input.ts";
import { categories, type Category } from "../model/category.ts";
import { type Classifier, classify } from "../model/classify.ts";
import { compactError, type ErrorCause, type ErrorRecord, recordError } from "../model/error-record.ts";
import type { FailureHistory } from "../model/failure-policy.ts";
import { fingerprint } from "../model/fingerprint.ts";
import type { HandledJob, JobContext } from "../model/job.ts";
import { keyOf } from "../model/job-key.ts";
import {
  type AttemptEntry,
  type AttemptFailure,
  type AttemptReport,
  countedAttempts,
  emptyLedger,
  enter,
  interruptedType,
  isAttemptReport,
  type Ledger,
  openAttempt,
} from "../model/ledger.ts";
import type { RunMemo } from "../model/run-memo.ts";
import type { SkippedRun } from "../model/skipped.ts";
import { extraOf, type Policy } from "./ask-policy.ts";
import { EndedAfterSilence, GivenUp, InvalidInput, WaitsAfterSilence } from "./attempt-errors.ts";
import { heartbeats } from "./heartbeats.ts";
import { planFailure } from "./plan-failure.ts";
import { sendableResult } from "./sendable-result.ts";
import { afterSilence, silentBefore } from "./silent-attempt.ts";

/** What the attempts of a job need to know of their worker. */
export type AttemptSettings = {
  readonly identity: string;
  readonly buildId?: string;
  readonly classifier?: Classifier;
  /** Payloads are converted by the user's own rules, so that what can be sent is not ours to say. */
  readonly ownConverter?: boolean;
};

/**
 * Wraps a handler as its job's activity: one attempt a call.
 *
 * Each attempt enters itself into the ledger and hands the ledger on, by its heartbeats and by its failure's details. It
 * throws a failure of its own making, never the handler's error itself: a message of 1 MB would make Temporal replace the
 * failure by one without details, and job and ledger would be dead at the first attempt.
 */
export function attemptOf(handled: HandledJob, settings: AttemptSettings) {
  const { job, handler } = handled;
  const sent = (result: unknown) => (settings.ownConverter ? result : sendableResult(result));
  return async function attempt(input: unknown, context?: { memo?: RunMemo; carried?: Ledger }): Promise<unknown> {
    const info = activityInfo();
    assert(info.workflowExecution, "a job's activity runs in its workflow, not by itself");
    const { workflowId, runId } = info.workflowExecution;
    const memo = context?.memo ?? {};
    const before = isAttemptReport(info.heartbeatDetails) ? info.heartbeatDetails : undefined;
    const found = before?.ledger ?? context?.carried ?? emptyLedger;
    const offset = offsetOf(info.attempt, before, found);
    const n = info.attempt + offset;
    const mine: AttemptEntry & { state: "open"; startedAtMs: number } = {
      n,
      state: "open",
      startedAtMs: Date.now(),
      worker: settings.identity,
      ...(settings.buildId === undefined ? {} : { build: settings.buildId }),
    };
    const ledger = openAttempt(found, mine, {
      startToCloseMs: info.startToCloseTimeoutMs,
      ...(info.heartbeatTimeoutMs === undefined ? {} : { heartbeatMs: info.heartbeatTimeoutMs }),
    });
    const beat = heartbeats({
      version: 1,
      ledger,
      ...(offset === 0 ? {} : { offset }),
      ...(before?.key === undefined ? {} : { key: before.key }),
      ...(before?.heartbeat === undefined ? {} : { heartbeat: before.heartbeat }),
      ...(before?.progress === undefined ? {} : { progress: before.progress }),
    });
    const facts: RunFacts = {
      job: job.name,
      workflowId,
      runId,
      deaths: memo.deaths ?? 0,
      retry: memo.retry ?? 0,
      headers: memo.headers ?? {},
      idempotencyKey: memo.idempotencyKey ?? workflowId,
    };
    const policy: Policy = { ...handled, endsAtMs: mine.startedAtMs + info.startToCloseTimeoutMs };
    let known: Pick<FailureHistory, "key" | "input"> = memo.key === undefined ? {} : { key: memo.key };
    const isOut = isOutOfAttempts(found.interrupted - (context?.carried?.interrupted ?? 0));
    try {
      const checked = await checkInput(job.input, input);
      if (!checked.valid) throw new InvalidInput(job.name, checked.violations);
      const key = memo.key ?? tolerantKey(job, checked.value);
      if (key !== undefined) beat.know({ key });
      known = { ...(key === undefined ? {} : { key }), input: checked.value };
      const silent = silentBefore(found, ledger, n, before === undefined);
      if (silent !== undefined && handled.onFailure !== undefined) {
        const history = historyOf({ ...facts, ...known }, without(ledger, mine), false);
        const skipped = await afterSilence(policy, silent, history, isOutOfAttempts(0));
        if (skipped !== undefined) return sent(skipped);
      }
      const ctx: JobContext = {
        ...facts,
        attempt: n - ledger.interrupted,
        signal: Context.current().cancellationSignal,
        heartbeatDetails: before?.heartbeat,
        heartbeat: (details) => beat.know({ heartbeat: details }),
        progress: (current, total, phase) =>
          beat.know({
            progress: { current, ...(total === undefined ? {} : { total }), ...(phase === undefined ? {} : { phase }) },
          }),
        deadLetter: (message, options) => {
          throw new GivenUp(message, options?.category, options?.details);
        },
      };
      return sent(await orInterrupted(handler(checked.value, ctx)));
    } catch (thrown) {
      const report = beat.report();
      const end = await endOf(thrown, { policy, report, mine, isOut, facts: { ...facts, ...known }, ...settings });
      if (end.skipped !== undefined) return sent(end.skipped);
      // Where no attempt comes after it, the failure alone tells: a beat would be a call to Temporal for nobody.
      beat.stop(isLast(end.failure) ? undefined : end.ledger);
      throw end.failure;
    } finally {
      beat.stop();
    }
  };
}

/**
 * What the ledger's numbers are ahead of Temporal's: it begins again at 1 in a second round, after attempts that a shutdown
 * interrupted, and where an operator resets the activity.
 */
function offsetOf(attempt: number, before: AttemptReport | undefined, found: Ledger): number {
  const offset = before === undefined ? found.total : (before.offset ?? 0);
  return attempt + offset > found.total ? offset : found.total;
}

/** How long a handler that listens to the signal has to finish, or to say what it was at, before the attempt ends without it. */
const momentMs = 250;

/** Ends the attempt when the worker shuts down or the job is cancelled, even if the handler does not listen. */
async function orInterrupted<T>(work: T | Promise<T>): Promise<T> {
  const { cancelled } = Context.current();
  let timer: NodeJS.Timeout | undefined;
  const interrupted = cancelled.catch(async (why: unknown) => {
    await new Promise((resolve) => (timer = setTimeout(resolve, momentMs)));
    throw why;
  });
  try {
    return await Promise.race([work, interrupted]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a policy is told of a run, whatever its attempts come to. */
type RunFacts = Omit<FailureHistory, "attempt" | "attempts" | "isLast">;

/** An attempt that is about to end without success. */
type Ending = Pick<AttemptSettings, "classifier"> & {
  readonly policy: Policy;
  readonly report: AttemptReport;
  readonly mine: AttemptEntry;
  /** Its run has no attempts after it. */
  readonly isOut: boolean;
  readonly facts: RunFacts;
};

/** What an attempt throws, and the ledger with it, if it goes on; or what it returns, where the policy skips the job. */
type End =
  | { readonly failure: Error; readonly ledger?: Ledger; readonly skipped?: never }
  | { readonly skipped: SkippedRun };

/** How an attempt ends that did not succeed. */
async function endOf(thrown: unknown, ending: Ending): Promise<End> {
  const why = Context.current().cancellationDetails;
  if (why?.cancelRequested) return { failure: new CancelledFailure("CANCELLED") };
  if (thrown instanceof WaitsAfterSilence) return handedBack(ending, thrown.message, thrown.afterMs);
  // Said on purpose: what a shutdown makes of a handler is another thing.
  const isVerdict = thrown instanceof GivenUp || thrown instanceof InvalidInput;
  if (thrown instanceof EndedAfterSilence) return await endedAfterSilence(thrown, ending);
  if ((why?.workerShutdown || why?.paused || why?.reset) && !isVerdict)
    return handedBack(ending, interruption(why), 100);
  // Temporal has given the attempt up, and nobody hears how it ends: the next one asks about it.
  if (why?.notFound || why?.timedOut) return await failed(thrown, isVerdict, { ...ending, policy: { endsAtMs: 0 } });
  return await failed(thrown, isVerdict, ending);
}

function handedBack({ report, mine }: Ending, why: string, afterMs: number): End {
  const ledger = enter(report.ledger, ended(report, mine, { state: "interrupted" }));
  const failure = ApplicationFailure.create({
    type: interruptedType,
    message: `${why}; this attempt does not count`,
    details: [{ ...report, ledger }],
    nextRetryDelay: afterMs,
  });
  return { failure, ledger };
}

async function failed(thrown: unknown, isVerdict: boolean, ending: Ending): Promise<End> {
  const { policy, report, mine, isOut, facts, classifier } = ending;
  const error = recordError(thrown);
  const entered = (category: Category) =>
    enter(report.ledger, ended(report, mine, { state: "failed", error: compactError(error), category }));
  const said = categoryOf(thrown, error, classifier);
  const isFinal = error.nonRetryable === true || isVerdict;
  const isFixed = isVerdict || isListed(error.type);
  const plan = await planFailure(
    policy,
    { ...error, category: said, state: "failed" },
    historyOf(facts, entered(said), isOut || isFinal || isFixed),
    { isOut, isFinal, isFixed },
  );
  if (plan.skipped !== undefined) return plan;
  const { category, nonRetryable, afterMs } = plan;
  const ledger = entered(category);
  const told = toldOf(error, { ...plan, givenUp: plan.givenUp || thrown instanceof GivenUp });
  const nextRetryDelay = afterMs ?? nextRetryDelayOf(thrown);
  const failure = boundedFailure(error, {
    nonRetryable,
    details: [{ ...report, ledger, failure: told }],
    ...(nextRetryDelay ? { nextRetryDelay } : {}),
    ...causeOf(error.causes),
  });
  return { failure, ledger };
}

/** The attempt that found the silent one did not begin: the job's record ends with that one. */
async function endedAfterSilence({ failure, decision }: EndedAfterSilence, ending: Ending): Promise<End> {
  const { policy, report, mine, facts } = ending;
  const { category, state: _, ...error } = failure;
  const ledger = without(report.ledger, mine);
  const extra = await extraOf(policy, failure, historyOf(facts, ledger, true));
  const told = toldOf(error, {
    givenUp: true,
    category: decision.do === "die" ? (decision.category ?? category) : category,
    ...(decision.do === "file" ? { queue: decision.queue } : {}),
    ...(extra === undefined ? {} : { extra }),
  });
  const details = [{ ...report, ledger, failure: told }];
  return { failure: boundedFailure(error, { nonRetryable: true, details, ...causeOf(error.causes) }) };
}

function toldOf(
  error: ErrorRecord,
  { category, givenUp, queue, extra }: Pick<AttemptFailure, "category" | "queue" | "extra"> & { givenUp: boolean },
): AttemptFailure {
  const { causeId, version, hash, title } = fingerprint(error);
  return {
    error,
    category,
    cause: { id: causeId, version, fingerprint: hash, title },
    ...(givenUp ? { givenUp: true } : {}),
    ...(queue === undefined ? {} : { queue }),
    ...(extra === undefined ? {} : { extra }),
  };
}

function historyOf(facts: RunFacts, ledger: Ledger, isLast: boolean): FailureHistory {
  return { ...facts, attempt: countedAttempts(ledger), isLast, attempts: ledger.entries };
}

function without(ledger: Ledger, { n }: AttemptEntry): Ledger {
  return { ...ledger, total: n - 1, entries: ledger.entries.filter((entry) => entry.n !== n) };
}

/**
 * Whether no attempt comes after this one.
 *
 * @param handedBack attempts of this scheduling that were interrupted, as many of which the workflow gives again
 */
function isOutOfAttempts(handedBack: number): boolean {
  const { attempt, retryPolicy } = activityInfo();
  const { maximumAttempts = 0 } = retryPolicy ?? {};
  return maximumAttempts > 0 && attempt >= maximumAttempts && handedBack === 0;
}

function isListed(errorType: string): boolean {
  return activityInfo().retryPolicy?.nonRetryableErrorTypes?.includes(errorType) ?? false;
}

/** Whether it is sure that Temporal will not try again. A paused or reset activity is, however many attempts it has left. */
function isLast(failure: Error): boolean {
  if (failure instanceof ApplicationFailure && failure.type === interruptedType) return false;
  const { attempt, retryPolicy } = activityInfo();
  const { maximumAttempts = 0, nonRetryableErrorTypes = [] } = retryPolicy ?? {};
  if (maximumAttempts > 0 && attempt >= maximumAttempts) return true;
  if (!(failure instanceof ApplicationFailure)) return false;
  return failure.nonRetryable === true || nonRetryableErrorTypes.includes(failure.type ?? "");
}

function nextRetryDelayOf(thrown: unknown): ApplicationFailure["nextRetryDelay"] {
  try {
    return thrown instanceof ApplicationFailure ? thrown.nextRetryDelay : undefined;
  } catch {
    // Temporal's classes look at what was thrown, which may not like to be looked at.
    return undefined;
  }
}

function interruption({
  workerShutdown,
  paused,
}: {
  readonly workerShutdown: boolean;
  readonly paused: boolean;
}): string {
  if (workerShutdown) return "The worker shut down and hands the job back";
  return paused ? "The activity was paused" : "The activity was reset";
}

function ended(
  report: AttemptReport,
  mine: AttemptEntry,
  how: Pick<AttemptEntry, "state" | "error" | "category">,
): AttemptEntry {
  const beaten = report.ledger.entries.find(({ n }) => n === mine.n) ?? mine;
  return {
    ...beaten,
    ...how,
    endedAtMs: Date.now(),
    ...(report.progress === undefined ? {} : { progress: report.progress }),
  };
}

/** The causes as Temporal nests them. */
function causeOf(causes: readonly ErrorCause[]): { cause?: Error } {
  const [direct, ...below] = causes;
  return direct === undefined ? {} : { cause: boundedFailure(direct, causeOf(below)) };
}

function boundedFailure(
  { type, message, stack }: ErrorCause,
  more: Omit<Parameters<typeof ApplicationFailure.create>[0], "type" | "message">,
): ApplicationFailure {
  const failure = ApplicationFailure.create({ ...more, type, message });
  // Ours would mislead: it ends here.
  failure.stack = stack ?? "";
  return failure;
}

function categoryOf(thrown: unknown, error: ErrorRecord, classifier: Classifier | undefined): Category {
  if (thrown instanceof InvalidInput) return "data";
  if (thrown instanceof GivenUp && isCategory(thrown.category)) return thrown.category;
  try {
    const said = classifier?.(error);
    if (isCategory(said)) return said;
  } catch {
    // A classifier that throws must not cost the job its record.
  }
  return classify(error);
}

/** The office would refuse another word each time, and the death would wait for ever. */
function isCategory(word: unknown): word is Category {
  return categories.includes(word as Category);
}

/** A contract's key only helps to find the job: where it throws, the job goes on without. */
function tolerantKey(job: HandledJob["job"], input: unknown): string | undefined {
  try {
    return keyOf(job, input);
  } catch {
    return undefined;
  }
}
