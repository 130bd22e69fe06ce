import type { Category } from "../model/category.ts";
import type { Failure } from "../model/failure-policy.ts";
import type { CheckedDecision } from "../model/read-decision.ts";

/** An input that its job's schema refuses, found in the worker: the job was not started by our client. */
export class InvalidInput extends Error {
  override readonly name = "InvalidInput";
  readonly violations: readonly string[];
  constructor(job: string, violations: readonly string[]) {
    super(`The input is not valid for ${job}: ${violations.join("; ")}`);
    this.violations = violations;
  }
}

/** What `ctx.deadLetter` throws. */
export class GivenUp extends Error {
  override readonly name = "GivenUp";
  readonly category: Category | undefined;
  readonly details: unknown;
  constructor(message: string, category: Category | undefined, details: unknown) {
    super(message);
    this.category = category;
    this.details = details;
  }
}

/** The job's policy ends it for the attempt before, which never answered. */
export class EndedAfterSilence extends Error {
  override readonly name = "EndedAfterSilence";
  readonly failure: Failure;
  readonly decision: Extract<CheckedDecision, { do: "die" | "file" }>;
  constructor(failure: Failure, decision: EndedAfterSilence["decision"]) {
    super(failure.message);
    this.failure = failure;
    this.decision = decision;
  }
}

/** The job's policy lets it wait after an attempt that never answered: this one is handed back until then. */
export class WaitsAfterSilence extends Error {
  override readonly name = "WaitsAfterSilence";
  readonly afterMs: number;
  constructor(afterMs: number) {
    super("The job's policy asked to wait after an attempt that never answered");
    this.afterMs = afterMs;
  }
}
