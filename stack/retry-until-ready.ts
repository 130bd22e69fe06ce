import { setTimeout as delay } from "node:timers/promises";
import type { ServerProcess } from "./server-process.ts";

/** The server ended, or stayed silent, before it answered. */
export class ServerNotReadyError extends Error {
  override readonly name = "ServerNotReadyError";
  /** What the server wrote to its log. */
  readonly output: string;

  constructor(message: string, output: string) {
    super(message);
    this.output = output;
  }
}

/**
 * Asks until an answer comes, and returns it.
 *
 * @throws {ServerNotReadyError} if the server ends, or a minute goes by
 * @throws the signal's reason, if it is aborted
 */
export async function retryUntilReady<Answer>(
  name: string,
  server: ServerProcess,
  logFile: string,
  ask: () => Promise<Answer>,
  signal: AbortSignal,
): Promise<Answer> {
  let ended: string | undefined;
  let output = "";
  void server.ended.then((end) => ({ how: ended, output } = end));
  const until = Date.now() + 60_000;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      if (ended !== undefined)
        throw new ServerNotReadyError(
          `${name} ended while it started (${ended}): ${lastLines(output, logFile)}`,
          output,
        );
      if (error instanceof UnusableError) throw error;
      if (Date.now() > until) {
        const problem = `${name} runs but did not answer within a minute (${(error as Error).message}). Its log: ${logFile}`;
        throw new ServerNotReadyError(problem, output);
      }
    }
    await delay(20);
  }
}

/** It answers, but asking again cannot help. */
export class UnusableError extends Error {
  override readonly name = "UnusableError";
}

function lastLines(output: string, logFile: string): string {
  return `${output.split("\n").slice(-3).join(" | ") || "it wrote nothing"}. Its log: ${logFile}`;
}
