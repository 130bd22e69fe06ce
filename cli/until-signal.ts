import { constants } from "node:os";

/** What the first Ctrl-C (or SIGTERM) began; `off` gives the signals back, if none came. */
export type StopSignal = { readonly signal: AbortSignal; off(): void };

/**
 * Aborts at the first SIGINT, SIGTERM or SIGHUP, so that all can stop in order. A second one, a moment later, ends the
 * process at once.
 */
export function stopSignal(say: (line: string) => void): StopSignal {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const listen = (name: NodeJS.Signals) => {
    if (firstAt === undefined) {
      firstAt = Date.now();
      say(`Stopping (${name}). Once more ends it at once.`);
      controller.abort(new Stopped(name));
    } else if (Date.now() - firstAt > echoMs) process.exit(128 + constants.signals[name]);
  };
  for (const name of signals) process.on(name, listen);
  const off = () => {
    // After the first, an echo may still come: it must not kill a process that ends in order.
    if (firstAt === undefined) for (const name of signals) process.off(name, listen);
  };
  return { signal: controller.signal, off };
}

/** The reason of a stop that somebody asked for: no failure. */
export class Stopped extends Error {
  override readonly name = "Stopped";
  constructor(by: NodeJS.Signals) {
    super(`stopped by ${by}`);
  }
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A Ctrl-C under npm arrives twice, from the terminal and from npm. */
const echoMs = 500;
