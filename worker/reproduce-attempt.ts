import { type ApplicationFailure, CancelledFailure } from "@temporalio/activity";
import { defaultPayloadConverter, RawValue } from "@temporalio/common";
import type { Classifier } from "../model/classify.ts";
import type { HandledJob, JobContext } from "../model/job.ts";
import type { Progress } from "../model/ledger.ts";
import { jobDefaults, resolveContract } from "../model/resolve-contract.ts";
import type { RunMemo } from "../model/run-memo.ts";
import { attemptOf } from "./attempt.ts";
import { type FailedAttempt, failedAttempt } from "./failed-attempt.ts";

/** An attempt of a run that died, to be made again. */
export type RecordedAttempt = {
  readonly input: unknown;
  readonly memo: RunMemo;
  readonly workflowId: string;
  readonly runId: string;
  /** What the handler finds as `ctx.attempt`. */
  readonly attempt: number;
};

export type ReproduceOptions = {
  readonly identity: string;
  readonly classifier?: Classifier;
  /** Cancels the attempt when it aborts. */
  readonly signal: AbortSignal;
  /** Stops a debugger that is attached just before the handler. */
  readonly breakBefore: boolean;
  readonly onHeartbeat: (details: unknown) => void;
  readonly onProgress: (progress: Progress) => void;
  /** Takes what the handler logs through Temporal (`log` of `@temporalio/activity`). */
  readonly onLog: (line: string) => void;
};

export type Reproduced = { readonly tookMs: number } & (
  | { readonly outcome: "succeeded"; readonly result: unknown }
  | { readonly outcome: "failed"; readonly failure: FailedAttempt }
  | { readonly outcome: "cancelled" }
);

/**
 * Runs a handler in this process as a worker would have run that attempt, in Temporal's activity test environment: nothing of
 * it reaches Temporal or Postgres. No timeout ends it, and the job's policy is not asked: it is the failure that is to be seen.
 */
export async function reproduceAttempt(
  { job, handler }: HandledJob,
  { input, memo, workflowId, runId, attempt }: RecordedAttempt,
  { identity, classifier, signal, breakBefore, onHeartbeat, onProgress, onLog }: ReproduceOptions,
): Promise<Reproduced> {
  const [{ MockActivityEnvironment }, { DefaultLogger }] = await Promise.all([
    import("@temporalio/testing"),
    import("@temporalio/worker"),
  ]);
  const { taskQueue, activity } = resolveContract(job.contract, jobDefaults(process.env));
  const logger = new DefaultLogger("INFO", ({ level, message, meta }) => {
    // How the attempt ends is told better than by the worker.
    if (meta?.["sdkComponent"] !== "worker") onLog(`${level} ${message}`);
  });
  const environment = new MockActivityEnvironment(
    {
      activityType: job.name,
      workflowType: job.name,
      taskQueue,
      workflowExecution: { workflowId, runId },
      attempt,
      startToCloseTimeoutMs: activity.startToCloseTimeoutMs,
      heartbeatTimeoutMs: activity.heartbeatTimeoutMs,
    },
    { logger },
  );
  const told = async (parsed: unknown, ctx: JobContext): Promise<unknown> => {
    const here = telling(ctx, onHeartbeat, onProgress);
    // oxlint-disable-next-line no-debugger -- asked for; a step into the next line is in the handler
    if (breakBefore) debugger;
    return await handler(parsed, here);
  };
  const run = attemptOf({ job, handler: told }, { identity, ...(classifier === undefined ? {} : { classifier }) });
  const cancel = () => environment.cancel();
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const startedAtMs = Date.now();
  const took = () => ({ tookMs: Date.now() - startedAtMs });
  try {
    const result = await environment.run(async () => await run(input, { memo }));
    return { ...took(), outcome: "succeeded", result: received(result) };
  } catch (error) {
    if (error instanceof CancelledFailure) return { ...took(), outcome: "cancelled" };
    const { maximumAttempts, nonRetryableErrorTypes = [] } = activity.retry;
    const isLast = maximumAttempts > 0 && attempt >= maximumAttempts;
    return {
      ...took(),
      outcome: "failed",
      failure: failedAttempt(error as ApplicationFailure, isLast, nonRetryableErrorTypes),
    };
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

function telling(
  ctx: JobContext,
  onHeartbeat: ReproduceOptions["onHeartbeat"],
  onProgress: ReproduceOptions["onProgress"],
): JobContext {
  return {
    ...ctx,
    heartbeat(details) {
      ctx.heartbeat(details);
      onHeartbeat(details);
    },
    progress(current, total, phase) {
      ctx.progress(current, total, phase);
      onProgress({ current, ...(total === undefined ? {} : { total }), ...(phase === undefined ? {} : { phase }) });
    },
  };
}

function received(result: unknown): unknown {
  return result instanceof RawValue ? defaultPayloadConverter.fromPayload(result.payload) : result;
}
