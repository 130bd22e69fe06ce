/**
 * Why a run died. Apart from the error's category: the category says what went wrong, the reason says what ended the run.
 *
 * - `exhausted`: its attempts are used up, whatever the last error was
 * - `non_retryable`: an error that is not to be retried
 * - `timed_out`: schedule-to-start, schedule-to-close or the workflow's own timeout
 * - `given_up`: the code said so, by `ctx.deadLetter`
 * - `lost`: somebody terminated the run
 * - `failed`: a workflow that failed by itself, without a job's ledger; or a record outside Temporal
 */
export const reasons = ["exhausted", "non_retryable", "timed_out", "given_up", "lost", "failed"] as const;

export type Reason = (typeof reasons)[number];
