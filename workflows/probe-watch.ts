import { CancellationScope, isCancellation } from "@temporalio/workflow";

/** Waits for a probe of the office's config to say yes, one at a time. */
export type ProbeWatch<For extends object> = {
  /** Asks the probe on behalf of this, until it says yes; null stops asking. What is waited for already is left to go on. */
  set(on: { readonly for: For; readonly probe: string } | null): void;
};

/** @param saidYes is told once for each, unless it was set to something else meanwhile */
export function createProbeWatch<For extends object>(
  ask: (probe: string) => Promise<void>,
  saidYes: (on: For) => void,
): ProbeWatch<For> {
  let current: { readonly for: For; readonly scope: CancellationScope } | undefined;
  return {
    set(on) {
      if (current?.for === on?.for) return;
      current?.scope.cancel();
      current = undefined;
      if (on === null) return;
      const scope = new CancellationScope();
      current = { for: on.for, scope };
      scope
        .run(() => ask(on.probe))
        .then(
          () => saidYes(on.for),
          (error: unknown) => {
            if (!isCancellation(error)) throw error;
          },
        );
    },
  };
}
