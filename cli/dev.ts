import { Command, Option } from "@commander-js/extra-typings";
import { configFlag } from "./config-flag.ts";
import { port } from "./read-number.ts";

export function devCommand() {
  return new Command("dev")
    .summary("Run everything here: Temporal, Postgres, the office, your jobs")
    .description(
      "Starts an embedded Temporal and Postgres, whose state stays in .dlo, an office, and the jobs of dlo.config, and shows live what dies. Ctrl-C stops all of it; the next start finds its letters again. Other dlo commands in this folder find it by themselves.",
    )
    .option("--folder <folder>", "where the state is kept", ".dlo")
    .option("--temporal-port <port>", "wanted port of Temporal; the next free one is taken if it is busy", port)
    .option("--ui-port <port>", "wanted port of Temporal Web UI", port)
    .option("--postgres-port <port>", "wanted port of Postgres", port)
    .addOption(configFlag())
    .addOption(
      new Option("--temporal <host:port>", "use this Temporal in place of an embedded one").env(
        "DLO_DEV_TEMPORAL_ADDRESS",
      ),
    )
    .addOption(
      new Option("--postgres <url>", "use this Postgres in place of an embedded one").env("DLO_DEV_DATABASE_URL"),
    )
    .addHelpText(
      "after",
      `
Examples:
  dlo dev
  dlo dev --folder /tmp/demo --temporal-port 0 --ui-port 0 --postgres-port 0
  DLO_DEV_TEMPORAL_ADDRESS=127.0.0.1:7233 DLO_DEV_DATABASE_URL=postgres://… dlo dev
  dlo dev 2>&1 | tee dev.log`,
    )
    .action(async (options) => {
      const { runDev } = await import("./run-dev.ts");
      await runDev(options);
    });
}
