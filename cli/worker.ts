import { Command } from "@commander-js/extra-typings";
import { configFlag } from "./config-flag.ts";
import { announceTarget } from "./open-client.ts";
import { sayOpenLetters } from "./open-letters.ts";
import { notice } from "./output-flag.ts";
import { targetOptions, withTemporal } from "./target-flags.ts";

export function workerCommand() {
  const command = new Command("worker")
    .summary("Run the jobs of dlo.config")
    .description(
      "Runs the jobs that dlo.config names, until Ctrl-C or SIGTERM: then it hands back what runs, without spending an attempt. A second one ends it at once. Needs no database.",
    )
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo worker
  dlo worker --config worker.config.ts --address temporal.example.com:7233 --namespace orders
  dlo worker 2>&1 | tee worker.log`,
    );
  return withTemporal(command).action(async (options) => {
    const [{ requireConfig }, { refuseForeignKeys }, { runUntilStopped }] = await Promise.all([
      import("./load-config.ts"),
      import("../model/config.ts"),
      import("./run-until-stopped.ts"),
    ]);
    const { config, from } = await requireConfig(options.config, "a worker needs to know its jobs");
    refuseForeignKeys(config, "worker");
    const target = targetOptions(options);
    await announceTarget(options);
    const [{ runWorker }, { logWith }] = await Promise.all([import("../worker/index.ts"), import("./worker-log.ts")]);
    await logWith(notice, { level: "INFO" });
    const { dev: _dev, jobs = [], ...rest } = config;
    const names = jobs.map(({ job }) => job.name).join(", ");
    await runUntilStopped(
      async () => await runWorker({ ...rest, ...target, jobs }),
      () => `Working on ${names} (from ${from}). Ctrl-C stops.`,
    );
    await sayOpenLetters(options);
  });
}
