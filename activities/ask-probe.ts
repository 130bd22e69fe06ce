import type { Probes } from "../model/probes.ts";

/** How long a probe may take to answer. */
const probeMs = 10_000;

/** Why a redrive has to wait for its probe; undefined where it says that all is well. */
export async function askProbe(probes: Probes, name: string): Promise<string | undefined> {
  const probe = Object.hasOwn(probes, name) ? probes[name] : undefined;
  if (probe === undefined)
    return `the office's config names no probe "${name}". It knows: ${Object.keys(probes).join(", ") || "none"}`;
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${probeMs / 1000} seconds`)), probeMs);
    });
    return (await Promise.race([probe(), late])) === true ? undefined : `the probe "${name}" says no`;
  } catch (error) {
    return `the probe "${name}" failed: ${error instanceof Error ? error.message : String(error)}`.slice(0, 500);
  } finally {
    clearTimeout(timer);
  }
}
