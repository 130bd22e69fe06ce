/**
 * Says whether what jobs depend on is well again; named in the office's config, and asked for by name.
 *
 * @returns true: go on. What it throws is a no
 */
export type Probe = () => boolean | Promise<boolean>;

export type Probes = Readonly<Record<string, Probe>>;
