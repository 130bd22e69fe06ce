/** The workflow type of a dead letter. */
export const letterType = "deadLetter";

/** Types that are ours; no job may take one. Some come with later releases and are kept free for them. */
export const reservedTypes = [letterType, "redrive", "reconcile", "prune", "office"] as const;

/** Activity types that are ours. */
export const reservedActivities = [
  "parkDeadLetter",
  "validateInput",
  "beginRetry",
  "project",
  "recordDeath",
  "followRun",
] as const;

const letterPrefix = "dead-letter/";

/** The workflow id of the letter of a job. One per job id, so that two deaths meet in one letter. */
export function letterWorkflowId(jobWorkflowId: string): string {
  return letterPrefix + jobWorkflowId;
}

/** The job's workflow id behind a letter's, or undefined where it is not a letter's. */
export function jobWorkflowIdOf(workflowId: string): string | undefined {
  return workflowId.startsWith(letterPrefix) ? workflowId.slice(letterPrefix.length) : undefined;
}

/** The workflow id of the resting workflow that ties an office's name to one database. */
export function officeWorkflowId(office: string): string {
  return `office/${office}`;
}

/** The task queue of handlers whose job names none. */
export const defaultJobTaskQueue = "jobs";

/** An office's name unless it has another; it is also its task queue. */
export const defaultOffice = "dead-letter-office";

/** The dead letter queue of a job that names none. */
export const defaultQueue = "default";
