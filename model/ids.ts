/** The workflow type of a dead letter. */
export const letterType = "deadLetter";

/** Types that are ours; no job may take one. Some come with later releases and are kept free for them. */
export const reservedTypes = [
  letterType,
  "redrive",
  "previewRedrive",
  "reconcile",
  "prune",
  "adopt",
  "office",
  "deliverEvent",
] as const;

/** Activity types that are ours. */
export const reservedActivities = [
  "parkDeadLetter",
  "validateInput",
  "describeJob",
  "decideTimeout",
  "onDead",
  "onExpire",
  "beginRetry",
  "project",
  "recordDeath",
  "followRun",
  "policyOf",
  "policyNow",
  "probeSaysYes",
  "checkProbe",
  "readDead",
  "checkBuild",
  "pinRun",
  "captureRecord",
  "deliverEvent",
  "prepareRedrive",
  "driveRedrive",
  "controlRedrive",
  "finishRedrive",
  "previewRedrive",
  "pruneLetters",
  "finishPrune",
  "beginReconcile",
  "reconcileSlice",
  "finishReconcile",
  "startAgain",
  "beginAdoption",
  "adoptRuns",
  "finishAdoption",
] as const;

/** The workflow type of a redrive. */
export const redriveType = "redrive";

/** The workflow type of a dry run. */
export const previewType = "previewRedrive";

/** The workflow id of a redrive. */
export function redriveWorkflowId(redriveId: string): string {
  return `${redriveType}/${redriveId}`;
}

/** The workflow type of a prune. */
export const pruneType = "prune";

/**
 * The workflow id of a prune that somebody started. A schedule's runs have the office's name, and their own time behind it: two
 * offices may be due at once.
 */
export function pruneWorkflowId(idOrOffice: string): string {
  return `${pruneType}/${idOrOffice}`;
}

/** The Temporal Schedule that prunes. */
export function pruneScheduleId(office: string): string {
  return `${office}/${pruneType}`;
}

/** The workflow type of a reconcile. */
export const reconcileType = "reconcile";

/** The workflow id of a reconcile that somebody started. A schedule's runs have the office's name, and their own time behind it. */
export function reconcileWorkflowId(idOrOffice: string): string {
  return `${reconcileType}/${idOrOffice}`;
}

/** The Temporal Schedule that reconciles. */
export function reconcileScheduleId(office: string): string {
  return `${office}/${reconcileType}`;
}

/** The workflow type of an adoption. */
export const adoptType = "adopt";

/** The workflow id of an adoption that somebody started. A watch's runs have its office and name, and their own time behind it. */
export function adoptWorkflowId(idOrWatch: string): string {
  return `${adoptType}/${idOrWatch}`;
}

/** The Temporal Schedule of a watch. */
export function adoptScheduleId(office: string, watch: string): string {
  return `${office}/${adoptType}/${watch}`;
}

const activityPrefix = "activity/";

/** Under which id the letter of a standalone activity is kept: a workflow may have the activity's own. */
export function activityJobId(activityId: string): string {
  return activityPrefix + activityId;
}

/** The activity's own id again. */
export function activityIdOf(jobId: string): string {
  return jobId.startsWith(activityPrefix) ? jobId.slice(activityPrefix.length) : jobId;
}

/** Temporal's `limit.maxIDLength`, unless the server is told otherwise: of workflow ids, types and task queues alike. */
export const longestIdBytes = 1000;

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
