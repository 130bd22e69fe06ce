import { checkInput } from "../model/check-input.ts";
import { recordError } from "../model/error-record.ts";
import type { HandledJob } from "../model/job.ts";
import type { JobActivities } from "../model/letter-activities.ts";

/** The built-in activity of every job worker: letters ask it before they take a new input. */
export function inputChecker(jobs: readonly HandledJob[]): Pick<JobActivities, "validateInput"> {
  const byName = new Map(jobs.map(({ job }) => [job.name, job]));
  return {
    async validateInput(name, input) {
      const job = byName.get(name);
      if (job === undefined)
        return {
          valid: false,
          violations: [`the worker that answered knows no job "${name}"; it knows ${[...byName.keys()].join(", ")}`],
        };
      try {
        const checked = await checkInput(job.input, input);
        return checked.valid ? { valid: true } : checked;
      } catch (error) {
        return { valid: false, violations: [`the schema could not check it: ${recordError(error).message}`] };
      }
    },
  };
}
