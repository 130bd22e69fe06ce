/**
 * The TypeScript client: start jobs, look at dead letters, act on them. Loads no native code.
 *
 * @module
 */
export { connect, type ConnectOptions, type Dlo } from "./connect.ts";
export type { JobRun } from "./job-run.ts";
export type { LetterPage, Letters, PageOptions, WaitOptions } from "./letters.ts";
export { maximumInputBytes, type StartOptions } from "./start-job.ts";
