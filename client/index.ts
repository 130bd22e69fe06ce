/**
 * The TypeScript client: start jobs, look at dead letters, act on them. Loads no native code.
 *
 * @module
 */
export { connect, type ConnectOptions, type Dlo } from "./connect.ts";
export type { JobRun } from "./job-run.ts";
export type { LetterPage, PageOptions } from "./letter-page.ts";
export type { Letters, WaitOptions } from "./letters.ts";
export type { LetterFilter } from "../schema/list-letters.ts";
export type { LetterStory } from "../schema/letter-story.ts";
export type { LetterRow } from "../schema/rows.ts";
export { maximumInputBytes, type StartOptions } from "./start-job.ts";
