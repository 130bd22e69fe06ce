/**
 * Workflow code of Dead Letter Office, for people who bundle workflows themselves:
 *
 * ```ts
 * export * from "./my-workflows.ts";
 * export default supervise(contractsOf([importMovie]));
 * ```
 *
 * @module
 */
export { contractsOf } from "./contracts-of.ts";
export { adopt } from "./adopt.ts";
export { supervise } from "./job.ts";
export { deadLetter } from "./dead-letter.ts";
export { deliverEvent } from "./deliver-event.ts";
export { office } from "./office.ts";
export { prune } from "./prune.ts";
export { reconcile } from "./reconcile.ts";
export { previewRedrive, redrive } from "./redrive.ts";
