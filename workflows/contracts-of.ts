import type { ResolvedContract } from "../model/contract.ts";
import type { Job } from "../model/job.ts";
import { jobDefaults, resolveContract } from "../model/resolve-contract.ts";

/**
 * What `supervise` needs of jobs, by their names, for a module of workflows that is bundled without the plugin.
 *
 * What a contract leaves open has its built-in default: a workflow has no environment, so `DLO_ENABLED` and
 * `DLO_MAXIMUM_ATTEMPTS` do nothing here. Import the contracts from modules without the handlers' code.
 */
export function contractsOf(jobs: readonly Job[]): Readonly<Record<string, ResolvedContract>> {
  const defaults = jobDefaults({});
  return Object.fromEntries(jobs.map(({ name, contract }) => [name, resolveContract(contract, defaults)]));
}
