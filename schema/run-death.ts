import type { Category } from "../model/category.ts";
import type { ErrorRecord } from "../model/error-record.ts";
import type { AttemptEntry, CauseRef } from "../model/ledger.ts";
import type { OwnCode } from "../model/own-code.ts";
import type { Reason } from "../model/reason.ts";

/** One end of one run, as far as the tables keep it. */
export type RunDeath = {
  readonly namespace: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly reason: Reason;
  readonly category: Category;
  readonly error: ErrorRecord;
  /** With the name of the rule that made it, if one did. */
  readonly cause: CauseRef & { readonly rule?: string };
  /** The attempts that are known one by one, in order. */
  readonly attempts: readonly AttemptEntry[];
  /** Attempts in all; interrupted ones don't count. */
  readonly attemptCount: number;
  readonly startedAtMs?: number;
  readonly diedAtMs: number;
  /** Why it is recorded only now, where the run did not tell of it by itself. */
  readonly found?: string;
  readonly buildId?: string;
  readonly workerIdentity?: string;
  /** What of its own code the job has; absent where the run could not say. */
  readonly ownCode?: readonly OwnCode[];
};
