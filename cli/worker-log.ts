import { inspect } from "node:util";
import { DefaultLogger, type LogEntry, Runtime } from "@temporalio/worker";
import { installWithMetrics } from "../worker/sdk-metrics.ts";

export type LogChoice = {
  readonly level: "INFO" | "WARN";
  /** Messages to leave out: what is said otherwise. */
  readonly except?: readonly string[];
  /** Whether the SDK's own metrics are to be had. */
  readonly metrics?: boolean;
};

/** Sends what the SDK logs to `say`, one line each. Must come before the first worker. */
export async function logWith(say: (line: string) => void, choice: LogChoice): Promise<void> {
  const { level, except = [], metrics = false } = choice;
  const logger = new DefaultLogger(level, (entry) => {
    if (!except.includes(entry.message)) say(lineOf(entry));
  });
  if (metrics) await installWithMetrics({ logger });
  else Runtime.install({ logger });
}

function lineOf({ timestampNanos, level, message, meta = {} }: LogEntry): string {
  const at = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
  const parts = Object.entries(meta).map(([name, value]) => `${name}=${shown(value)}`);
  return [at, level, message, ...parts].join(" ");
}

/** An error's stack has many lines, and is on the letter. */
function shown(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(`${value.name}: ${value.message}`);
  return typeof value === "string" && /^[\w./:@-]+$/.test(value)
    ? value
    : inspect(value, { breakLength: Infinity, depth: 3, compact: true });
}
