import type { Sql } from "postgres";

/** LISTEN as a bell: it says when to look, never what there is. So a notice that is lost with its connection costs time only. */
export type Bell = {
  /** Forgets what has rung so far. */
  hush(): void;
  /** Rings it from here. */
  ring(): void;
  /** Resolves when it rings, or has rung since it was hushed; after this long in any case. */
  rings(withinMs: number): Promise<void>;
  close(): void;
};

/** Rings for notices of the channel, for a connection that was lost and is back, and for the signal. */
export function openBell(sql: Sql, channel: string, signal: AbortSignal): Bell {
  let rung = signal.aborted;
  let wake: () => void = () => undefined;
  const ring = () => {
    rung = true;
    wake();
  };
  signal.addEventListener("abort", ring);
  // A connection of its own, which postgres.js opens again and again. Without it, there are still the polls.
  const listening = sql.listen(channel, ring, ring).catch(() => undefined);
  return {
    hush: () => void (rung = signal.aborted),
    ring,
    rings: async (withinMs) => {
      if (rung) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
    close() {
      signal.removeEventListener("abort", ring);
      void listening.then(async (listener) => await listener?.unlisten()).catch(() => undefined);
    },
  };
}
