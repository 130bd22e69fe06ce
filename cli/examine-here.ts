import { findTarget } from "../connect/target.ts";
import { defaultJobTaskQueue } from "../model/ids.ts";
import { wrong } from "../setup/check.ts";
import { type Examination, examine } from "../setup/doctor.ts";
import { type LoadedConfig, loadConfig } from "./load-config.ts";
import { officeOf } from "./office-flag.ts";
import { type TargetFlags, targetOptions } from "./target-flags.ts";

/** What the doctor finds for this folder's configuration and target. A configuration that does not load is a finding too. */
export async function examineHere(flags: TargetFlags & { readonly config?: string }): Promise<Examination> {
  let loaded: LoadedConfig | undefined;
  let broken: string | undefined;
  try {
    loaded = await loadConfig(flags.config);
  } catch (error) {
    broken = error instanceof Error ? error.message : String(error);
  }
  const { jobs = [], codec } = loaded?.config ?? {};
  const queues = [...new Set(jobs.map(({ job }) => job.contract.taskQueue))];
  const examination = await examine(findTarget(targetOptions(flags)), {
    office: officeOf({}, loaded?.config),
    jobTaskQueues: queues.length === 0 ? [defaultJobTaskQueue] : queues,
    ...(codec === undefined || loaded === undefined ? {} : { codecFrom: loaded.from }),
  });
  if (broken === undefined) return examination;
  return {
    ...examination,
    ok: false,
    checks: [wrong("configuration", broken, "Correct it, or name another: --config <file>"), ...examination.checks],
  };
}
