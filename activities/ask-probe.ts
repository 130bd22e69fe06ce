import type { Probe, Probes } from "../model/probes.ts";

/** How long a probe may take to answer. */
const probeMs = 10_000;

/** Why a retry or a redrive has to wait for its probe; undefined where it says that all is well. */
export async function askProbe(probes: Probes, name: string): Promise<string | undefined> {
  const probe = probeOf(probes, name);
  if (probe === undefined) return unknownProbe(probes, name);
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

/** Why a probe cannot be waited for; undefined where it can. */
export function unknownProbe(probes: Probes, name: string): string | undefined {
  if (probeOf(probes, name) !== undefined) return undefined;
  return `the office's config names no probe "${name}". It knows: ${Object.keys(probes).join(", ") || "none"}`;
}

function probeOf(probes: Probes, name: string): Probe | undefined {
  return Object.hasOwn(probes, name) ? probes[name] : undefined;
}
