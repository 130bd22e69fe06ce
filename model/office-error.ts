import { formatDuration } from "./duration.ts";
import type { Status } from "./status.ts";
import { didYouMean } from "./suggest.ts";

/**
 * Every error that a user can meet. The code is the contract: match on `error.code`, never on the class, because an error may
 * come from another process or another copy of the package. `exit` is the command's: 2 for wrong usage or input, 1 for not done.
 */
export const errorCodes = {
  LETTER_NOT_FOUND: { http: 404, exit: 1 },
  /** A shortened id fits several letters. */
  LETTER_AMBIGUOUS: { http: 409, exit: 2 },
  LETTER_CLOSED: { http: 409, exit: 1 },
  /** Refused while a retry runs. */
  LETTER_BUSY: { http: 409, exit: 1 },
  CAUSE_NOT_FOUND: { http: 404, exit: 1 },
  /** A shortened id fits several causes. */
  CAUSE_AMBIGUOUS: { http: 409, exit: 2 },
  REDRIVE_NOT_FOUND: { http: 404, exit: 1 },
  /** A shortened id fits several redrives. */
  REDRIVE_AMBIGUOUS: { http: 409, exit: 2 },
  /** A redrive that has ended takes no command, and one that is paused no pause. */
  REDRIVE_STATE: { http: 409, exit: 1 },
  INPUT_INVALID: { http: 422, exit: 2 },
  INPUT_TOO_LARGE: { http: 413, exit: 2 },
  /** A contract that cannot be meant. */
  JOB_INVALID: { http: 500, exit: 2 },
  JOB_UNKNOWN: { http: 404, exit: 2 },
  CONFIG_INVALID: { http: 500, exit: 2 },
  /** The job id has a run that is under way or has succeeded. */
  ALREADY_STARTED: { http: 409, exit: 1 },
  /** The job died while its result was awaited; `details.letterId` is its dead letter. */
  JOB_DIED: { http: 409, exit: 1 },
  JOB_CANCELLED: { http: 409, exit: 1 },
  TEMPORAL_UNREACHABLE: { http: 503, exit: 1 },
  DATABASE_UNREACHABLE: { http: 503, exit: 1 },
  /** Postgres refused a statement; `details` has the SQLSTATE and the constraint, never a value. */
  DATABASE_ERROR: { http: 500, exit: 1 },
  DATABASE_UNSET: { http: 503, exit: 2 },
  SCHEMA_MISSING: { http: 503, exit: 1 },
  SCHEMA_TOO_OLD: { http: 503, exit: 1 },
  SCHEMA_TOO_NEW: { http: 503, exit: 1 },
  /** Another database holds this office's name. */
  OFFICE_MISMATCH: { http: 503, exit: 1 },
  WAIT_TIMEOUT: { http: 504, exit: 1 },
  /** A question that takes too long was given up. */
  QUERY_TIMEOUT: { http: 504, exit: 1 },
  USAGE: { http: 400, exit: 2 },
  /** No worker of the job answered in time. */
  NO_WORKER: { http: 503, exit: 1 },
  /** The letter was stored without its payload. */
  PAYLOAD_OMITTED: { http: 409, exit: 2 },
  /** A retry was to run on a build that no worker of its task queue has. */
  BUILD_UNKNOWN: { http: 404, exit: 2 },
  /** A record that the office, or its policy, does not take. */
  CAPTURE_REFUSED: { http: 403, exit: 1 },
  /** What is no job cannot be started as it was, or cannot go back to before its failure. */
  RETRY_REFUSED: { http: 409, exit: 1 },
} as const satisfies Record<string, { http: number; exit: 1 | 2 }>;

export type ErrorCode = keyof typeof errorCodes;

export type ErrorDetails = Readonly<Record<string, unknown>>;

/** An error that its reader can act on: the message says what is wrong, where, and what to do next. */
export class OfficeError extends Error {
  override readonly name = "OfficeError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

export function officeErrorOf(
  code: ErrorCode,
  message: string,
  details?: ErrorDetails,
  options?: ErrorOptions,
): OfficeError {
  return new OfficeError(code, message, details, options);
}

/** The code of an error of ours, whichever process or copy of the package it comes from; undefined for all others. */
export function errorCodeOf(error: unknown): ErrorCode | undefined {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : undefined;
}

export function jobInvalid(job: string, problem: string): OfficeError {
  return new OfficeError("JOB_INVALID", `Job "${job}" cannot be defined: ${problem}`, { job, problem });
}

export function jobUnknown(job: string, known: readonly string[]): OfficeError {
  const meant = didYouMean(job, known);
  const hint = meant === undefined ? "" : ` Did you mean "${meant}"?`;
  const list = known.length === 0 ? "no job is known here" : `known jobs: ${known.join(", ")}`;
  return new OfficeError("JOB_UNKNOWN", `There is no job "${job}".${hint} (${list})`, { job, known });
}

export function inputInvalid(job: string, violations: readonly string[]): OfficeError {
  const list = violations.length === 1 ? ` ${violations[0]}` : `\n${violations.map((line) => `- ${line}`).join("\n")}`;
  return new OfficeError("INPUT_INVALID", `The input of job "${job}" does not fit its schema:${list}`, {
    job,
    violations,
  });
}

export function inputTooLarge(job: string, bytes: number, maximumBytes: number): OfficeError {
  return new OfficeError(
    "INPUT_TOO_LARGE",
    `The input of job "${job}" has ${bytes} bytes, and at most ${maximumBytes} pass through Temporal. ` +
      "Store the data elsewhere and give the job a reference to it",
    { job, bytes, maximumBytes },
  );
}

/** A record that cannot be captured as it is. */
export function recordInvalid(problem: string): OfficeError {
  return new OfficeError("INPUT_INVALID", problem, { problem });
}

export function captureRefused(problem: string): OfficeError {
  return new OfficeError("CAPTURE_REFUSED", problem, { problem });
}

export function configInvalid(where: string, problem: string): OfficeError {
  return new OfficeError("CONFIG_INVALID", `${where}: ${problem}`, { where, problem });
}

/** @param details with the `id` of a letter where the usage is wrong for that one alone */
export function usage(problem: string, details?: ErrorDetails): OfficeError {
  return new OfficeError("USAGE", problem, details);
}

export function letterNotFound(id: string): OfficeError {
  return new OfficeError("LETTER_NOT_FOUND", `There is no dead letter ${id}. To see those there are: dlo list`, { id });
}

export function letterAmbiguous(id: string, matches: readonly string[]): OfficeError {
  return new OfficeError(
    "LETTER_AMBIGUOUS",
    `The short id ${id} fits several dead letters: ${matches.join(", ")}. Give more of it`,
    { id, matches },
  );
}

export function letterClosed(id: string, status: Status): OfficeError {
  return new OfficeError(
    "LETTER_CLOSED",
    `Dead letter ${id} is closed (${status}) and takes no command but "note". To run its job again, start it anew: dlo start`,
    { id, status },
  );
}

export function letterBusy(id: string, command: string): OfficeError {
  return new OfficeError(
    "LETTER_BUSY",
    command === "reopen"
      ? `Dead letter ${id} is not reopened: it is open already, or another letter of its job is. To see which: dlo show ${id}`
      : `Dead letter ${id} is being retried, so "${command}" is refused. Wait for the outcome: dlo show ${id}`,
    { id, command },
  );
}

export function notReopened(id: string, status: Status): OfficeError {
  return new OfficeError(
    "LETTER_CLOSED",
    `Dead letter ${id} is ${status}: its job has succeeded, so it is not opened again. To run the job once more, start it: dlo start`,
    { id, status },
  );
}

export function causeNotFound(id: string): OfficeError {
  return new OfficeError("CAUSE_NOT_FOUND", `There is no cause ${id}. To see those there are: dlo causes --state all`, {
    id,
  });
}

export function causeAmbiguous(id: string, matches: readonly string[]): OfficeError {
  return new OfficeError(
    "CAUSE_AMBIGUOUS",
    `The short id ${id} fits several causes: ${matches.join(", ")}. Give more of it`,
    { id, matches },
  );
}

export function redriveNotFound(id: string): OfficeError {
  return new OfficeError("REDRIVE_NOT_FOUND", `There is no redrive ${id}. To see those there are: dlo redrive list`, {
    id,
  });
}

export function redriveAmbiguous(id: string, matches: readonly string[]): OfficeError {
  return new OfficeError(
    "REDRIVE_AMBIGUOUS",
    `The short id ${id} fits several redrives: ${matches.join(", ")}. Give more of it`,
    { id, matches },
  );
}

export function redriveState(id: string, status: string, command: string): OfficeError {
  return new OfficeError("REDRIVE_STATE", `Redrive ${id} is ${status}, so "${command}" is refused`, {
    ...{ id, status, command },
  });
}

export function payloadOmitted(id: string): OfficeError {
  return new OfficeError(
    "PAYLOAD_OMITTED",
    `Dead letter ${id} was stored without its payload, so its retry needs one: dlo retry ${id} --input '…'`,
    { id },
  );
}

export function alreadyStarted(jobId: string): OfficeError {
  return new OfficeError(
    "ALREADY_STARTED",
    `A run of "${jobId}" is under way, or has succeeded. Wait for it, or give new work another id`,
    { jobId },
  );
}

export function waitTimeout(what: string, waited: string): OfficeError {
  return new OfficeError(
    "WAIT_TIMEOUT",
    `${what} did not end within ${waited}. Only the waiting has ended: the work goes on`,
    {
      what,
      waited,
    },
  );
}

export function queryTimeout(maximumMs: number): OfficeError {
  return new OfficeError(
    "QUERY_TIMEOUT",
    `Postgres did not answer within ${formatDuration(maximumMs)}, so the question was given up. ` +
      "Narrow it: open letters alone, a job or queue alone, a shorter time",
    { maximumMs },
  );
}

export function noWorker(job: string, taskQueue: string): OfficeError {
  return new OfficeError(
    "NO_WORKER",
    `No worker of job "${job}" answered on task queue "${taskQueue}" within 10 seconds, so the new input could not be checked. ` +
      "Start one, or pass unchecked: true to do without",
    { job, taskQueue },
  );
}

/** @param there what there is in its place, as a clause */
export function buildUnknown(build: string, taskQueue: string, there: string): OfficeError {
  return new OfficeError(
    "BUILD_UNKNOWN",
    `No worker of task queue "${taskQueue}" has ever polled as build ${build}: ${there}. To see them: temporal worker deployment list`,
    { build, taskQueue },
  );
}

export function temporalUnreachable(address: string, why: string, cause?: unknown): OfficeError {
  return new OfficeError(
    "TEMPORAL_UNREACHABLE",
    `Temporal cannot be reached at ${address}: ${why}. Is it running, and is the address right? For a local one: dlo dev`,
    { address },
    { cause },
  );
}

/** @param target host, port and database, never the credentials */
export function databaseUnreachable(target: string, why: string, cause?: unknown): OfficeError {
  return new OfficeError(
    "DATABASE_UNREACHABLE",
    `Postgres cannot be reached at ${target}: ${why}. Is it running, and is DLO_DATABASE_URL right?`,
    { target },
    { cause },
  );
}

export function databaseUnset(): OfficeError {
  return new OfficeError(
    "DATABASE_UNSET",
    "No database is given. Set DLO_DATABASE_URL, pass --database-url, or start a local stack: dlo dev",
  );
}

export function schemaMissing(target: string): OfficeError {
  return new OfficeError("SCHEMA_MISSING", `The database ${target} has no schema "dlo" yet. To create it: dlo setup`, {
    target,
  });
}

export function schemaTooOld(found: number, needed: number): OfficeError {
  return new OfficeError(
    "SCHEMA_TOO_OLD",
    `The database's schema is at migration ${found}, and this version needs ${needed}. To bring it up: dlo setup`,
    { found, needed },
  );
}

export function schemaTooNew(found: number, minimumVersion: string): OfficeError {
  return new OfficeError(
    "SCHEMA_TOO_NEW",
    `The database's schema is at migration ${found}, which needs dead-letter-office ${minimumVersion} or newer. Upgrade this process`,
    { found, minimumVersion },
  );
}

export function officeMismatch(office: string, namespace: string): OfficeError {
  return new OfficeError(
    "OFFICE_MISMATCH",
    `The office "${office}" of namespace "${namespace}" keeps its letters in another database. ` +
      "Connect to that one, or give this office a name of its own",
    { office, namespace },
  );
}
