import type { Health, HealthOptions } from "../model/health.ts";
import { loadConfig } from "./load-config.ts";
import { withReader } from "./open-reader.ts";
import type { TargetFlags } from "./target-flags.ts";

export type HealthFlags = TargetFlags & HealthOptions & { readonly config?: string };

/** How the office is: by the flags, else the configuration that is named, else the defaults. */
export async function gradeHere(flags: HealthFlags): Promise<Health> {
  const { window, degraded, unhealthy, oldest, namespace } = flags;
  // Only one that is named: a monitor should not run whatever lies in its folder.
  const configured = flags.config === undefined ? undefined : (await loadConfig(flags.config))?.config.health;
  const said = { window, degraded, unhealthy, oldest, namespace };
  const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
  return await withReader(flags, async (reader) => await reader.health({ ...configured, ...given }));
}
