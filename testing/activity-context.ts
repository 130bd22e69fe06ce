import { Context, type Info } from "@temporalio/activity";
import { ActivityCancellationDetails, CancelledFailure, type Logger, noopMetricMeter } from "@temporalio/common";

/**
 * The context that a worker gives an activity, without a worker.
 *
 * Temporal's own `MockActivityEnvironment` would do the same, and load the native worker for it.
 *
 * @param signal cancels the activity, as a cancelled workflow does
 */
export function activityContext(info: Partial<Info>, signal: AbortSignal | undefined): Context {
  const cancelling = new AbortController();
  const holder: { details?: ActivityCancellationDetails } = {};
  const cancelled = new Promise<never>((_, reject) => {
    const cancel = (): void => {
      holder.details = new ActivityCancellationDetails({ cancelRequested: true });
      const failure = new CancelledFailure("CANCELLED");
      cancelling.abort(failure);
      reject(failure);
    };
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
  });
  // Whoever does not listen is not cancelled.
  cancelled.catch(() => undefined);
  return new Context(
    { ...testInfo, ...info } as Info,
    cancelled,
    cancelling.signal,
    () => undefined,
    undefined,
    silentLogger,
    noopMetricMeter,
    holder,
  );
}

const taskToken = new TextEncoder().encode("test");

// Its deprecated fields are left out.
const testInfo = {
  taskToken,
  base64TaskToken: "dGVzdA==",
  activityId: "1",
  activityType: "test",
  attempt: 1,
  isLocal: false,
  inWorkflow: true,
  taskQueue: "test",
  namespace: "test",
  workflowType: "test",
  workflowExecution: { workflowId: "test", runId: "00000000-0000-0000-0000-000000000000" },
  scheduledTimestampMs: 0,
  currentAttemptScheduledTimestampMs: 0,
  startToCloseTimeoutMs: 300_000,
  scheduleToCloseTimeoutMs: 0,
  heartbeatTimeoutMs: 30_000,
  heartbeatDetails: undefined,
} as const satisfies Omit<
  Info,
  "workflowNamespace" | "activityNamespace" | "activityRunId" | "priority" | "retryPolicy"
>;

const nothing = (): void => undefined;
const silentLogger: Logger = {
  log: nothing,
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};
