/**
 * Workers: of jobs, which need no database, and offices, which own it.
 *
 * @module
 */
export { runWorker, type RunWorkerOptions } from "./job-worker.ts";
export { deadLetterPlugin, type DeadLetterPluginOptions } from "./plugin.ts";
export { runOffice, type RunningOffice, type RunOfficeOptions } from "./office-worker.ts";
export type { RunningWorker } from "./running-worker.ts";
