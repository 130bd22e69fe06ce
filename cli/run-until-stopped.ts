import type { RunningWorker } from "../worker/index.ts";
import { notice } from "./output-flag.ts";
import { stopSignal } from "./until-signal.ts";

/** Runs a worker until a signal stops it, or it fails. */
export async function runUntilStopped<Running extends RunningWorker>(
  start: () => Promise<Running>,
  started: (running: Running) => string,
): Promise<void> {
  const { signal, off } = stopSignal(notice);
  const asked = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  try {
    const running = await start();
    if (!signal.aborted) notice(started(running));
    await Promise.race([running.done, asked]);
    await running.stop();
    notice("Stopped.");
  } finally {
    off();
  }
}
