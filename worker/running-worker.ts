import type { Worker } from "@temporalio/worker";

/** Workers that poll. */
export type RunningWorker = AsyncDisposable & {
  /** Settles when all have ended; rejects where one failed. */
  readonly done: Promise<void>;
  /** Finishes or hands back what runs. May be called more than once. */
  stop(): Promise<void>;
};

/** Runs workers together: when one fails, all stop. `release` is called when all have ended. */
export function runUntilStopped(workers: readonly Worker[], release: () => Promise<void>): RunningWorker {
  const stopAll = () => {
    for (const worker of workers) if (worker.getState() === "RUNNING") worker.shutdown();
  };
  const done = Promise.allSettled(
    workers.map((worker) =>
      worker.run().catch((error: unknown) => {
        stopAll();
        throw error;
      }),
    ),
  ).then(async (results) => {
    await release();
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  });
  // Whoever stops the workers hears of a failure there; without this it would also be an unhandled rejection.
  done.catch(() => undefined);
  const stop = async () => {
    stopAll();
    await done;
  };
  return { done, stop, [Symbol.asyncDispose]: stop };
}
