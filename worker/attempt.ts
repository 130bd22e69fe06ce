import { strict as assert } from "node:assert";
import { activityInfo, ApplicationFailure, CancelledFailure, Context } from "@temporalio/activity";
import { checkInput } from "../model/check-input.ts";
import { categories, type Category } from "../model/category.ts";
import { type Classifier, classify } from "../model/classify.ts";
import { compactError, type ErrorCause, type ErrorRecord, recordError } from "../model/error-record.ts";
import { fingerprint } from "../model/fingerprint.ts";
import type { HandledJob, JobContext } from "../model/job.ts";
import { keyOf } from "../model/job-key.ts";
import {
  type AttemptEntry,
  type AttemptFailure,
  type AttemptReport,
  emptyLedger,
  enter,
  interruptedType,
  isAttemptReport,
  type Ledger,
  openAttempt,
} from "../model/ledger.ts";
import type { RunMemo } from "../model/run-memo.ts";
import { GivenUp, InvalidInput } from "./attempt-errors.ts";
import { heartbeats } from "./heartbeats.ts";
import { sendableResult } from "./sendable-result.ts";

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
export function attemptOf({ job, handler }: HandledJob, settings: AttemptSettings) {
  return async function attempt(input: unknown, context?: { memo?: RunMemo; carried?: Ledger }): Promise<unknown> {
    const info = activityInfo();
    assert(info.workflowExecution, "a job's activity runs in its workflow, not by itself");
    const { workflowId, runId } = info.workflowExecution;
    const memo = context?.memo ?? {};
    const before = isAttemptReport(info.heartbeatDetails) ? info.heartbeatDetails : undefined;
    const found = before?.ledger ?? context?.carried ?? emptyLedger;
    const offset = offsetOf(info.attempt, before, found);
    const n = info.attempt + offset;
    const mine: AttemptEntry & { state: "open" } = {
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
    try {
      const checked = await checkInput(job.input, input);
      if (!checked.valid) throw new InvalidInput(job.name, checked.violations);
      const key = memo.key ?? tolerantKey(job, checked.value);
      if (key !== undefined) beat.know({ key });
      const ctx: JobContext = {
        job: job.name,
        workflowId,
        runId,
        attempt: n - ledger.interrupted,
        deaths: memo.deaths ?? 0,
        retry: memo.retry ?? 0,
        headers: memo.headers ?? {},
        idempotencyKey: memo.idempotencyKey ?? workflowId,
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
      const result = await orInterrupted(handler(checked.value, ctx));
      return settings.ownConverter ? result : sendableResult(result);
    } catch (thrown) {
      const { ledger, failure } = endOf(thrown, beat.report(), mine, settings.classifier);
      // Where no attempt comes after it, the failure alone tells: a beat would be a call to Temporal for nobody.
      beat.stop(isLast(failure) ? undefined : ledger);
      throw failure;
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

/** How an attempt ends that did not succeed: what it throws, and the ledger with it, if it goes on. */
function endOf(
  thrown: unknown,
  report: AttemptReport,
  mine: AttemptEntry,
  classifier: Classifier | undefined,
): { readonly failure: Error; readonly ledger?: Ledger } {
  const why = Context.current().cancellationDetails;
  if (why?.cancelRequested) return { failure: new CancelledFailure("CANCELLED") };
  // Said on purpose: what a shutdown makes of a handler is another thing.
  const isVerdict = thrown instanceof GivenUp || thrown instanceof InvalidInput;
  if ((why?.workerShutdown || why?.paused || why?.reset) && !isVerdict) {
    const ledger = enter(report.ledger, ended(report, mine, { state: "interrupted" }));
    const failure = ApplicationFailure.create({
      type: interruptedType,
      message: `${interruption(why)}; this attempt does not count`,
      details: [{ ...report, ledger }],
      nextRetryDelay: "100 milliseconds",
    });
    return { failure, ledger };
  }
  const error = recordError(thrown);
  const category = categoryOf(thrown, error, classifier);
  const { causeId, version, hash, title } = fingerprint(error);
  const told: AttemptFailure = {
    error,
    category,
    cause: { id: causeId, version, fingerprint: hash, title },
    ...(thrown instanceof GivenUp ? { givenUp: true } : {}),
  };
  const ledger = enter(report.ledger, ended(report, mine, { state: "failed", error: compactError(error), category }));
  const nextRetryDelay = nextRetryDelayOf(thrown);
  const failure = boundedFailure(error, {
    nonRetryable: error.nonRetryable === true || isVerdict,
    details: [{ ...report, ledger, failure: told }],
    ...(nextRetryDelay ? { nextRetryDelay } : {}),
    ...causeOf(error.causes),
  });
  return { failure, ledger };
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
