import { createHash } from "node:crypto";
import { httpStatus } from "./classify.ts";
import { cutText } from "./clean.ts";
import type { ErrorCause, ErrorRecord } from "./error-record.ts";
import { messagePattern, messageSkeleton } from "./message-pattern.ts";
import { ownFrame } from "./own-frame.ts";

/** Grows when the same error would get another hash, so that old causes stay as they are. */
export const fingerprintVersion = 1;

export type Fingerprint = {
  readonly version: number;
  /** 32 hex digits of a SHA-256. */
  readonly hash: string;
  /** The cause's id: a UUID (v8), made of version and hash alone. */
  readonly causeId: string;
  /** The error's message without what varies. */
  readonly normalizedMessage: string;
  /** Where it happened in the user's own code, without line numbers: `importMovie jobs/import-movie`. */
  readonly frame: string | undefined;
  /** One line for people, at most 200 bytes. */
  readonly title: string;
};

/**
 * Which cause an error belongs to: what died of the same error at the same place has the same hash.
 *
 * Made of type, code, HTTP status and message of the error and of its innermost cause, messages without their variable parts, and the
 * topmost frame of the user's own code, the innermost error's first. Takes time linear in the error's size.
 */
export function fingerprint(error: ErrorRecord): Fingerprint {
  const outer = plainest(error);
  const inner = innermostOf(error);
  const normalizedMessage = messagePattern(saidBy(outer));
  const frame = frameOf(error);
  const said = (of: ErrorCause) => [of.type, codeOf(of) ?? "", httpStatus(of) ?? "", messageSkeleton(saidBy(of))];
  const ingredients = [fingerprintVersion, said(outer), inner === outer ? [] : said(inner), frame ?? ""];
  const hash = sha256(JSON.stringify(ingredients)).slice(0, 32);
  const below = inner === outer ? "" : ` (${codeOf(inner) ?? inner.type}: ${messagePattern(saidBy(inner))})`;
  return {
    version: fingerprintVersion,
    hash,
    causeId: uuidOf(`dead-letter-office cause ${fingerprintVersion} ${hash}`),
    normalizedMessage,
    frame,
    title: cutText(
      `${outer.type}${isTimeout(outer) ? ` (${codeOf(outer)})` : ""}: ${normalizedMessage}${below}`.replace(
        /\s+/g,
        " ",
      ),
      200,
    ),
  };
}

/** Temporal's timeouts all say the same; which of them it was is a code in all but name. */
function codeOf(error: ErrorCause): string | undefined {
  return isTimeout(error) ? String(error.properties?.["timeoutType"]) : error.code;
}

function isTimeout({ type, properties }: ErrorCause): boolean {
  return type === "TimeoutFailure" && typeof properties?.["timeoutType"] === "string";
}

/** The message; of a validation error its issues, each once however many items of a list have it. */
function saidBy({ message, properties }: ErrorCause): string {
  const issues = properties?.["issues"];
  const lines = (Array.isArray(issues) ? (issues as Partial<{ path: unknown; message: unknown }>[]) : []).flatMap(
    (issue) => {
      if (typeof issue?.message !== "string") return [];
      const path = Array.isArray(issue.path)
        ? issue.path.map((key) => (typeof key === "number" ? "<n>" : String(key)))
        : [];
      return [path.length === 0 ? issue.message : `${path.join(".")}: ${issue.message}`];
    },
  );
  return lines.length === 0 ? message : [...new Set(lines)].join("; ");
}

/**
 * Node connects to a name by trying its addresses, and fails with an AggregateError where there are two, but with a plain
 * one where there is one. That is the same bug.
 */
function plainest(error: ErrorCause): ErrorCause {
  const [member] = error.errors ?? [];
  return error.code !== undefined && member !== undefined && member.code === error.code ? member : error;
}

function innermostOf(error: ErrorRecord): ErrorCause {
  const last = error.causes.at(-1) ?? error;
  const [member] = last.errors ?? [];
  return member === undefined ? plainest(last) : innermostOf(member);
}

/** The innermost error's own frame; where it has none, as a socket's, that of what wrapped it. */
function frameOf(error: ErrorRecord): string | undefined {
  for (const link of [...error.causes.toReversed(), error])
    for (const { stack } of [link, ...(link.errors ?? [])]) {
      const frame = stack === undefined ? undefined : ownFrame(stack);
      if (frame !== undefined) return frame;
    }
  return undefined;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A UUID (v8) that follows from the text alone. */
export function uuidOf(text: string): string {
  const hex = sha256(text);
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join("-");
}
