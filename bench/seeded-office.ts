import { v5 as uuidv5 } from "uuid";

/**
 * What the seeded letters are about: 30 jobs, 8 queues, and causes whose sizes follow a power law, the largest with 12% of all
 * deaths. The same for the same numbers.
 */

export type SeededCause = {
  readonly id: string;
  readonly fingerprint: string;
  readonly title: string;
  readonly errorType: string;
  readonly category: string;
  /** `{n}`, `{host}` and `{id}` differ from death to death. */
  readonly message: string;
  /** The function at the top of the stack. */
  readonly frame: string;
  /** Where it strikes; a cause in a shared library strikes everywhere. */
  readonly jobs: readonly string[];
  readonly state: "open" | "resolved" | "ignored";
};

export const seededJobs = [
  ...["charge-card", "send-mail", "import-order", "sync-crm", "render-invoice", "ship-parcel", "refund-payment"],
  ...["import-movie", "resize-image", "update-search", "notify-customer", "close-account", "export-ledger"],
  ...["fetch-rates", "verify-address", "score-fraud", "reserve-stock", "release-stock", "print-label"],
  ...["subscribe-newsletter", "renew-subscription", "expire-coupon", "merge-profiles", "backfill-tags"],
  ...["archive-chat", "transcribe-call", "translate-text", "warm-cache", "rotate-keys", "settle-payout"],
] as const;

export const seededQueues = ["default", "payments", "mail", "imports", "media", "search", "partners", "slow"] as const;

/** The queue that a job's letters are filed under, but for some. */
export function queueOf(job: string): string {
  const at = seededJobs.indexOf(job as (typeof seededJobs)[number]);
  return seededQueues[at % seededQueues.length]!;
}

/** The causes, the largest first. */
export function seededCauses(count: number): readonly SeededCause[] {
  return Array.from({ length: count }, (_, k) => cause(k));
}

/** For each of `slots` equal shares of all deaths, the number of the cause that has it. */
export function causeOfSlot(causes: number, slots: number): readonly number[] {
  const weights = Array.from({ length: causes }, (_, k) => (k + 1) ** -0.92);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const found: number[] = [];
  let reached = 0;
  for (const [k, weight] of weights.entries()) {
    reached += weight;
    while (found.length < Math.round((reached / total) * slots)) found.push(k);
  }
  while (found.length < slots) found.push(causes - 1);
  return found;
}

function cause(k: number): SeededCause {
  // Steps without a common divisor, so that every error meets every job.
  const { type, category, message } = errors[(k * 7) % errors.length]!;
  const home = seededJobs[(k * 11 + Math.trunc(k / 30)) % seededJobs.length]!;
  const frame = `${frames[(k * 5) % frames.length]!}${k}`;
  const shared = k % 9 === 4;
  const jobs = shared ? seededJobs : [home, seededJobs[(k * 13 + 1) % seededJobs.length]!];
  const title = `${message.replaceAll(/\{\w+\}/g, "<…>")} in ${frame}`;
  const fingerprint = `${type}|${title}`;
  const state = k % 20 === 7 ? "ignored" : k % 4 === 3 ? "resolved" : "open";
  return {
    id: uuidv5(fingerprint, uuidv5.URL),
    ...{ fingerprint, title, errorType: type, category, message, frame, jobs, state },
  };
}

const frames = [
  "chargeCard",
  "postMessage",
  "readOrder",
  "writeIndex",
  "fetchPage",
  "parseRow",
  "lockStock",
  "putFile",
];

const errors = [
  { type: "ConnectionError", category: "network", message: "connect ECONNREFUSED {host}:5432" },
  {
    type: "TypeError",
    category: "code",
    message: "Cannot read properties of undefined (reading 'total') of order {n}",
  },
  { type: "TimeoutError", category: "timeout", message: "request {id} to {host} took longer than 30000 ms" },
  { type: "ValidationError", category: "data", message: "title must be a text, got {n}" },
  { type: "HttpError", category: "dependency", message: "502 Bad Gateway from {host} for request {id}" },
  { type: "RateLimited", category: "rate_limit", message: "429 Too Many Requests, retry after {n} s" },
  { type: "AuthError", category: "auth", message: "token of client {id} has expired" },
  { type: "NotFound", category: "data", message: "customer {id} does not exist" },
  { type: "DeadlockDetected", category: "dependency", message: "deadlock detected while updating order {n}" },
  { type: "RangeError", category: "code", message: "Invalid time value in order {n}" },
  { type: "SocketError", category: "network", message: "other side closed the connection to {host}" },
  { type: "DiskFull", category: "resource", message: "ENOSPC: no space left on device, write of {n} bytes" },
  { type: "UniqueViolation", category: "data", message: "order {n} exists already" },
  { type: "JSONParseError", category: "data", message: "Unexpected token < in JSON at position {n}" },
  { type: "Error", category: "unknown", message: "upstream said no to request {id}" },
  { type: "DNSError", category: "network", message: "getaddrinfo EAI_AGAIN {host}" },
  { type: "OutOfMemory", category: "resource", message: "worker ran out of memory at {n} MB" },
] as const;
