import { join } from "node:path";
import { freePort, loopback } from "./ports.ts";
import { againIfPortWasTaken } from "./port-race.ts";
import type { Progress } from "./progress.ts";
import { retryUntilReady } from "./retry-until-ready.ts";
import { startServer } from "./server-process.ts";
import type { ServerEnd } from "./server-process.ts";

export type TemporalOptions = {
  /** The `temporal` command. */
  readonly executable: string;
  /** Holds `temporal.db` and `temporal.log`. */
  readonly folder: string;
  readonly port: number;
  readonly uiPort: number;
  /** Beside `default`. */
  readonly namespaces: readonly string[];
  readonly searchAttributes: Readonly<Record<string, SearchAttributeType>>;
  /** Temporal's dynamic configuration: key to value, as JSON. */
  readonly dynamicConfig: Readonly<Record<string, string>>;
  readonly progress: Progress;
  readonly signal: AbortSignal;
};

export type SearchAttributeType = "Text" | "Keyword" | "Int" | "Double" | "Bool" | "Datetime" | "KeywordList";

export type RunningTemporal = {
  readonly address: string;
  readonly ui: string;
  readonly pid: number;
  readonly ended: Promise<ServerEnd>;
  stop(): Promise<void>;
};

/** The arguments that tell the server on this folder from all others. */
export function temporalMark(folder: string): readonly [string, string] {
  return ["--db-filename", join(folder, "temporal.db")];
}

/** Asks Temporal to stop: it hands back running tasks and closes its database. */
export const temporalStopSignal: NodeJS.Signals = "SIGTERM";

/** Starts a Temporal dev server with Web UI, and returns once it serves all its namespaces. */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  return await againIfPortWasTaken(() => start(options));
}

async function start(options: TemporalOptions): Promise<RunningTemporal> {
  const { executable, folder, progress, signal } = options;
  const port = await freePort(options.port);
  if (options.port !== 0 && port !== options.port)
    progress(`Port ${options.port} is taken: Temporal listens on ${port}.`);
  const uiPort = await freePort(options.uiPort);
  if (options.uiPort !== 0 && uiPort !== options.uiPort) {
    progress(`Port ${options.uiPort} is taken: Temporal Web UI listens on ${uiPort}.`);
  }
  const logFile = join(folder, "temporal.log");
  const server = await startServer({
    command: executable,
    args: serverArguments(options, port, uiPort),
    logFile,
    stopSignal: temporalStopSignal,
  });
  const address = `${loopback}:${port}`;
  try {
    const namespaces = ["default", ...options.namespaces];
    await retryUntilReady("Temporal", server, logFile, () => serves(address, namespaces), signal);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { address, ui: `http://${loopback}:${uiPort}`, ...server };
}

function serverArguments(options: TemporalOptions, port: number, uiPort: number): string[] {
  return [
    ...["server", "start-dev", "--ip", loopback, "--port", String(port), "--ui-port", String(uiPort)],
    ...temporalMark(options.folder),
    ...["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"],
    // Short timers are else read ahead in steps of a second: six attempts of 10 ms backoff took 5,152 ms, with this 232 ms.
    ...["--dynamic-config-value", 'history.timerProcessorMaxTimeShift="10ms"'],
    ...Object.entries(options.dynamicConfig).flatMap(([key, value]) => ["--dynamic-config-value", `${key}=${value}`]),
    ...["--log-level", "warn", "--ui-disable-news-fetch"],
    ...options.namespaces.flatMap((name) => ["--namespace", name]),
    ...Object.entries(options.searchAttributes).flatMap(([name, type]) => ["--search-attribute", `${name}=${type}`]),
  ];
}

async function serves(address: string, namespaces: readonly string[]): Promise<void> {
  const { Connection } = await import("@temporalio/client");
  const connection = await Connection.connect({ address, connectTimeout: "2 seconds" });
  try {
    for (const namespace of namespaces) await connection.workflowService.describeNamespace({ namespace });
  } finally {
    await connection.close();
  }
}
