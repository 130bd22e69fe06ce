import { createServer } from "node:net";
import { Runtime, type RuntimeOptions } from "@temporalio/worker";

/**
 * Where the process's SDK exports its own metrics for Prometheus, as `host:port`; undefined where it doesn't.
 *
 * Turns them on where nobody has installed a Runtime. One of the user's own is left as it is.
 */
export async function sdkMetricsAddress(): Promise<string | undefined> {
  const { defaultOptions } = Runtime;
  if (Runtime._instance === undefined && defaultOptions.telemetryOptions?.metrics === undefined)
    await installWithMetrics(defaultOptions);
  const exporter = Runtime.instance().options.runtimeOptions.metricsExporter;
  return exporter?.type === "prometheus" ? exporter.socketAddr : undefined;
}

/** Installs a Runtime that exports its metrics to this machine alone. Must come before the first connection. */
export async function installWithMetrics({ telemetryOptions, ...options }: RuntimeOptions): Promise<void> {
  for (let triesLeft = 5; ; triesLeft--) {
    const metrics = { prometheus: { bindAddress: `127.0.0.1:${await freePort()}` } };
    try {
      Runtime.install({ ...options, telemetryOptions: { ...telemetryOptions, metrics } });
      return;
    } catch (error) {
      // Another process took the port between the look and the start.
      if (triesLeft === 1 || !String(error).includes("in use")) throw error;
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
