import { setTimeout } from "node:timers/promises";
import { Runtime } from "@temporalio/worker";

const longestPauseMs = 5_000;

/**
 * Does something again and again until the signal, with a pause after each round that the round itself names, in milliseconds.
 *
 * A round that fails ends nothing: it is tried again after pauses that grow to 5 seconds. It is logged once, and so is that it
 * works again.
 */
export async function keepDoing(what: string, round: () => Promise<number>, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    let pauseMs: number;
    try {
      pauseMs = await round();
      if (failures > 0) Runtime.instance().logger.info(`The office can ${what} again`);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (failures === 0)
        Runtime.instance().logger.warn(`The office cannot ${what} at the moment, and goes on trying`, { error });
      pauseMs = Math.min(100 * 2 ** failures++, longestPauseMs);
    }
    await setTimeout(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}
