/**
 * For tests of your own jobs: one attempt of a handler without any server, or an office with servers that end with the test.
 *
 * @module
 */
export { type AttemptOptions, type AttemptOutcome, runAttempt } from "./run-attempt.ts";
export { startTestOffice, type TestOffice, type TestOfficeOptions } from "./test-office.ts";
export { startTestStack, type TestStack, type TestStackInfo } from "./test-stack.ts";
export { until } from "./until.ts";
export type { FailedAttempt } from "../worker/failed-attempt.ts";
