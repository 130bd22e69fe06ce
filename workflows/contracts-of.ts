import type { ResolvedContract } from "../model/contract.ts";
import type { Job } from "../model/job.ts";
import { jobDefaults, resolveContract } from "../model/resolve-contract.ts";

/**
 * What `supervise` needs of jobs, by their names, for a module of workflows that is bundled without the plugin.
 *
 * What a contract leaves open has its built-in default: a workflow has no environment, so `DLO_ENABLED` and
 * `DLO_MAXIMUM_ATTEMPTS` do nothing here. Import the contracts from modules without the handlers' code.
 *
 * @param options `deciding`: those of the jobs whose handlers have `onFailure` or `record`; without it they are not asked about
 *   the time-out of a last attempt
 */
export function contractsOf(
  jobs: readonly Job[],
  { deciding = [] }: { readonly deciding?: readonly Job[] } = {},
): Readonly<Record<string, ResolvedContract>> {
  const defaults = jobDefaults({});
  const names = deciding.map(({ name }) => name);
  return Object.fromEntries(
    jobs.map(({ name, contract }) => {
      const resolved = resolveContract(contract, defaults);
      return [name, names.includes(name) ? { ...resolved, decides: true } : resolved];
    }),
  );
}
