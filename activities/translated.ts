import { ApplicationFailure } from "@temporalio/activity";
import { type ErrorCode, errorCodeOf } from "../model/office-error.ts";

/** Errors of ours keep their code as the failure's type, which is what a workflow can match on. */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === undefined || !(error instanceof Error)) throw error;
    const nonRetryable = final.includes(code);
    throw ApplicationFailure.create({ message: error.message, type: code, nonRetryable });
  }
}

/** What no repeat can change. */
const final: readonly ErrorCode[] = ["LETTER_NOT_FOUND", "LETTER_BUSY", "USAGE", "REDRIVE_NOT_FOUND", "BUILD_UNKNOWN"];
