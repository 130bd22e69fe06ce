import { grpcAnswer, invalidArgument } from "../model/grpc-answer.ts";
import { errorCodeOf, OfficeError } from "../model/office-error.ts";

/** Why a line by itself cannot be imported; undefined for what would stop all others, too. */
export function lineRefusal(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = errorCodeOf(error);
  if (code === "INPUT_INVALID" || code === "INPUT_TOO_LARGE") return error.message;
  if (code === "DATABASE_ERROR" && ofValues.test(sqlStateOf(error))) return error.message;
  const answer = grpcAnswer(error);
  if (answer?.code === invalidArgument) return `Temporal does not take its letter: ${answer.details}`;
  return undefined;
}

/** Postgres's classes of data exceptions, violated constraints, and limits exceeded. */
const ofValues = /^(22|23|54)/;

function sqlStateOf(error: Error): string {
  const { sqlState } = error instanceof OfficeError ? (error.details as { sqlState?: string }) : {};
  return sqlState ?? "";
}
