import { Command } from "@commander-js/extra-typings";
import { configFlag } from "./config-flag.ts";
import { announceTarget } from "./open-client.ts";
import { sayOpenLetters } from "./open-letters.ts";
import { notice } from "./output-flag.ts";
import { targetOptions, withTarget } from "./target-flags.ts";

export function officeCommand() {
  const command = new Command("office")
    .summary("Run the office: the worker that owns the database")
    .description(
      "Records deaths, keeps letters and carries out commands on them, until Ctrl-C or SIGTERM. It can run many times over, with the same database. Run dlo setup first. Without a dlo.config it has the defaults.",
    )
    .option("--listen <host:port>", "answer /health, /ready, /live and /metrics there (default: listen of dlo.config)")
    .addOption(configFlag())
    .addHelpText(
      "after",
      `
Examples:
  dlo office --database-url postgres://office:secret@db.example.com:5432/letters
  dlo office --config office.config.ts --address temporal.example.com:7233 --namespace orders
  dlo office --listen 127.0.0.1:9464
  dlo office 2>&1 | tee office.log`,
    );
  return withTarget(command).action(async (options) => {
    const [{ loadConfig }, { refuseForeignKeys }, { runUntilStopped }, { officeOf }] = await Promise.all([
      import("./load-config.ts"),
      import("../model/config.ts"),
      import("./run-until-stopped.ts"),
      import("./office-flag.ts"),
    ]);
    const loaded = await loadConfig(options.config);
    const { dev: _, ...config } = loaded?.config ?? {};
    refuseForeignKeys(config, "office");
    const target = targetOptions(options);
    await announceTarget(options);
    const [{ runOffice }, { logWith }] = await Promise.all([import("../worker/index.ts"), import("./worker-log.ts")]);
    const listen = options.listen ?? config.listen;
    await logWith(notice, { level: "INFO", metrics: listen !== undefined });
    const name = officeOf({}, config);
    const from = loaded === undefined ? "no dlo.config here: all defaults" : `from ${loaded.from}`;
    await runUntilStopped(
      async () => await runOffice({ ...config, ...(listen === undefined ? {} : { listen }), ...target }),
      ({ url }) =>
        `The office "${name}" is open (${from})${url === undefined ? "" : `, and answers on ${url}`}. Ctrl-C stops.`,
    );
    await sayOpenLetters(options);
  });
}
