import { usage } from "./office-error.ts";

/**
 * Says whether what jobs depend on is well again; named in the office's config, and asked for by name.
 *
 * @returns true: go on. What it throws is a no
 */
export type Probe = () => boolean | Promise<boolean>;

export type Probes = Readonly<Record<string, Probe>>;

/** @throws {OfficeError} `USAGE` */
export function checkProbeName(name: unknown): string {
  if (typeof name === "string" && name !== "" && name.length <= 100) return name;
  throw usage(`when must be the name of a probe of the office's config, got ${JSON.stringify(name)}`);
}
