import { resolve } from "node:path";
import type { DevStack } from "./dev-stack.ts";

/**
 * From here on this process's environment leads to this stack alone: what `dlo.config.ts` connects to by itself is the
 * stack too, and not the production system that the shell may hold.
 */
export function useOnly({ folder, address, namespace, databaseUrl, embedded }: DevStack): void {
  if (embedded.temporal) {
    for (const name of Object.keys(process.env)) if (name.startsWith("TEMPORAL_")) delete process.env[name];
    // In place of the user's own profiles; there is none, and that is taken as no configuration.
    process.env["TEMPORAL_CONFIG_FILE"] = resolve(folder, "temporal.toml");
  }
  process.env["TEMPORAL_ADDRESS"] = address;
  process.env["TEMPORAL_NAMESPACE"] = namespace;
  process.env["DLO_DATABASE_URL"] = databaseUrl;
}
