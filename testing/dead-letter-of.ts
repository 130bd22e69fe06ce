import type { Dlo, JobRun, LetterRow } from "../client/index.ts";
import { jobRun } from "../client/job-run.ts";
import { type Duration, formatDuration, parseDuration } from "../model/duration.ts";
import { errorCodeOf, type OfficeError, officeErrorOf, waitTimeout } from "../model/office-error.ts";
import { until } from "./until.ts";

/** The letter of a job's run, once it has died. */
export async function deadLetterOf(
  dlo: Dlo,
  run: JobRun | string,
  { waitFor = "30 seconds" }: { readonly waitFor?: Duration },
): Promise<LetterRow> {
  const waitMs = parseDuration(waitFor, "waitFor");
  const { workflowId, result } = typeof run === "string" ? await newestRun(dlo, run, waitFor) : run;
  const letterId = await within(waitMs, `The death of ${workflowId}`, letterIdOf(workflowId, result));
  return await dlo.letters.get(letterId);
}

async function newestRun({ temporal }: Dlo, workflowId: string, waitFor: Duration): Promise<JobRun> {
  const { runId } = await until(async () => await temporal.workflow.getHandle(workflowId).describe(), { waitFor });
  return jobRun(temporal, workflowId, runId);
}

async function letterIdOf(workflowId: string, result: JobRun["result"]): Promise<string> {
  let value: unknown;
  try {
    value = await result();
  } catch (error) {
    const { details } = error as OfficeError;
    if (errorCodeOf(error) === "JOB_DIED") return String(details["letterId"]);
    const why = error instanceof Error ? error.message : String(error);
    throw officeErrorOf("USAGE", `${workflowId} ended without a dead letter: ${why}`, { workflowId }, { cause: error });
  }
  throw officeErrorOf("USAGE", `${workflowId} has no dead letter: it succeeded, with ${JSON.stringify(value)}`, {
    workflowId,
  });
}

async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(waitTimeout(what, formatDuration(ms))), ms);
  });
  // It may fail long after nobody waits for it any more.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
