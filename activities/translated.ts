import { ApplicationFailure } from "@temporalio/activity";
import { errorCodeOf } from "../model/office-error.ts";

/** Errors of ours keep their code as the failure's type, which is what a workflow can match on. */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errorCodeOf(error);
    if (code === undefined || !(error instanceof Error)) throw error;
    const nonRetryable =
      code === "LETTER_NOT_FOUND" || code === "LETTER_BUSY" || code === "USAGE" || code === "REDRIVE_NOT_FOUND";
    throw ApplicationFailure.create({ message: error.message, type: code, nonRetryable });
  }
}
