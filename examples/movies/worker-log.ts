import { appendFileSync } from "node:fs";
import { DefaultLogger, Runtime } from "@temporalio/worker";

/** Sends what the workers log to a file, so that the terminal is the story's. Must come before the first worker. */
export function logWorkersTo(file: string): void {
  const logger = new DefaultLogger("WARN", ({ timestampNanos, level, message, meta }) => {
    const at = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
    appendFileSync(file, `${JSON.stringify({ at, level, message, ...readable(meta) })}\n`);
  });
  Runtime.install({
    logger,
    telemetryOptions: { logging: { filter: { core: "WARN", other: "ERROR" }, forward: {} } },
    // Whoever started the workers stops them, in the right order.
    shutdownSignals: [],
  });
}

function readable(meta: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(meta).map(([name, value]) => [name, value instanceof Error ? value.stack : value]),
  );
}
