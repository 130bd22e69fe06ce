import type { ResolvedContract } from "../model/contract.ts";
import type { Job } from "../model/job.ts";
import { type OwnCode, ownCodes } from "../model/own-code.ts";
import { jobDefaults, resolveContract } from "../model/resolve-contract.ts";

/**
 * What `supervise` needs of jobs, by their names, for a module of workflows that is bundled without the plugin.
 *
 * What a contract leaves open has its built-in default: a workflow has no environment, so `DLO_ENABLED` and
 * `DLO_MAXIMUM_ATTEMPTS` do nothing here. Import the contracts from modules without the handlers' code.
 *
 * @param options `deciding`: those of the jobs whose handlers have `onFailure` or `record`; without it they are not asked about
 *   the time-out of a last attempt. `onDead`, `onExpire`: those whose handlers have that code; without it it is not run
 */
export function contractsOf(
  jobs: readonly Job[],
  {
    deciding = [],
    ...coded
  }: { readonly deciding?: readonly Job[] } & { readonly [Name in OwnCode]?: readonly Job[] } = {},
): Readonly<Record<string, ResolvedContract>> {
  const defaults = jobDefaults({});
  return Object.fromEntries(
    jobs.map(({ name, contract }) => {
      const isAmong = (some: readonly Job[] = []) => some.some((job) => job.name === name);
      const ownCode = ownCodes.filter((code) => isAmong(coded[code]));
      const resolved = resolveContract(contract, defaults);
      const decides = isAmong(deciding) && { decides: true as const };
      return [name, { ...resolved, ...decides, ...(ownCode.length > 0 && { ownCode }) }];
    }),
  );
}
