import { activityInfo, ApplicationFailure, CancelledFailure, Context } from "@temporalio/activity";
import { checkInput } from "../model/check-input.ts";
import type { Category } from "../model/category.ts";
import { type Classifier, classify } from "../model/classify.ts";
import { compactError, type ErrorRecord, recordError } from "../model/error-record.ts";
import { fingerprint } from "../model/fingerprint.ts";
import type { HandledJob, JobContext } from "../model/job.ts";
import {
  type AttemptEntry,
  type AttemptFailure,
  type AttemptReport,
  emptyLedger,
  enter,
  isAttemptReport,
  type Ledger,
  openAttempt,
} from "../model/ledger.ts";
import type { RunMemo } from "../model/run-memo.ts";
import { heartbeats } from "./heartbeats.ts";

/** What the attempts of a job need to know of their worker. */
export type AttemptSettings = {
  readonly identity: string;
  readonly buildId?: string;
  readonly classifier?: Classifier;
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
    const memo = context?.memo ?? {};
    const carried = context?.carried ?? emptyLedger;
    const before = isAttemptReport(info.heartbeatDetails) ? info.heartbeatDetails : undefined;
    const n = carried.total + info.attempt;
    const mine: AttemptEntry & { state: "open" } = {
      n,
      state: "open",
      startedAtMs: Date.now(),
      worker: settings.identity,
      ...(settings.buildId === undefined ? {} : { build: settings.buildId }),
    };
    const ledger = openAttempt(before?.ledger ?? carried, mine, info.startToCloseTimeoutMs);
    const beat = heartbeats({
      version: 1,
      ledger,
      ...(before?.key === undefined ? {} : { key: before.key }),
      ...(before?.heartbeat === undefined ? {} : { heartbeat: before.heartbeat }),
      ...(before?.progress === undefined ? {} : { progress: before.progress }),
    });
    try {
      const checked = await checkInput(job.input, input);
      if (!checked.valid) throw new InvalidInput(job.name, checked.violations);
      const key = memo.key ?? keyOf(job, checked.value);
      if (key !== undefined) beat.know({ key });
      const ctx: JobContext = {
        job: job.name,
        workflowId: info.workflowExecution!.workflowId,
        runId: info.workflowExecution!.runId,
        attempt: n - ledger.interrupted,
        deaths: memo.deaths ?? 0,
        retry: memo.retry ?? 0,
        headers: memo.headers ?? {},
        idempotencyKey: memo.idempotencyKey ?? info.workflowExecution!.workflowId,
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
      return await orInterrupted(handler(checked.value, ctx));
    } catch (thrown) {
      const report = beat.stop();
      throw failureOf(thrown, report, mine, settings.classifier);
    } finally {
      beat.stop();
    }
  };
}

/** Ends the attempt when the worker shuts down or the job is cancelled, even if the handler does not listen. */
async function orInterrupted<T>(work: T | Promise<T>): Promise<T> {
  const { cancelled } = Context.current();
  return await Promise.race([Promise.resolve(work), cancelled]);
}

function failureOf(
  thrown: unknown,
  report: AttemptReport,
  mine: AttemptEntry,
  classifier: Classifier | undefined,
): Error {
  if (Context.current().cancellationSignal.aborted && isShutdown()) {
    const ledger = enter(report.ledger, ended(report, mine, { state: "interrupted" }));
    return ApplicationFailure.create({
      type: "Interrupted",
      message: "The worker shut down; the job is handed back and this attempt does not count",
      details: [{ ...report, ledger }],
      nextRetryDelay: "100 milliseconds",
    });
  }
  if (thrown instanceof CancelledFailure) return thrown;
  const error = thrown instanceof GivenUp ? thrown.record() : recordError(thrown);
  const category = categoryOf(thrown, error, classifier);
  const { causeId, version, hash, title } = fingerprint(error);
  const failure: AttemptFailure = {
    error,
    category,
    cause: { id: causeId, version, fingerprint: hash, title },
    ...(thrown instanceof GivenUp ? { givenUp: true } : {}),
  };
  const ledger = enter(report.ledger, ended(report, mine, { state: "failed", error: compactError(error), category }));
  const nextRetryDelay = thrown instanceof ApplicationFailure ? thrown.nextRetryDelay : undefined;
  const bounded = ApplicationFailure.create({
    type: error.type,
    message: error.message,
    nonRetryable: error.nonRetryable === true || thrown instanceof InvalidInput || thrown instanceof GivenUp,
    details: [{ ...report, ledger, failure }],
    ...(nextRetryDelay ? { nextRetryDelay } : {}),
    ...withCause(error),
  });
  if (error.stack !== undefined) bounded.stack = error.stack;
  return bounded;
}

function isShutdown(): boolean {
  return Context.current().cancellationDetails?.workerShutdown === true;
}

function ended(report: AttemptReport, mine: AttemptEntry, how: Pick<AttemptEntry, "state" | "error" | "category">): AttemptEntry {
  const beaten = report.ledger.entries.find(({ n }) => n === mine.n) ?? mine;
  return { ...beaten, ...how, endedAtMs: Date.now(), ...(report.progress === undefined ? {} : { progress: report.progress }) };
}

function withCause({ causes }: ErrorRecord): { cause?: Error } {
  const [innermost] = causes;
  if (innermost === undefined) return {};
  return { cause: ApplicationFailure.create({ type: innermost.type, message: innermost.message }) };
}

function categoryOf(thrown: unknown, error: ErrorRecord, classifier: Classifier | undefined): Category {
  if (thrown instanceof InvalidInput) return "data";
  if (thrown instanceof GivenUp && thrown.category !== undefined) return thrown.category;
  try {
    return classifier?.(error) ?? classify(error);
  } catch {
    // A classifier that throws must not cost the job its record.
    return classify(error);
  }
}

function keyOf(job: HandledJob["job"], input: unknown): string | undefined {
  try {
    const key: unknown = job.key?.(input);
    return key === undefined || key === null ? undefined : String(key).slice(0, 255);
  } catch {
    return undefined;
  }
}

class InvalidInput extends Error {
  override readonly name = "InvalidInput";
  readonly violations: readonly string[];
  constructor(job: string, violations: readonly string[]) {
    super(`The input is not valid for ${job}: ${violations.join("; ")}`);
    this.violations = violations;
  }
}

class GivenUp extends Error {
  override readonly name = "GivenUp";
  readonly category: Category | undefined;
  readonly details: unknown;
  constructor(message: string, category: Category | undefined, details: unknown) {
    super(message);
    this.category = category;
    this.details = details;
  }
  record(): ErrorRecord {
    return recordError(this);
  }
}
