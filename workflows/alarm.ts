import { CancellationScope, isCancellation, sleep } from "@temporalio/workflow";

/**
 * One durable timer that can be set anew.
 *
 * Setting it to the time that it has costs nothing. A timer that is not wanted for now is left to run, not cancelled:
 * cancelling costs an event, and a ring that nobody waits for costs nothing until it comes.
 */
export type Alarm = {
  /** Arms it, or disarms it with null. It never rings early. */
  set(atMs: number | null): void;
  /** Whether it rang for the time that it is set to. */
  rang(): boolean;
};

export function createAlarm(): Alarm {
  let wantedMs: number | null = null;
  let armed: { readonly atMs: number; readonly scope: CancellationScope } | undefined;
  let rangAtMs: number | null = null;

  function arm(atMs: number): void {
    armed?.scope.cancel();
    const scope = new CancellationScope();
    armed = { atMs, scope };
    scope
      .run(() => sleep(Math.max(1, atMs - Date.now())))
      .then(
        () => {
          rangAtMs = atMs;
          if (armed?.scope === scope) armed = undefined;
        },
        (error: unknown) => {
          if (!isCancellation(error)) throw error;
        },
      );
  }

  return {
    set(atMs) {
      wantedMs = atMs;
      if (atMs === null || armed?.atMs === atMs || rangAtMs === atMs) return;
      arm(atMs);
    },
    rang: () => wantedMs !== null && rangAtMs === wantedMs,
  };
}
