import type { HandledJob } from "../model/job.ts";
import type { JobActivities } from "../model/letter-activities.ts";
import { jobDefaults, resolveHandled } from "../model/resolve-contract.ts";

/** The built-in activity of every job worker that tells an office what a job's contract says of its deaths: of a run that could not say so itself. */
export function jobDescriber(jobs: readonly HandledJob[]): Pick<JobActivities, "describeJob"> {
  const defaults = jobDefaults(process.env);
  const byName = new Map(jobs.map((handled) => [handled.job.name, resolveHandled(handled, defaults)]));
  return {
    async describeJob(name) {
      const contract = byName.get(name);
      if (contract === undefined) return { known: false, knows: [...byName.keys()] };
      const { deadLetter, ownCode } = contract;
      return { known: true, deadLetter, ...(ownCode === undefined ? {} : { ownCode }) };
    },
  };
}
