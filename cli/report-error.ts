import { CommanderError } from "commander";
import { errorCodeOf, errorCodes } from "../model/office-error.ts";
import { missingPackage } from "./missing-package.ts";
import { paint } from "./paint.ts";

/** Says on stderr what went wrong, and returns the exit code: 2 for wrong usage or input, 1 for not done. */
export function reportError(error: unknown): number {
  // Commander has said it already; help and version come this way too, as 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  sayError(error);
  return exitCodeOf(error);
}

function exitCodeOf(error: unknown): 1 | 2 {
  const code = errorCodeOf(error);
  return code === undefined ? 1 : errorCodes[code].exit;
}

/** @param about what it concerns, where several things are done */
export function sayError(error: unknown, about?: string): void {
  const prefix = about === undefined ? "" : `${about}: `;
  process.stderr.write(
    `${paint("red", "Error:", process.stderr)} ${prefix}${describeError(error)}\n${placeText(error)}`,
  );
}

/** The line that could not be read, with a mark below the place. */
function placeText(error: unknown): string {
  const details: unknown =
    typeof error === "object" && error !== null && "details" in error ? error.details : undefined;
  if (typeof details !== "object" || details === null || !("line" in details) || !("column" in details)) return "";
  const { line, column } = details;
  if (typeof line !== "string" || typeof column !== "number") return "";
  // Of a long line, what is around the place.
  const from = Math.max(0, column - 1 - 50);
  const shown = Array.from(line.replaceAll(/[\s\p{Cc}]/gu, " "))
    .slice(from, from + 100)
    .join("");
  return `  ${shown}\n  ${" ".repeat(column - 1 - from)}${paint("red", "^", process.stderr)}\n`;
}

/** One's own errors say what to do; Temporal's need their cause; what nobody foresaw needs its stack. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (errorCodeOf(error) !== undefined || "details" in error || error.name === "StackRunningError")
    return detailed(error);
  const cause = error.cause;
  if (error.name === "ServiceError" && cause instanceof Error) return `${error.message}: ${detailed(cause)}`;
  if ("code" in error && "syscall" in error) return error.message;
  const missing = missingPackage(error);
  if (missing !== undefined) return missing;
  return error.stack ?? error.message;
}

function detailed(error: Error): string {
  const details = (error as { details?: unknown }).details;
  // A gRPC error's message begins with its number and name; its details are the server's own words.
  return typeof details === "string" && details !== "" ? details : error.message;
}
