/**
 * Contracts and configuration: what app services, workers and offices have in common. Loads no native code.
 *
 * @module
 */
export { type Category, categories, needsPerson } from "./category.ts";
export type { Classifier } from "./classify.ts";
export { type Config, defineConfig, type DevContext, type QueueOptions } from "./config.ts";
export type { ActivityOptions, DeadLetterOptions, RetryOptions } from "./contract.ts";
export type { Duration } from "./duration.ts";
export type { ErrorRecord } from "./error-record.ts";
export type { Decision, Failure, FailureHistory, OnFailure, RecordHook } from "./failure-policy.ts";
export type { FingerprintRule, RuleMatch } from "./fingerprint-rule.ts";
export type { Health, HealthGrade, HealthOptions } from "./health.ts";
export type { Hook, HookCause, HookContext, HookEvent, HookLetter, Hooks } from "./hooks.ts";
export {
  defineJob,
  type HandledJob,
  type Handler,
  type HandlerOptions,
  type Job,
  type JobContext,
  type JobOptions,
} from "./job.ts";
export type { AttemptEntry } from "./ledger.ts";
export { type ErrorCode, errorCodeOf, errorCodes, OfficeError } from "./office-error.ts";
export type { DeadError, DeadJob, OnDead, OnExpire } from "./own-code.ts";
export { type Reason, reasons } from "./reason.ts";
export { type Status, statuses } from "./status.ts";
